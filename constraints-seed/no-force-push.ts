import { bSync, bThread, on } from 'plaited'

// --force, --force-with-lease, -f, -uf, or a ref with a plus sign.
const forcing = /^(--force|-[a-zA-Z]*f|\+)/
const forcingText = /\bgit\b.*\bpush\b.*\s["']?(--force|-[a-zA-Z]*f\b|\+)/s

const nameOf = (path) => path.slice(path.lastIndexOf('/') + 1)

const isPush = (argv) =>
  argv.slice(0, 3).some((word) => word !== null && nameOf(word) === 'git') && argv.includes('push')

/** The history of a remote repository is not overwritten. */
export const blockForcePush = bThread(
  [
    bSync({
      block: [
        on('permission:git:push', ({ detail }) => detail.force || detail.refs.some((ref) => ref.startsWith('+'))),
        on('permission:bash:exec', ({ detail }) =>
          detail.commands.some(({ argv }) => isPush(argv) && argv.some((word) => word !== null && forcing.test(word))),
        ),
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
