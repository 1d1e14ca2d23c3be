import { bSync, bThread, on } from 'plaited'

// --force, --force-with-lease, -f, -uf; --mirror, --prune, --delete, -d, also shortened as git lets them be; a ref with a
// plus sign, or with nothing before its colon. A lone colon only pushes the branches that both sides have.
const forcing = /^(--(force|mi|pru|de)|-[a-zA-Z]*[fd]|[+:].)/
const forcingText = /\bgit\b[^;&|\n]*\bpush\b([^;&|\n]|\\\n)*\s["']?(--(force|mi|pru|de)|-[a-zA-Z]*[fd]\b|[+:]\S)/

const nameOf = (path) => path.slice(path.lastIndexOf('/') + 1)

// Programs that run the program named after them, often behind options with values: `sudo -u root git`.
const wrappers = ['sudo', 'doas', 'env', 'nohup', 'nice', 'time', 'timeout', 'xargs', 'exec', 'command', 'busybox']

const isWrapper = (word) => word !== null && wrappers.includes(nameOf(word))

const runsGit = (argv) =>
  argv.slice(0, isWrapper(argv[0]) ? 12 : 3).some((word) => word !== null && nameOf(word) === 'git')

// `git stash push` pushes nothing to a remote repository.
const isPush = (argv) => runsGit(argv) && argv.some((word, at) => word === 'push' && at > 0 && argv[at - 1] !== 'stash')

const isForced = (argv) => argv.slice(argv.indexOf('push')).some((word) => word !== null && forcing.test(word))

/** The history of a remote repository is not overwritten, and none of its branches or tags is deleted. */
export const blockForcePush = bThread(
  [
    bSync({
      block: [
        on(
          'permission:git:push',
          ({ detail }) => detail.force || forcing.test(detail.remote) || detail.refs.some((ref) => forcing.test(ref)),
        ),
        on('permission:bash:exec', ({ detail }) => detail.commands.some(({ argv }) => isPush(argv) && isForced(argv))),
        // What cannot be read word by word is judged by its text.
        on(
          'permission:bash:exec',
          ({ detail }) => (detail.dynamic || detail.parseError !== null) && forcingText.test(detail.cmd),
        ),
      ],
    }),
  ],
  true,
)
