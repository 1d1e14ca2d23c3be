import { bSync, bThread, on } from 'plaited'

// A help against accidents, judged on the words that the shell will see. The sandbox is what contains a command.

// Programs that run the program named after them.
const wrappers = ['sudo', 'doas', 'env', 'nohup', 'nice', 'time', 'timeout', 'xargs', 'exec', 'command', 'busybox']
const otherWrappers = ['setsid', 'stdbuf', 'ionice', 'flock', 'chroot', 'unshare', 'watch', 'parallel', 'toybox']

const nameOf = (path) => path.slice(path.lastIndexOf('/') + 1)

const isAnyOf = (word, programs) => word !== null && programs.includes(nameOf(word))

const isWrapper = (word) => isAnyOf(word, wrappers) || isAnyOf(word, otherWrappers)

const runs = (argv, programs) =>
  isAnyOf(argv[0], programs) || (isWrapper(argv[0]) && argv.some((word) => isAnyOf(word, programs)))

// The root, a directory of the system or below one, a home; also with a trailing slash, dot or star.
const systemPath =
  /^\/+((bin|boot|dev|etc|lib|lib32|lib64|proc|sbin|sys|usr)(\/.*)?|data|media|mnt|opt|root|run|srv|var|var\/lib)?[/.*]*$/
const homePath = /^(~[a-zA-Z0-9_-]*|\/+home(\/[^/]+)?)[/.*]*$/
const workspacePath = /^(\/|\.\.\/)[/.]*workspace[/.*]*$/

// An absolute path that goes up again can lead anywhere.
const upwardPath = /^\/.*\/\.\.(\/|$)/

const isSystemPath = (path) => systemPath.test(path) || homePath.test(path) || upwardPath.test(path)
const isWholePath = (path) => isSystemPath(path) || workspacePath.test(path)

const isSystem = (word) => word !== null && isSystemPath(word)
const isWorkspace = (word) => word !== null && workspacePath.test(word)
const isWhole = (word) => word !== null && isWholePath(word)

const recursive = /^(-[a-zA-Z]*[rR]|--rec)/

const isRecursive = (argv) => argv.some((word) => word !== null && recursive.test(word))

// The directory a command runs in, or all that is in it, or the one above: ., ./*, *, .., ../
const herePath = /^[.*][/.*]*$/

const isHere = (word) => word !== null && herePath.test(word)

const isCd = ({ argv }) => isAnyOf(argv[0], ['cd', 'pushd'])

