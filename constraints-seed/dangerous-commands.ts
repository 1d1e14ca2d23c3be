import { bSync, bThread, on } from 'plaited'

// A help against accidents, judged on the words that the shell will see. The sandbox is what contains a command.

// Programs that run the program named after them.
const wrappers = ['sudo', 'doas', 'env', 'nohup', 'nice', 'time', 'timeout', 'xargs', 'exec', 'command', 'busybox']

const nameOf = (path) => path.slice(path.lastIndexOf('/') + 1)

const isAnyOf = (word, programs) => word !== null && programs.includes(nameOf(word))

const runs = (argv, programs) =>
  isAnyOf(argv[0], programs) || (isAnyOf(argv[0], wrappers) && argv.some((word) => isAnyOf(word, programs)))

// The root, a directory of the system, a home, or the workspace as a whole; also with a trailing slash, dot or star.
const systemPath = /^\/+(bin|boot|dev|etc|home|lib|lib64|opt|proc|root|run|sbin|srv|sys|usr|var|workspace)?[/.*]*$/
const homePath = /^~[a-zA-Z0-9_-]*[/.*]*$/

const isWhole = (word) => word !== null && (systemPath.test(word) || homePath.test(word))

const recursive = /^(-[a-zA-Z]*[rR]|--recursive)/

const isRecursive = (argv) => argv.some((word) => word !== null && recursive.test(word))

/** The root, the system, a home or the whole workspace is not deleted. */
export const blockDestructiveRemoval = bThread(
  [
    bSync({
      block: [
        on('permission:bash:exec', ({ detail }) =>
          detail.commands.some(
            ({ argv }) =>
              runs(argv, ['rm']) && (argv.includes('--no-preserve-root') || (isRecursive(argv) && argv.some(isWhole))),
          ),
        ),
        on('permission:bash:exec', ({ detail }) =>
          detail.commands.some(
            ({ argv }) =>
              runs(argv, ['find']) && argv.some(isWhole) && (argv.includes('-delete') || argv.includes('rm')),
          ),
        ),
        on(
          'permission:bash:exec',
          ({ detail }) =>
            detail.cwd === '/workspace' &&
            !detail.programs.includes('cd') &&
            detail.commands.some(
              ({ argv }) =>
                runs(argv, ['rm']) &&
                isRecursive(argv) &&
                argv.some((word) => word !== null && ['.', './', '*', './*', '..', '../'].includes(word)),
            ),
        ),
      ],
    }),
  ],
  true,
)

const diskPrograms = ['mkswap', 'wipefs', 'fdisk', 'sfdisk', 'parted', 'blkdiscard']
const diskDevice = /^(of=)?\/dev\/(sd|hd|vd|xvd|nvme|mmcblk|disk|mapper|loop|mem|kmem)/

/** Disks are not formatted, partitioned or overwritten. */
export const blockDiskOverwrite = bThread(
  [
    bSync({
      block: [
        on('permission:bash:exec', ({ detail }) => detail.programs.some((program) => program.startsWith('mkfs'))),
        on('permission:bash:exec', ({ detail }) =>
          detail.commands.some(
            ({ argv }) =>
              runs(argv, diskPrograms) ||
              (runs(argv, wrappers) && argv.some((word) => word !== null && nameOf(word).startsWith('mkfs'))) ||
              (runs(argv, ['dd', 'tee', 'cp', 'shred']) && argv.some((word) => word !== null && diskDevice.test(word))),
          ),
        ),
        on('permission:bash:exec', ({ detail }) =>
          detail.redirects.some(({ op, target }) => op.includes('>') && target !== null && diskDevice.test(target)),
        ),
      ],
    }),
  ],
  true,
)

const forkBomb = /:\s*\(\s*\)\s*\{|:\s*\|\s*:\s*&/

/** A fork bomb is not started. */
export const blockForkBomb = bThread(
  [bSync({ block: on('permission:bash:exec', ({ detail }) => forkBomb.test(detail.cmd)) })],
  true,
)

const everybody = /^(0?[0-7]?777|[augo]*[+=]rwx)$/

/** The root, the system, a home or the whole workspace is not opened to everybody or given away. */
export const blockOpenPermissions = bThread(
  [
    bSync({
      block: on('permission:bash:exec', ({ detail }) =>
        detail.commands.some(
          ({ argv }) =>
            isRecursive(argv) &&
            argv.some(isWhole) &&
            (runs(argv, ['chown', 'chgrp']) ||
              (runs(argv, ['chmod']) && argv.some((word) => word !== null && everybody.test(word)))),
        ),
      ),
    }),
  ],
  true,
)

const powerPrograms = ['shutdown', 'reboot', 'poweroff', 'halt', 'telinit']
const powerVerbs = ['poweroff', 'reboot', 'halt', 'kexec', 'suspend', 'hibernate']

/** The machine is not shut down or restarted. */
export const blockShutdown = bThread(
  [
    bSync({
      block: on('permission:bash:exec', ({ detail }) =>
        detail.commands.some(
          ({ argv }) =>
            runs(argv, powerPrograms) ||
            (runs(argv, ['systemctl', 'loginctl']) && argv.some((word) => isAnyOf(word, powerVerbs))) ||
            (runs(argv, ['init']) && (argv.includes('0') || argv.includes('6'))),
        ),
      ),
    }),
  ],
  true,
)

const downloaders = ['curl', 'wget', 'fetch', 'aria2c']
const evaluators = ['eval', 'source', '.', 'sh', 'bash', 'dash', 'zsh', 'ksh']
const interpreters = ['sh', 'bash', 'dash', 'zsh', 'ksh', 'python', 'python3', 'perl', 'ruby', 'node', 'bun']

// An interpreter without a file of its own runs what is piped into it; `$(...)` and `<(...)` are words of null.
const runsItsInput = (argv) =>
  (isAnyOf(argv[0], interpreters) && argv.length === 1) ||
  (isAnyOf(argv[0], wrappers) && isAnyOf(argv[argv.length - 1], interpreters)) ||
  (runs(argv, interpreters) && (argv.includes('-s') || argv.includes('-')))

const runsItsWords = (argv) =>
  runs(argv, evaluators) &&
  argv.some((word, index) => word === null && index > 0 && (index === 1 || argv[index - 1] === '-c'))

/** What is downloaded is not run in the same breath. */
export const blockPipedDownloads = bThread(
  [
    bSync({
      block: on(
        'permission:bash:exec',
        ({ detail }) =>
          detail.commands.some(({ argv }) => runs(argv, downloaders)) &&
          detail.commands.some(({ argv }) => runsItsInput(argv) || runsItsWords(argv)),
      ),
    }),
  ],
  true,
)

const dangerousText = [
  /rm\s+-rf\s+["']?\//,
  /rm\s+(-\S+\s+)*["']?(~|\$HOME|\$\{HOME\})["']?[/.*]*(\s|$|[;&|)])/,
  /mkfs/,
  /dd\s+if=/,
  /\/dev\/(sd|hd|vd|nvme)/,
]

/** A command that cannot be read word by word does not contain the text of a dangerous one. */
export const blockUnreadableDanger = bThread(
  [
    bSync({
      block: on(
        'permission:bash:exec',
        ({ detail }) =>
          (detail.dynamic || detail.parseError !== null) && dangerousText.some((pattern) => pattern.test(detail.cmd)),
      ),
    }),
  ],
  true,
)
