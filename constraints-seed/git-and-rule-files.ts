import { bSync, bThread, on } from 'plaited'

// A repository's own files decide what git runs (hooks, filters); .gitignore and .gitattributes are ordinary files.
const gitFile = /(^|\/)\.git(\/|$)/i
const ruleFile = /(^|\/)data\/constraints(\/|$)/

const isGuarded = (path) => gitFile.test(path) || (ruleFile.test(path) && !path.startsWith('/workspace/'))

// Programs that change the files they are given, or copy them; sed and perl do with -i.
const changers = ['rm', 'unlink', 'shred', 'truncate', 'mv', 'cp', 'ln', 'install', 'tee', 'touch', 'chmod', 'chown']
const inPlaceEditors = ['sed', 'perl']
const inPlace = /^(-[a-zA-Z]*i|--in-place)/

// Programs that change only what they are told to write to: of=x, --output=x, -ox, -o x, -O x.
const writers = ['dd', 'curl', 'wget']
const namesOutput = /^(of=|--output(-document)?=|-o.)/
const beforeOutput = /^(-[a-zA-Z]*[oO]|--output(-document)?)$/

const nameOf = (path) => path.slice(path.lastIndexOf('/') + 1)

const runsAnyOf = (argv, programs) => argv.slice(0, 3).some((word) => word !== null && programs.includes(nameOf(word)))

const changesFiles = (argv) =>
  runsAnyOf(argv, changers) ||
  (runsAnyOf(argv, inPlaceEditors) && argv.some((word) => word !== null && inPlace.test(word)))

const isOutput = (word, before) => namesOutput.test(word) || (before !== null && beforeOutput.test(before))

const outputsOf = (argv) =>
  argv
    .filter((word, at) => at > 0 && word !== null && isOutput(word, argv[at - 1]))
    .map((word) => word.slice(word.indexOf('=') + 1))

// The words that may name a changed file; rsync leaves all but the last as they are.
const changedBy = (argv) =>
  changesFiles(argv)
    ? argv
    : runsAnyOf(argv, writers)
      ? outputsOf(argv)
      : argv.slice(runsAnyOf(argv, ['rsync']) ? -1 : argv.length)

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
      ],
    }),
  ],
  true,
)
