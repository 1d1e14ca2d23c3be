import {
  chmodSync,
  chownSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { PermittedCall, SandboxOutcome, ToolOperation } from '../../agent.types.ts'
import type { SandboxHost } from '../bubblewrap-arguments.ts'
import { createSandboxLanes, type SandboxLanes } from '../sandbox.ts'
import type { SandboxLimits, SandboxMode } from '../sandbox.types.ts'

/** The gate's proof, which only these tests may make up. */
export const permit = (operation: ToolOperation): PermittedCall =>
  ({ toolUseId: 'toolu_test', decisionSeq: 1, operation }) as unknown as PermittedCall

const isRoot = process.getuid?.() === 0
export const TEST_USER = isRoot ? { uid: 10001, gid: 10000 } : null

export type TestHome = {
  readonly root: string
  readonly workspace: string
  readonly gitDir: string
  readonly runtimeDir: string
  readonly remove: () => void
}

/** A home as the node makes it: a worktree whose `.git` file names a git dir elsewhere, both usable by the sandbox's user. */
export const createTestHome = (): TestHome => {
  const root = mkdtempSync(join(tmpdir(), 'plaited-sandbox-'))
  chmodSync(root, 0o711)
  const workspace = join(root, 'workspace')
  const gitDir = join(root, 'data', 'git', 'workspace.git')
  mkdirSync(workspace)
  mkdirSync(gitDir, { recursive: true })
  const git = (...words: string[]) => {
    const env = { PATH: '/usr/bin:/bin', HOME: root, GIT_CONFIG_NOSYSTEM: '1' }
    const run = Bun.spawnSync(['git', ...words], { cwd: workspace, env })
    if (run.exitCode !== 0) throw new Error(`git ${words.join(' ')}: ${run.stderr.toString()}`)
  }
  git('init', '--quiet', '--initial-branch=main', '--shared=group', `--separate-git-dir=${gitDir}`, '.')
  const identity = ['-c', 'user.name=test', '-c', 'user.email=test@localhost']
  git(...identity, 'commit', '--quiet', '--allow-empty', '-m', 'workspace created')
  writeFileSync(join(gitDir, 'info/exclude'), '/.plaited/out/\n')
  rmSync(join(gitDir, 'COMMIT_EDITMSG')) // the one file that git does not share with the group
  if (TEST_USER !== null) for (const path of [workspace, ...below(gitDir)]) chownSync(path, 0, TEST_USER.gid)
  chmodSync(workspace, TEST_USER === null ? 0o755 : 0o775)
  return {
    root,
    workspace,
    gitDir,
    runtimeDir: join(root, 'data', 'runtime'),
    remove: () => rmSync(root, { recursive: true, force: true }),
  }
}

const below = (path: string): string[] => [
  path,
  ...readdirSync(path, { recursive: true, encoding: 'utf8' }).map((name) => join(path, name)),
]

export type TestSandbox = {
  readonly home: TestHome
  readonly lanes: SandboxLanes
  readonly run: (operation: ToolOperation, signal?: AbortSignal) => Promise<SandboxOutcome>
  /** Runs a command and gives its output as text. */
  readonly bash: (command: string, timeoutMs?: number) => Promise<BashResult>
  readonly dispose: () => Promise<void>
}

export type BashResult = {
  readonly exitCode: number | null
  readonly stdout: string
  readonly stderr: string
  readonly truncated: boolean
  readonly killedBy: string | null
  readonly notes: readonly string[]
}

export const createTestSandbox = (limits: Partial<SandboxLimits> = {}, mode: SandboxMode = 'full'): TestSandbox => {
  const home = createTestHome()
  const lanes = createSandboxLanes({ ...home, dropTo: TEST_USER, mode, limits })
  const run: TestSandbox['run'] = (operation, signal = new AbortController().signal) =>
    lanes.sandbox.run(permit(operation), { signal })
  return {
    home,
    lanes,
    run,
    bash: async (command, timeoutMs = 20_000) => asText(await run({ kind: 'bash', command, timeoutMs })),
    dispose: async () => {
      await lanes.close()
      home.remove()
    },
  }
}

export const asText = (outcome: SandboxOutcome): BashResult => {
  if (outcome.kind !== 'process') throw new Error(`not a process: ${JSON.stringify(outcome)}`)
  const decode = (bytes: Uint8Array) => Buffer.from(bytes).toString('utf8')
  return { ...outcome, stdout: decode(outcome.stdout), stderr: decode(outcome.stderr) }
}

/** Puts a file into the workspace from outside, as the owner would. */
export const plant = ({ workspace }: TestHome, name: string, content: string | Uint8Array): void => {
  writeFileSync(join(workspace, name), content)
}

/** Host pids of every process below this one. */
export const descendants = (pid: number = process.pid): number[] => {
  try {
    const children = readdirSync(`/proc/${pid}/task`).flatMap((task) =>
      readFileSync(`/proc/${pid}/task/${task}/children`, 'latin1').split(' ').filter(Boolean).map(Number),
    )
    return children.flatMap((child) => [child, ...descendants(child)])
  } catch {
    return []
  }
}

/**
 * Takes something away without which no sandbox can be built, and is not looked for before: to every user it is what a
 * workspace is that a command has just closed. Returns how to bring it back.
 */
export const takeAway = ({ etcDir }: Pick<SandboxHost, 'etcDir'>): (() => void) => {
  renameSync(etcDir, `${etcDir}.away`)
  return () => renameSync(`${etcDir}.away`, etcDir)
}

/** Without a turn of the loop, so that nobody who waits for their end has been told of it. */
export const waitUntilOver = (pids: readonly number[]): void => {
  for (const pid of pids) while (!isOver(pid));
}

const isOver = (pid: number): boolean => {
  try {
    return /^State:\tZ/m.test(readFileSync(`/proc/${pid}/status`, 'latin1'))
  } catch {
    return true
  }
}

/** Why real runs cannot be made on this host, or null. */
export const whyNoSandbox = async (): Promise<string | null> => {
  const sandbox = createTestSandbox()
  try {
    const check = await sandbox.lanes.check()
    return check.available ? null : `${check.reason} (${check.mend})`
  } finally {
    await sandbox.dispose()
  }
}
