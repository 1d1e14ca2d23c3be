/**
 * One bubblewrap process and what must be known about it: the pid of the command inside, and whether it ever ran.
 *
 * Both come from bubblewrap's status descriptor: `child-pid` when the namespaces exist, `exit-code` only if the command was
 * executed. So a command that prints "bwrap: ..." and a sandbox that could not be built are told apart without reading text.
 */
import { NodeError } from '../../utils/node-error.ts'
import { bubblewrapArguments, type Confinement, type SandboxHost } from './bubblewrap-arguments.ts'
import type { OutputPipe } from './output-pipe.ts'
import type { SandboxLane } from './seccomp-filter.ts'

export type ConfinedProcess = {
  readonly stdin: Bun.FileSink
  /** Must be read to the end, as must `stderr`: only then are their descriptors closed. */
  readonly stdout: AsyncIterable<Uint8Array>
  readonly stderr: AsyncIterable<Uint8Array>
  /** Host pid of pid 1 inside; null when there never was one. Contract: does not reject. */
  readonly innerPid: Promise<number | null>
  /** `executed` false: the sandbox was not built, and bubblewrap says why on stderr. Contract: does not reject. */
  readonly ended: Promise<{ readonly exitCode: number; readonly executed: boolean }>
  readonly isRunning: () => boolean
  /** Ends everything inside, as soon as that is safe. Contract: does not throw. */
  readonly kill: () => void
}

/**
 * Starts `confinement.command` in a fresh sandbox.
 * @throws {NodeError} SANDBOX_FAILED when the host cannot start another process.
 */
export const launchConfined = (host: SandboxHost, lane: SandboxLane, confinement: Confinement): ConfinedProcess => {
  // Not an extra 'pipe' of Bun's: what it says was lost now and then, and the end of the process with it (Bun 1.4.5).
  const statusPipe = host.makePipe()
  const { child, stdout, stderr } =
    lane === 'bash' ? spawnOnPipes(host, confinement, statusPipe) : spawnOnSockets(host, confinement, statusPipe)
  const status = readStatus(statusPipe.read())
  const isRunning = () => child.exitCode === null && child.signalCode === null
  return {
    stdin: child.stdin,
    stdout,
    stderr,
    innerPid: status.innerPid,
    ended: Promise.all([child.exited, status.executed]).then(([exitCode, executed]) => ({ exitCode, executed })),
    isRunning,
    // Never bubblewrap itself: killed while it sets up, it leaves a child that waits for ever (9 of 200 kills).
    kill: () => {
      void status.innerPid.then((pid) => {
        if (pid !== null && isRunning()) killIfAlive(pid)
      })
    },
  }
}

/**
 * Writes input that more may follow, and waits until it is taken. Whoever does not read it (a sandbox that failed) says so
 * by its end, not by a broken pipe.
 */
export const writeInput = async (
  { stdin }: Pick<ConfinedProcess, 'stdin'>,
  input: string | Uint8Array,
): Promise<void> => {
  try {
    // What the pipe takes at once is in it when this returns; the rest may still fail later.
    await Promise.all([stdin.write(input), stdin.flush()])
  } catch (error) {
    if (!hasCode(error, 'EPIPE')) throw error
  }
}

/** The same with all of the input; closes it. */
export const sendInput = async (
  confined: Pick<ConfinedProcess, 'stdin'>,
  input: string | Uint8Array,
): Promise<void> => {
  if (input.length > 0) await writeInput(confined, input)
  await confined.stdin.end()
}

/** Any program may run here, and many open /dev/stderr. */
const spawnOnPipes = (host: SandboxHost, confinement: Confinement, status: OutputPipe) => {
  const out = host.makePipe()
  const err = host.makePipe()
  const child = spawnWith([out, err, status], () =>
    Bun.spawn(bubblewrapArguments(host, confinement), {
      ...SPAWN,
      stdio: ['pipe', out.writeEnd, err.writeEnd, Bun.file(host.filterPaths.bash), status.writeEnd],
    }),
  )
  return { child, stdout: out.read(), stderr: err.read() }
}

/** Our own worker: its output cannot be opened through a path at all, which is one way less to forge an answer. */
const spawnOnSockets = (host: SandboxHost, confinement: Confinement, status: OutputPipe) => {
  const child = spawnWith([status], () =>
    Bun.spawn(bubblewrapArguments(host, confinement), {
      ...SPAWN,
      stdio: ['pipe', 'pipe', 'pipe', Bun.file(host.filterPaths.files), status.writeEnd],
    }),
  )
  return { child, stdout: child.stdout, stderr: child.stderr }
}

const spawnWith = <Child>(pipes: readonly OutputPipe[], spawn: () => Child): Child => {
  try {
    const child = spawn()
    for (const pipe of pipes) pipe.closeWriteEnd()
    return child
  } catch (cause) {
    for (const pipe of pipes) pipe.discard()
    throw cannotStart(cause)
  }
}

// The filter goes in by path: a descriptor used twice would stand at its end, and bubblewrap would read nothing.
// A session of its own keeps Ctrl-C in the node's terminal, meant for the node, from ending what runs here.
const SPAWN = { env: {}, cwd: '/', detached: true } as const

/** The host has no room for a process of ours. */
export const cannotStart = (cause: unknown): NodeError =>
  new NodeError('SANDBOX_FAILED', 'the host could not start a sandbox process', {
    hint: 'look for a limit on processes or open files, or for lack of memory',
    cause,
  })

const readStatus = (stream: AsyncIterable<Uint8Array>) => {
  const innerPid = Promise.withResolvers<number | null>()
  const read = async (): Promise<boolean> => {
    let text = ''
    try {
      for await (const chunk of stream) {
        text += Buffer.from(chunk).toString('latin1')
        const pid = /"child-pid": (\d+)[ ,]/.exec(text)?.[1] // whole only: a cut number is another process
        if (pid !== undefined) innerPid.resolve(Number(pid))
      }
      return text.includes('"exit-code"')
    } catch {
      return true // an unreadable status proves nothing, and a command that may have run is never run again
    } finally {
      innerPid.resolve(null)
    }
  }
  return { innerPid: innerPid.promise, executed: read() }
}

const killIfAlive = (pid: number): void => {
  try {
    process.kill(pid, 'SIGKILL')
  } catch (error) {
    if (!hasCode(error, 'ESRCH')) throw error
  }
}

const hasCode = (error: unknown, code: string): boolean =>
  error instanceof Error && 'code' in error && error.code === code
