/** Programs that are measured from outside. They get a fixed environment, so that a run says the same everywhere. */
import { readFileSync } from 'node:fs'
import { resolve } from 'node:path'
import { z } from 'zod'

export const PROJECT = resolve(import.meta.dir, '../..')

/** Nothing of the caller's: what a key or a setting in it would change is not what is measured. */
export const CHILD_ENVIRONMENT = {
  PATH: '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin',
  LANG: 'C.UTF-8',
} as const

/** As the launcher starts Bun. */
export const BUN = [
  process.execPath,
  '--no-install',
  '--no-macros',
  '--no-env-file',
  `--config=${PROJECT}/bunfig.toml`,
] as const

/** Beyond it a program hangs, on any machine. */
const PROGRAM_TIMEOUT_MS = 20_000
/** A service lives for as long as it is measured, which takes seconds; nothing of a bench that was killed stays longer. */
const SERVICE_TIMEOUT_MS = 2 * 60_000

export type ChildOptions = { readonly cwd?: string; readonly environment?: Readonly<Record<string, string>> }

/** Runs a program to its end; its output is dropped. @throws when it fails. */
export const runProgram = async (argv: readonly string[], options: ChildOptions = {}): Promise<void> => {
  const child = spawn(argv, options, PROGRAM_TIMEOUT_MS)
  const [exitCode, stderr] = await Promise.all([child.exited, child.stderr.text(), child.stdout.text()])
  if (exitCode !== 0) throw new Error(`${argv.slice(0, 2).join(' ')} ended with ${exitCode}: ${stderr.trim()}`)
}

export type Service = { readonly pid: number; readonly port: number; readonly stop: () => Promise<void> }

const readySchema = z.object({ url: z.url() })

/** Starts a program that serves HTTP and prints one line of JSON with its `url` when it is ready. */
export const startService = async (argv: readonly string[], options: ChildOptions = {}): Promise<Service> => {
  const child = spawn(argv, options, SERVICE_TIMEOUT_MS)
  const stop = async () => {
    child.kill('SIGTERM')
    await child.exited
  }
  const said = await readLine(child.stdout)
  try {
    const { url } = readySchema.parse(JSON.parse(said))
    return { pid: child.pid, port: Number(new URL(url).port), stop }
  } catch (cause) {
    await stop()
    const why = `${said}${await child.stderr.text()}`.trim()
    throw new Error(`${argv.slice(0, 2).join(' ')} did not start: ${why}`, { cause })
  }
}

const spawn = (argv: readonly string[], { cwd = PROJECT, environment = {} }: ChildOptions, timeoutMs: number) =>
  Bun.spawn([...argv], {
    cwd,
    env: { ...CHILD_ENVIRONMENT, ...environment },
    stdio: ['ignore', 'pipe', 'pipe'],
    timeout: timeoutMs,
    killSignal: 'SIGKILL',
  })

const readLine = async (stream: ReadableStream<Uint8Array>): Promise<string> => {
  const reader = stream.getReader()
  const decoder = new TextDecoder()
  let text = ''
  while (!text.includes('\n')) {
    const { value, done } = await reader.read()
    if (done) break
    text += decoder.decode(value, { stream: true })
  }
  reader.releaseLock()
  return text
}

const BYTES_PER_KIB = 1024
const BYTES_PER_MB = 1_000_000

/** Resident memory of a process by itself, without its children, in MB. */
export const residentMb = (pid: number): number => {
  const [, kib] = /^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8')) ?? []
  if (kib === undefined) throw new Error(`process ${pid} has no resident memory`)
  return (Number(kib) * BYTES_PER_KIB) / BYTES_PER_MB
}
