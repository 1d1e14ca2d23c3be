/** The commit of a turn that changed one file, and its undo, beside what git alone takes for the same. */
import { chmodSync, mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { createCommitRecord } from '../agent/commit-record.ts'
import { openState } from '../agent/persistence.ts'
import type { WorkspaceRepo } from '../agent/workspace/workspace.types.ts'
import { createWorkspaceRepo } from '../agent/workspace/workspace-repo.ts'
import type { Config } from '../config.ts'
import { createGitEngine, createSandboxLanes } from '../parts.ts'
import { systemClock } from '../utils/clock.ts'
import type { BenchRow, Goal, Measurement } from './bench.types.ts'
import { runProgram } from './child-process.ts'
import { createRow } from './create-row.ts'
import type { Lab } from './lab.ts'
import { timeMs } from './stopwatch.ts'

const FILES_IN_FOLDER = 100
const WARMUPS = 2

type Size = { readonly files: number; readonly count: number; readonly goal: Goal }

const SMALL: readonly Size[] = [
  { files: 10, count: 20, goal: {} },
  { files: 1_000, count: 15, goal: {} },
]
const LARGE: readonly Size[] = [{ files: 20_000, count: 8, goal: { ratioMax: 1.3 } }]

const commitName = ({ files }: Size): string => `workspace-commit-${files}`
const undoName = ({ files }: Size): string => `workspace-undo-${files}`

const measure = (sizes: readonly Size[]): Measurement => ({
  names: sizes.flatMap((size) => [commitName(size), undoName(size)]),
  take: async (lab) => {
    const rows: BenchRow[] = []
    for (const size of sizes) rows.push(...(await takeSize(lab, size)))
    return rows
  },
})

export const workspaceMeasurement = measure(SMALL)
/** Making the files takes longer than measuring. */
export const largeWorkspaceMeasurement = measure(LARGE)

const takeSize = async (lab: Lab, size: Size): Promise<readonly BenchRow[]> => {
  const { config } = await lab.home()
  const folder = lab.folder(`workspace-${size.files}`)
  const home = { ...config.home, workspace: join(folder, 'workspace'), gitDir: join(folder, 'data/git/workspace.git') }
  const workspace = openWorkspace({ ...config, home }, join(folder, 'events.sqlite'))
  const bare = join(folder, 'bare')
  try {
    for (const place of [home.workspace, bare]) makeFiles(place, size.files)
    await workspace.repo.open()
    await git(bare, 'init', '--quiet', '--initial-branch=main')
    await commitAll(bare)
    const samples = await timeTurns(workspace.repo, {
      worktree: home.workspace,
      bare,
      count: size.count,
      signal: lab.signal,
    })
    const { commit, undo } = samples
    return [
      createRow({
        ...{ name: commitName(size), unit: 'ms', goal: size.goal, samples: commit.subject },
        floor: { what: 'bare git add -A && git commit', samples: commit.floor },
      }),
      createRow({
        ...{ name: undoName(size), unit: 'ms', samples: undo.subject },
        floor: { what: 'bare git revert', samples: undo.floor },
      }),
    ]
  } finally {
    await workspace.close()
  }
}

const openWorkspace = (config: Config, statePath: string) => {
  const lanes = createSandboxLanes(config)
  const state = openState(statePath)
  const repo = createWorkspaceRepo({
    worktree: config.home.workspace,
    gitDir: config.home.gitDir,
    engine: createGitEngine(config, lanes.runConfined, systemClock),
    record: createCommitRecord(state),
    clock: systemClock,
    sharedGroup: config.dropTo?.gid ?? null,
  })
  const close = async () => {
    await lanes.close()
    state.close()
  }
  return { repo, close }
}

const samplesOf = () => ({ subject: [] as number[], floor: [] as number[] })

const timeTurns = async (
  repo: WorkspaceRepo,
  { worktree, bare, count, signal }: { worktree: string; bare: string; count: number; signal: AbortSignal },
) => {
  const samples = { commit: samplesOf(), undo: samplesOf() }
  for (let index = -WARMUPS; index < count; index++) {
    signal.throwIfAborted()
    const turn = { id: `t${index + WARMUPS}`, intent: 'bench', reason: 'bench', review: async () => new Set<string>() }
    for (const place of [worktree, bare]) writeFileSync(join(place, 'changed.txt'), `${turn.id}\n`)
    const commit = { subject: await timeMs(() => repo.commitTurn(turn)), floor: await timeMs(() => commitAll(bare)) }
    const undo = {
      subject: await timeMs(() => repo.undo(null)),
      floor: await timeMs(() => git(bare, 'revert', '--no-edit', 'HEAD')),
    }
    if (index < 0) continue
    for (const side of ['subject', 'floor'] as const) {
      samples.commit[side].push(commit[side])
      samples.undo[side].push(undo[side])
    }
  }
  return samples
}

/** Open to everyone, because the sandbox may be another user. */
const makeFiles = (place: string, count: number): void => {
  for (let index = 0; index < count; index++) {
    const folder = join(place, `${Math.floor(index / FILES_IN_FOLDER)}`)
    if (index % FILES_IN_FOLDER === 0) {
      mkdirSync(folder, { recursive: true })
      chmodSync(folder, 0o777)
    }
    writeFileSync(join(folder, `${index}.txt`), `file ${index}\n`)
  }
}

const ENVIRONMENT = { GIT_CONFIG_NOSYSTEM: '1', GIT_CONFIG_GLOBAL: '/dev/null', HOME: '/nonexistent' }
const SETTINGS = ['-c', 'user.name=bench', '-c', 'user.email=bench@plaited.invalid', '-c', 'gc.auto=0']

const git = (cwd: string, ...args: readonly string[]) =>
  runProgram(['git', ...SETTINGS, ...args], { cwd, environment: ENVIRONMENT })

const commitAll = (cwd: string) =>
  runProgram(['sh', '-c', `git add -A && git ${SETTINGS.join(' ')} commit -q -m bench`], {
    cwd,
    environment: ENVIRONMENT,
  })
