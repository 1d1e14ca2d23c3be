/**
 * Runs attacks against the real layer and judges them from outside. After every attempt, whatever it was, no secret of the
 * host is in anything that came back, and nothing that the host keeps has moved; in the end no attack's random mark is
 * anywhere on the host but in the workspace. What an attack says of itself is only added to that.
 */

import { chmodSync, existsSync, lstatSync, readdirSync, readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import type { SandboxOutcome, ToolOperation } from '../../../src/agent/agent.types.ts'
import { createSandboxLanes, type SandboxLanes } from '../../../src/agent/sandbox/sandbox.ts'
import type { SandboxLimits } from '../../../src/agent/sandbox/sandbox.types.ts'
import { asText, permit, TEST_USER } from '../../../src/agent/sandbox/tests/sandbox-fixture.ts'
import { createFixture, type Fixture } from '../../../src/agent/workspace/tests/workspace-fixture.ts'
import { temporaryHome } from '../../run-plaited.ts'
import type { Attack, Scene, Verdict } from './attack.types.ts'
import { createHost, type Host, randomWord } from './outside.ts'
import { type HeldProgram, holdBody, lookAt, programScript } from './probe-program.ts'

const CALL_TIMEOUT_MS = 20_000
/** A planted text beyond this is no secret of ours. */
const SEARCHED_BYTES_MAX = 1024 * 1024

/** A node's home with its real sandbox and workspace, on a host full of secrets. */
export type Stage = {
  readonly host: Host
  readonly fixture: Fixture
  readonly lanes: SandboxLanes
  readonly spareHome: string
  /** The same sandbox with other limits; whoever asks closes it. */
  readonly lanesWith: (limits: Partial<SandboxLimits>) => SandboxLanes
  readonly close: () => Promise<void>
}

export const createStage = async (): Promise<Stage> => {
  const made: { lanes?: SandboxLanes; lanesWith?: Stage['lanesWith'] } = {}
  const fixture = createFixture(({ worktree, gitDir }) => {
    const runtimeDir = join(dirname(worktree), 'data/runtime')
    made.lanesWith = (limits) =>
      createSandboxLanes({ workspace: worktree, gitDir, runtimeDir, dropTo: TEST_USER, limits })
    made.lanes = made.lanesWith({})
    return made.lanes.runConfined
  }, TEST_USER?.gid ?? null)
  const { lanes, lanesWith } = made
  if (lanes === undefined || lanesWith === undefined) throw new Error('the fixture asked for no sandbox')
  chmodSync(fixture.root, 0o755)
  await fixture.repo.open()
  const check = await lanes.check()
  if (!check.available) throw new Error(check.reason)
  const spare = temporaryHome()
  const host = await createHost({ root: fixture.root, workspace: fixture.worktree, gitDir: fixture.gitDir })
  return {
    ...{ host, fixture, lanes, lanesWith, spareHome: spare.path },
    close: async () => {
      await lanes.close()
      await host.close()
      fixture[Symbol.dispose]()
      spare[Symbol.dispose]()
    },
  }
}

/** Makes every attempt, several at once, and judges each; verdicts come in the order of the attacks. */
export const runAttacks = async (
  stage: Stage,
  attacks: readonly Attack[],
  atOnce: number,
): Promise<readonly Verdict[]> => {
  const verdicts: Verdict[] = []
  const once = createOnce()
  const waiting = attacks.entries()
  const work = async () => {
    for (const [index, attack] of waiting) verdicts[index] = await judge(stage, attack, once)
  }
  await Promise.all(Array.from({ length: atOnce }, work))
  return verdicts
}

type Once = Scene['once']

const createOnce = (): Once => {
  const made = new Map<string, unknown>()
  return <Made>(key: string, make: () => Promise<Made>) => {
    const found = made.get(key) ?? make()
    made.set(key, found)
    return found as Promise<Made> // a key is of one attack file, which asks for one type
  }
}

const judge = async (stage: Stage, attack: Attack, once: Once): Promise<Verdict> => {
  const { host } = stage
  const operations: ToolOperation[] = []
  const came: string[] = []
  const scene = createScene(stage, once, { operations, came })
  const before = host.observe()
  const faults: string[] = []
  try {
    const finding = await attack.attempt(scene)
    if (finding !== null) faults.push(finding)
  } catch (error) {
    faults.push(`not tried: ${error instanceof Error ? error.message : error}`)
  }
  const text = [...came, ...textsBelow(scene.hostFolder)].join('\n')
  if (host.secrets.some((secret) => text.includes(secret))) faults.push('a secret of the host came out')
  const after = host.observe()
  if (after !== before) faults.push(`the host has changed: ${firstDifference(before, after)}`)
  return { group: attack.group, name: attack.name, faults, operations, mark: scene.mark }
}

const createScene = (
  { host, fixture, lanes, lanesWith, spareHome }: Stage,
  once: Once,
  seen: { readonly operations: ToolOperation[]; readonly came: string[] },
): Scene => {
  const mark = randomWord('mark')
  const name = mark.slice(0, 12)
  const folder = `/workspace/${name}`
  const hostFolder = join(fixture.worktree, name)
  const runIn = async (
    chosen: SandboxLanes,
    operation: ToolOperation,
    signal = new AbortController().signal,
  ): Promise<SandboxOutcome> => {
    seen.operations.push(operation)
    const outcome = await chosen.sandbox.run(permit(operation), { signal })
    seen.came.push(textOf(outcome))
    return outcome
  }
  const run: Scene['run'] = (operation, signal) => runIn(lanes, operation, signal)
  const bash: Scene['bash'] = async (script, { timeoutMs = CALL_TIMEOUT_MS, mayDie = false, limits, signal } = {}) => {
    const command = `mkdir -p ${folder}; cd ${folder}\n(\n${script}\n)\necho "tried ${mark}"`
    const operation = { kind: 'bash', command, timeoutMs } as const
    const chosen = limits === undefined ? lanes : lanesWith(limits)
    const result = asText(await runIn(chosen, operation, signal))
    if (limits !== undefined) await chosen.close()
    const tried = result.stdout.includes(`tried ${mark}`)
    if (!tried && !mayDie)
      throw new Error(`the script ended early (${result.killedBy ?? result.exitCode}): ${result.stderr.slice(0, 300)}`)
    return result
  }
  return {
    spareHome,
    mark,
    outside: host.outside,
    folder,
    hostFolder,
    run,
    bash,
    program: async (body, options) => {
      const result = await bash(programScript(mark, `${body}\nconsole.log('ran ${mark}')`), options)
      if (!result.stdout.includes(`ran ${mark}`) && !options?.mayDie)
        throw new Error(`the program failed: ${result.stderr.slice(0, 500)}`)
      return result
    },
    probes: (batch, probes) => {
      const operation = probeOperation(folder, mark, probes)
      seen.operations.push(operation)
      return once(`probes: ${batch}`, () =>
        hold({ run, operation, mark, answersPath: join(hostFolder, 'answers.json') }),
      )
    },
    once,
    note: (operation) => void seen.operations.push(operation),
  }
}

const probeOperation = (folder: string, mark: string, probes: Readonly<Record<string, string>>): ToolOperation => ({
  kind: 'bash',
  command: `mkdir -p ${folder}; ${programScript(mark, holdBody(`${folder}/answers.json`, probes))}`,
  timeoutMs: CALL_TIMEOUT_MS,
})

/** Runs a program that stays until it was looked at. */
const hold = async ({
  run,
  operation,
  mark,
  answersPath,
}: {
  readonly run: Scene['run']
  readonly operation: ToolOperation
  readonly mark: string
  readonly answersPath: string
}): Promise<HeldProgram> => {
  const stop = new AbortController()
  let ended: SandboxOutcome | null = null
  const running = run(operation, stop.signal).then((outcome) => {
    ended = outcome
  })
  while (!existsSync(answersPath)) {
    if (ended !== null) throw new Error(`the probes ended early: ${textOf(ended).slice(0, 500)}`)
    await Bun.sleep(2)
  }
  try {
    return lookAt(mark, answersPath)
  } finally {
    stop.abort()
    await running
  }
}

const textOf = (outcome: SandboxOutcome): string => {
  if (outcome.kind !== 'process') return JSON.stringify(outcome)
  const { stdout, stderr } = asText(outcome)
  return `${stdout}\n${stderr}`
}

/** What an attack wrote down in its folder; names count as well. */
const textsBelow = (folder: string): readonly string[] => {
  if (!existsSync(folder)) return []
  return readdirSync(folder, { withFileTypes: true }).flatMap((entry) => {
    const path = join(folder, entry.name)
    if (entry.isDirectory()) return [entry.name]
    return entry.isFile() && sizeOf(path) <= SEARCHED_BYTES_MAX ? [entry.name, readOpenFile(path)] : [entry.name]
  })
}

/** A name that is not UTF-8 cannot be asked for. */
const sizeOf = (path: string): number => lstatSync(path, { throwIfNoEntry: false })?.size ?? Number.POSITIVE_INFINITY

const readOpenFile = (path: string): string => {
  try {
    return readFileSync(path, 'latin1')
  } catch {
    return '' // closed by the attack to its own owner
  }
}

const firstDifference = (before: string, after: string): string => {
  const [old, now] = [before.split('\n'), after.split('\n')]
  const at = now.findIndex((line, index) => line !== old[index])
  return `${old[at]?.trim()} -> ${now[at]?.trim()}`
}
