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

/** Between two looks for the pid, milliseconds; bubblewrap needs about ten. */
const LOOK_MS = 2

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
  const statusPipe = host.makePipe({ isLookedAt: true })
  const { child, stdout, stderr } =
    lane === 'bash' ? spawnOnPipes(host, confinement, statusPipe) : spawnOnSockets(host, confinement, statusPipe)
  const status = readStatus(statusPipe, child.exited)
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

/**
 * Looked at by the clock until the pid is there, and once more at the end. A stream over the descriptor lost its first
 * event now and then (Bun 1.4.5, busy machine): then neither pid nor end came, and no time-out could end the call.
 */
const readStatus = (pipe: OutputPipe, exited: Promise<unknown>) => {
  const innerPid = Promise.withResolvers<number | null>()
  let text = ''
  const look = (): boolean => {
    text += Buffer.from(pipe.look()).toString('latin1')
    const pid = /"child-pid": (\d+)[ ,]/.exec(text)?.[1] // whole only: a cut number is another process
    if (pid !== undefined) innerPid.resolve(Number(pid))
    return pid !== undefined
  }
  let timer: Timer | null = setInterval(() => {
    if (look()) stopLooking()
  }, LOOK_MS)
  const stopLooking = () => {
    if (timer !== null) clearInterval(timer)
    timer = null
  }
  const executed = exited.then(() => {
    stopLooking()
    look()
    innerPid.resolve(null)
    pipe.closeReadEnd()
    return text.includes('"exit-code"')
  })
  return { innerPid: innerPid.promise, executed }
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