// Back, up, or where it was: ., ./, .., ../.., a/..
const backPath = /^(-|(\.\.?\/+)*\.\.?\/*|.*\/\.\.\/*)$/
const homeText = /\b(cd|pushd)\s+["']?\$(HOME|\{HOME\})["']?\/?["']?([\s;&|)]|$)/

const leadsToWhole = ({ argv }, cmd) =>
  argv.length === 1 ||
  argv.some((word) => (word === null ? homeText.test(cmd) : backPath.test(word) || isWholePath(word)))

// Where the last `cd` before a command leads, or where the script starts, is the root, a home or the whole workspace.
const isWholeHere = (detail, at) =>
  detail.commands.slice(0, at).some(isCd)
    ? detail.commands
        .slice(0, at)
        .filter(isCd)
        .slice(-1)
        .some((command) => leadsToWhole(command, detail.cmd))
    : isWholePath(detail.cwd)

const namesWhole = (argv, detail, at) => argv.some(isWhole) || (argv.some(isHere) && isWholeHere(detail, at))

const removesFound = (argv) =>
  runs(argv, ['find']) && argv.some((word) => word === '-delete' || isAnyOf(word, ['rm', 'unlink', 'shred']))

// With one of these, `find` means some files and not all; but not with the name `*`, or when it says what to leave alone.
const narrowing = /^-(i?(name|path|regex|wholename)|[acm](time|min)|newer.*|empty|size|user|group|perm|xtype)$/
const everyName = /^[.*]+$/
const exceptions = ['!', '-not']

const isNarrow = (argv) =>
  argv.some(
    (word, at) =>
      word !== null &&
      narrowing.test(word) &&
      !argv.slice(at + 1, at + 2).some((value) => value !== null && everyName.test(value)) &&
      !(at > 0 && exceptions.includes(argv[at - 1])),
  )

const option = /^-/

// Without a place of its own, `find` starts where it runs.
const startsHere = (argv) => argv.some(isHere) || argv.slice(1, 2).some((word) => word !== null && option.test(word))

// All that is there, named to `xargs rm` one by one.
const listsAll = (argv, detail, at) =>
  (isAnyOf(argv[0], ['find']) &&
    !isNarrow(argv) &&
    (argv.some(isWhole) || (startsHere(argv) && isWholeHere(detail, at)))) ||
  (isAnyOf(argv[0], ['ls']) &&
    (argv.some(isWhole) ||
      (argv.slice(1).every((word) => word !== null && (option.test(word) || herePath.test(word))) &&
        isWholeHere(detail, at))))

const removesListed = (argv) => isAnyOf(argv[0], ['xargs', 'parallel']) && argv.some((word) => isAnyOf(word, ['rm']))

/** The root, the system, a home or the whole workspace is not deleted. */
export const blockDestructiveRemoval = bThread(
  [
    bSync({
      block: [
        on('permission:bash:exec', ({ detail }) =>
          detail.commands.some(
            ({ argv }, at) =>
              runs(argv, ['rm']) &&
              (argv.includes('--no-preserve-root') || (isRecursive(argv) && namesWhole(argv, detail, at))),
          ),
        ),
        on('permission:bash:exec', ({ detail }) =>
          detail.commands.some(
            ({ argv }, at) =>
              removesFound(argv) &&
              (argv.some(isSystem) ||
                (!isNarrow(argv) && (argv.some(isWorkspace) || (startsHere(argv) && isWholeHere(detail, at))))),
          ),
        ),
        on('permission:bash:exec', ({ detail }) =>
          detail.commands.some(
            ({ argv }, at) =>
              removesListed(argv) &&
              detail.commands.slice(at - 1, at).some((before) => listsAll(before.argv, detail, at)),
          ),
        ),
      ],
    }),
  ],
  true,
)

const diskPrograms = ['mkswap', 'mke2fs', 'wipefs', 'fdisk', 'sfdisk', 'sgdisk', 'parted', 'blkdiscard']
const diskDevice = /^(of=)?\/+dev\/+(\.\/+)*(sd|hd|vd|xvd|nvme|mmcblk|disk|mapper|dm-|md|loop|mem|kmem)/

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

// A function whose body starts two more of something, whatever it is called.
const forkBomb = /:\s*\(\s*\)\s*\{|:\s*\|\s*:\s*&|(\(\s*\)|\bfunction\s+\w+)\s*\{\s*\w+\s*\|\s*\w+\s*&\s*;?\s*\}/

/** A fork bomb is not started. */
export const blockForkBomb = bThread(
  [bSync({ block: on('permission:bash:exec', ({ detail }) => forkBomb.test(detail.cmd)) })],
  true,
)

// Others may write: 777, 0666, a+rwx, o+w, u+x,o+w.
const everybody = /^([0-7]{0,4}[2367]|([^,]*,)*(a|o|go|uo|ugo)?[+=]r?w[xX]?(,[^,]*)*)$/

/** The root, the system, a home or the workspace, with all that is in it, is not opened to everybody or given away. */
export const blockOpenPermissions = bThread(
  [
    bSync({
      block: on('permission:bash:exec', ({ detail }) =>
        detail.commands.some(
          ({ argv }, at) =>
            (runs(argv, ['chown', 'chgrp']) ||
              (runs(argv, ['chmod']) && argv.some((word) => word !== null && everybody.test(word)))) &&
            isRecursive(argv) &&
            namesWhole(argv, detail, at),
        ),
      ),
    }),
  ],
  true,
)

const powerPrograms = ['shutdown', 'reboot', 'poweroff', 'halt', 'telinit']
const powerVerbs = ['poweroff', 'reboot', 'halt', 'kexec', 'suspend', 'hibernate', 'poweroff.target', 'reboot.target']

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
const shells = ['sh', 'bash', 'dash', 'zsh', 'ksh']
const evaluators = ['eval', 'source', '.', 'sh', 'bash', 'dash', 'zsh', 'ksh']
const interpreters = ['sh', 'bash', 'dash', 'zsh', 'ksh', 'python', 'python3', 'perl', 'ruby', 'node', 'bun', 'php']

// With these alone, a shell still reads what is piped into it: -x, -eux, --posix.
const shellOption = /^(-[abefhklmnptuvxBEHPT]+|--(posix|norc|noprofile|login))$/

// An interpreter without a file of its own runs what is piped into it; `$(...)` and `<(...)` are words of null.
const runsItsInput = (argv) =>
  (isAnyOf(argv[0], interpreters) && argv.length === 1) ||
  (isAnyOf(argv[0], shells) && argv.slice(1).every((word) => word !== null && shellOption.test(word))) ||
  (isWrapper(argv[0]) && isAnyOf(argv[argv.length - 1], interpreters)) ||
  (runs(argv, interpreters) && (argv.includes('-s') || argv.includes('-') || argv.includes('/dev/stdin')))

const runsItsWords = (argv) =>
  (argv.length === 1 && argv[0] === null) ||
  (runs(argv, evaluators) &&
    argv.some((word, index) => word === null && index > 0 && (index === 1 || argv[index - 1] === '-c')))

const downloadAsCode = /\b(python3?|node|bun|perl|ruby|php)\s+-[a-zA-Z]*[cer]\s+["']?(\$\(|`)\s*(curl|wget)\b/

/** A download is not fed straight into a program that runs it. */
export const blockPipedDownloads = bThread(
  [
    bSync({
      block: [
        on(
          'permission:bash:exec',
          ({ detail }) =>
            detail.commands.some(({ argv }) => runs(argv, downloaders)) &&
            detail.commands.some(({ argv }) => runsItsInput(argv)),
        ),
        on(
          'permission:bash:exec',
          ({ detail }) =>
            detail.commands.some(({ argv, via }) => via === 'substitution' && runs(argv, downloaders)) &&
            detail.commands.some(({ argv }) => runsItsWords(argv)),
        ),
        on('permission:bash:exec', ({ detail }) => downloadAsCode.test(detail.cmd)),
      ],
    }),
  ],
  true,
)

// `rm -rf` of the root, of the system, of where the shell stands, or of what is a home or the workspace when the variable
// behind it is empty.
const dangerousText = [
  /\brm\s+(-\S+\s+)*-\S*[rR]\S*\s+(-\S+\s+)*["']?\/+["']?([\s$*;&|)]|$)/,
  /\brm\s+(-\S+\s+)*-\S*[rR]\S*\s+(-\S+\s+)*["']?\/+(bin|boot|dev|etc|lib|lib64|proc|sbin|sys|usr)\b/,
  /\brm\s+(-\S+\s+)*-\S*[rR]\S*\s+(-\S+\s+)*["']?\/+(home|opt|root|run|srv|var|workspace)\/?["']?([\s$*;&|)]|$)/,
  /rm\s+(-\S+\s+)*["']?(~|\$HOME|\$\{HOME\}|\$PWD|\$\{PWD\}|\$\(pwd\)|`pwd`)["']?[/.*]*(\s|$|[;&|)])/,
  /\brm\s+(-\S+\s+)*-\S*[rR]\S*\s+(-\S+\s+)*(\/+workspace\/+|\.\/+)?\{[.*,]*\*[.*,]*\}/,
  /mkfs/,
  /dd\s+if=/,
  /\/dev\/(sd|hd|vd|nvme)/,
]

// What is read here as one word, or not at all, runs as a script: `echo "rm -rf /" | sh`, `su -c "rm -rf /"`.
const scriptTakers = ['su', 'ssh', 'script', 'watch', 'trap', 'alias']

const takesScript = ({ argv }) => runsItsInput(argv) || runs(argv, scriptTakers)

/** A command that cannot be read word by word does not contain the text of a dangerous one. */
export const blockUnreadableDanger = bThread(
  [
    bSync({
      block: on(
        'permission:bash:exec',
        ({ detail }) =>
          (detail.dynamic || detail.parseError !== null || detail.commands.some(takesScript)) &&
          dangerousText.some((pattern) => pattern.test(detail.cmd)),
      ),
    }),
  ],
  true,
)
