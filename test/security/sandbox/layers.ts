/**
 * What each layer does about an attack when the other two are off. Nothing dangerous is run in the open for that: the gate is
 * asked and runs nothing; git is asked to take back what the attack had done to the workspace, which it did in the sandbox.
 */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { ToolOperation } from '../../../src/agent/agent.types.ts'
import { createExplain } from '../../../src/agent/constraint-engine.ts'
import { installSeedRules, loadRules } from '../../../src/agent/constraint-store.ts'
import { createPermissionEventBuilder } from '../../../src/agent/permission-event.ts'
import { questionFor } from '../../../src/agent/tools/tools.ts'
import { SEED_RULES } from '../../../src/parts.ts'
import { systemClock } from '../../../src/utils/clock.ts'
import { NodeError } from '../../../src/utils/node-error.ts'
import type { Attack } from './attack.types.ts'
import { createStage, runAttacks, type Stage } from './run-attacks.ts'

export type GateAnswer = 'blocked' | 'allowed'
export type UndoAnswer = 'undone' | 'partly' | 'not undone' | 'nothing to undo'

/** Asks the seed rules about everything that an attack does; one blocked step is enough to stop it. */
export const createGateJudge = (): ((operations: readonly ToolOperation[]) => GateAnswer) => {
  const home = mkdtempSync(join(tmpdir(), 'plaited-rules-'))
  try {
    const rules = join(home, 'constraints')
    installSeedRules(rules, SEED_RULES, { state: join(home, 'events.sqlite') })
    const explain = createExplain(loadRules(rules), createPermissionEventBuilder(systemClock, 'UTC'), new Map())
    return (operations) =>
      operations.some((operation) => {
        const { type, input } = questionFor(operation)
        return explain(type, input).outcome !== 'allowed'
      })
        ? 'blocked'
        : 'allowed'
  } finally {
    rmSync(home, { recursive: true })
  }
}

/** Runs each attack as a turn of its own in a clean workspace, then undoes the turn and compares. */
export const judgeUndo = async (attacks: readonly Attack[]): Promise<readonly UndoAnswer[]> => {
  const stage = await createStage()
  try {
    const answers: UndoAnswer[] = []
    for (const [index, attack] of attacks.entries()) {
      answers.push(await undoOne(stage, attack, `attack-${index}`))
      await clean(stage)
    }
    return answers
  } finally {
    await stage.close()
  }
}

const undoOne = async (stage: Stage, attack: Attack, turn: string): Promise<UndoAnswer> => {
  const { worktree, repo } = stage.fixture
  const before = describeTree(worktree)
  await runAttacks(stage, [attack], 1)
  if (describeTree(worktree) === before) return 'nothing to undo'
  try {
    const { commit } = await stage.fixture.turn(turn, attack.name)
    if (commit === null) return 'not undone'
    await repo.undo(null)
    return describeTree(worktree) === before ? 'undone' : 'partly'
  } catch (error) {
    if (error instanceof NodeError) return 'not undone'
    throw error
  }
}

/**
 * Every file and link with its mode and content, and whatever else has a name; folders are nothing of their own to git, and
 * what the node keeps of long output is its own.
 */
const describeTree = (folder: string): string => {
  const find = ['find', '.', '(', '-name', '.git', '-o', '-path', './.plaited', ')', '-prune', '-o']
  const list = (...words: string[]) =>
    Bun.spawnSync([...find, ...words], { cwd: folder, env: { PATH: '/usr/bin:/bin' } })
      .stdout.toString('latin1')
      .split('\0')
      .sort()
      .join('\n')
  return list('!', '-type', 'd', '-printf', '%p %y %m %l\\0') + list('-type', 'f', '-exec', 'md5sum', '-z', '{}', '+')
}

const clean = async ({ fixture }: Stage): Promise<void> => {
  Bun.spawnSync(['chmod', '-R', 'u+rwX', '.'], { cwd: fixture.worktree, env: { PATH: '/usr/bin:/bin' } })
  Bun.spawnSync(
    ['find', '.', '-mindepth', '1', '-maxdepth', '1', '!', '-path', './.git', '-exec', 'rm', '-rf', '{}', '+'],
    { cwd: fixture.worktree, env: { PATH: '/usr/bin:/bin' } },
  )
  await fixture.repo.commitOwnerEdits()
}
