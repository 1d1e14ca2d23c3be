/**
 * Ends what a killed node would leave behind.
 *
 * A node that dies takes its sandboxes with it: bubblewrap asks the kernel for a SIGKILL when its parent ends. But only once
 * it runs. Killed between its clone and the word it gives to its child (an eventfd, which knows no end of file), it leaves a
 * child that waits for that word for ever; and one whose parent was gone before it asked is never told.
 *
 * So a small shell stands beside the node for as long as the lanes are open. It reads one pipe, whose other end only the node
 * has. When that ends without a goodbye, it kills what still carries the mark of this node on its command line, until it
 * has looked twice and found nothing: what it ends first may be the one that leaves the next. It runs as the sandbox's user,
 * knows nothing but the mark, and never acts while the node lives.
 *
 * A command can read the mark inside and name a file after it, which the owner may have open: so the mark alone counts for
 * nothing, only the shell's words that our own command lines have around it.
 */
import { type SandboxHost, shellCommand } from './bubblewrap-arguments.ts'
import { cannotStart, sendInput, writeInput } from './launch-confined.ts'

const LOOKS_MAX = 100
const BETWEEN_LOOKS_S = 0.05

/** The mark comes through pipes only: on a command line of its own the sweeper would find itself. */
export const SWEEP = `
IFS= read -r mark || exit 0
IFS= read -r goodbye && exit 0
empty=0
for ((look = 0; look < ${LOOKS_MAX} && empty < 2; look++)); do
  found=$(grep -lsz -f /dev/stdin /proc/[0-9]*/cmdline <<<"^: $mark; umask")
  empty=$((empty + 1))
  for path in $found; do
    pid=\${path#/proc/}; pid=\${pid%/cmdline}
    mapfile -d '' -t words 2>/dev/null <"$path" || continue
    for ((at = 4; at < \${#words[@]}; at++)); do
      [[ \${words[at]} == ": $mark; umask "* ]] || continue
      [[ "\${words[*]:at-4:4}" == '/bin/bash --noprofile --norc -c' ]] || continue
      kill -KILL "$pid" 2>/dev/null && empty=0
    done
  done
  read -r -t ${BETWEEN_LOOKS_S} <> <(:)
done`

export type Sweeper = {
  /** Sends it home, without a look. */
  readonly close: () => Promise<void>
}

/**
 * Starts the sweeper of one node; the mark is what the node's sandboxes carry.
 * @throws {NodeError} SANDBOX_FAILED when the host cannot start another process.
 */
export const startSweeper = (host: Pick<SandboxHost, 'mark' | 'drop'>): Sweeper => {
  const shell = spawnShell(host.drop)
  void writeInput(shell, `${host.mark}\n`) // one that died at once is no use, and no harm
  shell.unref()
  return {
    close: async () => {
      await sendInput(shell, 'goodbye\n')
      await shell.exited
    },
  }
}

const spawnShell = (drop: SandboxHost['drop']) => {
  const become =
    drop === null
      ? []
      : [drop.setprivPath, `--reuid=${drop.to.uid}`, `--regid=${drop.to.gid}`, '--clear-groups', '--no-new-privs', '--']
  try {
    return Bun.spawn([...become, ...shellCommand(SWEEP)], {
      env: { PATH: '/usr/bin:/bin' },
      cwd: '/',
      detached: true, // Ctrl-C is for the node
      stdio: ['pipe', 'ignore', 'ignore'],
    })
  } catch (cause) {
    throw cannotStart(cause)
  }
}
