import { bSync, bThread, on } from 'plaited'

// A repository's own files decide what git runs (hooks, filters); .gitignore and .gitattributes are ordinary files.
const gitFile = /(^|\/)\.git\**(\/|$)/i
const ruleFile = /(^|\/)data\/constraints(\/|$)/

// A path that starts with what only the shell will know, as in "$PWD/.git".
const unreadableGitFile = /(\$|`)[^\s;&|<>]*\/\.git(\/[^\s;&|<>"']*)?["']?([\s;&|)]|$)/i

const isGuarded = (path) => gitFile.test(path) || (ruleFile.test(path) && !path.startsWith('/workspace/'))

// Programs that change the files they are given, or copy them; sed and perl do with -i, git with some of its commands.
const removers = ['rm', 'unlink', 'shred']
const changers = ['truncate', 'mv', 'cp', 'ln', 'install', 'tee', 'touch', 'chmod', 'chown', 'chgrp', 'patch', 'gzip']
const gitChangers = ['rm', 'mv', 'checkout', 'restore']
const inPlaceEditors = ['sed', 'perl']
const inPlace = /^(-[a-zA-Z]*i|--in-place)/

// Programs that run the program named after them, often behind options with values: `sudo -u root rm`.
const wrappers = ['sudo', 'doas', 'env', 'nohup', 'nice', 'time', 'timeout', 'xargs', 'exec', 'command', 'busybox']

// Programs that change only what they are told to write to: of=x, --output=x, -ox, -o x, -O x, -out x.
const writers = ['dd', 'curl', 'wget', 'openssl', 'gpg', 'sort']
const namesOutput = /^(of=|--output(-document)?=|-[a-zA-Z]*[oO].)/
const beforeOutput = /^(-[a-zA-Z]*[oOP]|--output(-document|-dir)?|--directory-prefix|-out|-keyout)$/

// ssh-keygen makes the key that it names, unless it only reads it.
const readsKey = /^-[a-zA-Z]*[lyeFB]/

// With one of these, `find` names what it leaves alone.
const excluding = ['!', '-not', '-prune']

const nameOf = (path) => path.slice(path.lastIndexOf('/') + 1)

const isAnyOf = (word, programs) => word !== null && programs.includes(nameOf(word))

const runsAnyOf = (argv, programs) =>
  argv.slice(0, isAnyOf(argv[0], wrappers) ? 12 : 3).some((word) => isAnyOf(word, programs))

const changesFiles = (argv) =>
  runsAnyOf(argv, removers) ||
  runsAnyOf(argv, changers) ||
  (runsAnyOf(argv, ['git']) && argv.some((word) => gitChangers.includes(word)) && !argv.includes('--staged')) ||
  (runsAnyOf(argv, inPlaceEditors) && argv.some((word) => word !== null && inPlace.test(word))) ||
  (runsAnyOf(argv, ['ssh-keygen']) && !argv.some((word) => word !== null && readsKey.test(word)))

const removesFound = (argv) =>
  runsAnyOf(argv, ['find']) && argv.some((word) => word === '-delete' || isAnyOf(word, removers))

const foundBy = (argv) => (argv.some((word) => excluding.includes(word)) ? argv.slice(0, 2) : argv)

const isOutput = (word, before) => namesOutput.test(word) || (before !== null && beforeOutput.test(before))

const outputsOf = (argv) =>
  argv
    .filter((word, at) => at > 0 && word !== null && isOutput(word, argv[at - 1]))
    .map((word) => word.slice(word.indexOf('=') + 1))

// The words that may name a changed file; rsync and scp leave all but the last as they are.
const changedBy = (argv) =>
  removesFound(argv)
    ? foundBy(argv)
    : changesFiles(argv)
      ? argv
      : runsAnyOf(argv, writers)
        ? outputsOf(argv)
        : argv.slice(runsAnyOf(argv, ['rsync', 'scp']) ? -1 : argv.length)

// Where the last `cd` before a command leads, and where the script ends up.
const isCd = ({ argv }) => isAnyOf(argv[0], ['cd', 'pushd'])
const lastCd = (commands) => commands.filter(isCd).slice(-1)

// A file that is named from where a command stands.
const relative = /^[^/0-9&]/

const entersGuarded = ({ argv }) => argv.some((word) => word !== null && isGuarded(word))

/** The files of git itself and the node's rules are not written, changed, moved or deleted. */
export const protectGitAndRules = bThread(
  [
    bSync({
      block: on(
        'permission:file:write',
        ({ detail }) => isGuarded(detail.path) || (detail.from !== null && isGuarded(detail.from)),
      ),
    }),
  ],
  true,
)

/** Shell commands do not write, change, move or delete the files of git itself or the node's rules. */
export const protectGitAndRulesFromShell = bThread(
  [
    bSync({
      block: [
        on('permission:bash:exec', ({ detail }) =>
          detail.redirects.some(({ op, target }) => op.includes('>') && target !== null && isGuarded(target)),
        ),
        on('permission:bash:exec', ({ detail }) =>
          detail.commands.some(({ argv }) => changedBy(argv).some((word) => word !== null && isGuarded(word))),
        ),
        on(
          'permission:bash:exec',
          ({ detail }) =>
            detail.commands.filter(isCd).some(entersGuarded) &&
            (detail.commands.some(
              ({ argv }, at) => changedBy(argv).length > 0 && lastCd(detail.commands.slice(0, at)).some(entersGuarded),
            ) ||
              (detail.redirects.some(
                ({ op, target }) => op.includes('>') && target !== null && relative.test(target),
              ) &&
                lastCd(detail.commands).some(entersGuarded))),
        ),
        // What cannot be read word by word is judged by its text.
        on(
          'permission:bash:exec',
          ({ detail }) =>
            (detail.redirects.some(({ op, target }) => op.includes('>') && target === null) ||
              detail.commands.some(({ argv }) => changedBy(argv).includes(null))) &&
            unreadableGitFile.test(detail.cmd),
        ),
      ],
    }),
  ],
  true,
)
