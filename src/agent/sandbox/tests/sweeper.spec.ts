import { expect, test } from 'bun:test'
import { shellCommand } from '../bubblewrap-arguments.ts'
import { SWEEP } from '../sweeper.ts'

const MARK = `plaited-${crypto.randomUUID()}`

const start = (argv: readonly string[]) => Bun.spawn([...argv], { stdio: ['pipe', 'ignore', 'ignore'] })

// They read what never comes: a program that the shell waits for would outlive it.

/** What a node that died leaves, as its command line says. */
const leftover = () => start(shellCommand(`: ${MARK}; umask 002; read -r; true`))

/** The pipe ends after `words`, as at the node's death or goodbye. */
const sweep = async (words: string): Promise<void> => {
  const shell = Bun.spawn(shellCommand(SWEEP), { stdio: [new Blob([words]), 'ignore', 'ignore'] })
  await shell.exited
}

test('the sweeper ends what carries the mark of a dead node as its own words, and no bystander that a command chose', async () => {
  const own = leftover()
  const bystanders = [
    start(['/bin/bash', '-c', `exec -a "vim /workspace/notes-${MARK}.md" sleep 600`]),
    start(['tail', '-f', '/dev/null', `: ${MARK}; umask 002`]),
    start(['/bin/bash', '-c', `: ${MARK}; umask 002; read -r; true`]),
  ]
  try {
    await sweep(`${MARK}\ngoodbye\n`)
    expect(own.exitCode ?? own.signalCode).toBeNull()
    await sweep(`${MARK}\n`)
    await own.exited
    expect(own.signalCode).toBe('SIGKILL')
    expect(bystanders.map(({ signalCode }) => signalCode)).toEqual(bystanders.map(() => null))
  } finally {
    for (const child of [own, ...bystanders]) child.kill('SIGKILL')
  }
})
