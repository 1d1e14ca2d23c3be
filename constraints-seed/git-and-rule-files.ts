import { bSync, bThread, on } from 'plaited'

// A repository's own files decide what git runs (hooks, filters); .gitignore and .gitattributes are ordinary files.
const gitFile = /(^|\/)\.git(\/|$)/i
const ruleFile = /(^|\/)data\/constraints(\/|$)/

const isGuarded = (path) => gitFile.test(path) || (ruleFile.test(path) && !path.startsWith('/workspace/'))

const nameOf = (path) => path.slice(path.lastIndexOf('/') + 1)

// Programs that change the files they are given.
const changers = ['rm', 'unlink', 'truncate', 'mv', 'cp', 'ln', 'install', 'tee', 'touch', 'chmod', 'chown']

const runsChanger = (argv) => argv.slice(0, 3).some((word) => word !== null && changers.includes(nameOf(word)))

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
          detail.commands.some(
            ({ argv }) => runsChanger(argv) && argv.some((word) => word !== null && isGuarded(word)),
          ),
        ),
      ],
    }),
  ],
  true,
)
