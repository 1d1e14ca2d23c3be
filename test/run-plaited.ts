import { chmodSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { projectRoot } from './helpers.ts'

export type Finished = { readonly exitCode: number; readonly stdout: string; readonly stderr: string }

export const launcher = join(projectRoot, 'bin', 'plaited')

/** What a fresh user's shell has; nothing of the machine that runs the tests. */
const ENVIRONMENT = { PATH: '/usr/local/bin:/usr/bin:/bin', HOME: '/nonexistent', LANG: 'C.UTF-8' }

export type RunOptions = {
  readonly stdin?: string
  readonly environment?: Readonly<Record<string, string>>
  readonly cwd?: string
}

/** Runs any command to its end. */
export const run = async (argv: readonly string[], options: RunOptions = {}): Promise<Finished> => {
  const child = Bun.spawn([...argv], {
    cwd: options.cwd ?? '/',
    env: { ...ENVIRONMENT, ...options.environment },
    stdin: options.stdin === undefined ? 'ignore' : new Blob([options.stdin]),
    stdout: 'pipe',
    stderr: 'pipe',
  })
  const [stdout, stderr, exitCode] = await Promise.all([child.stdout.text(), child.stderr.text(), child.exited])
  return { exitCode, stdout, stderr }
}

/** Runs the command line as a user would type it. */
export const plaited = (args: readonly string[], options: RunOptions = {}): Promise<Finished> =>
  run([launcher, ...args], options)

/** A service in the background, up to its first line of output. */
export const startPlaited = async (args: readonly string[], environment: Readonly<Record<string, string>> = {}) => {
  const child = Bun.spawn([launcher, 'start', '--json', ...args], {
    cwd: '/',
    env: { ...ENVIRONMENT, PLAITED_PORT: '0', ...environment },
    stdin: 'ignore',
    stdout: 'pipe',
    stderr: 'pipe',
  })
  const reader = child.stdout.getReader()
  let text = ''
  while (!text.includes('\n')) {
    const { value, done } = await reader.read()
    if (done) throw new Error(`plaited start ended: ${await child.stderr.text()}`)
    text += new TextDecoder().decode(value)
  }
  return { child, ready: JSON.parse(text) as { readonly url: string; readonly pid: number } }
}

/** A time zone in which it is about noon, so that no day and no month ends in the middle of a test. */
export const timezoneAtNoon = (): string => {
  const hoursAhead = 12 - new Date().getUTCHours()
  return `Etc/GMT${hoursAhead > 0 ? '-' : '+'}${Math.abs(hoursAhead)}` // POSIX counts hours behind UTC
}

export type TemporaryHome = { readonly path: string } & Disposable

/** A home of its own, reachable by the sandbox's user, removed afterwards. */
export const temporaryHome = (): TemporaryHome => {
  const path = mkdtempSync(join(tmpdir(), 'plaited-home-'))
  chmodSync(path, 0o755)
  return { path, [Symbol.dispose]: () => rmSync(path, { recursive: true, force: true }) }
}

export const isRoot = process.getuid?.() === 0
