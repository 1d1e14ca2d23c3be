import { join } from 'node:path'
import { descendants } from '../../../src/agent/sandbox/tests/sandbox-fixture.ts'
import { plaited } from '../../run-plaited.ts'
import type { Attack, Verdict } from './attack.types.ts'
import { ATTACKS } from './attacks.ts'
import { read } from './host-state.ts'
import { createStage, runAttacks, type Stage } from './run-attacks.ts'

/**
 * Runs every attack on one stage: those that would disturb others one at a time, planted files last, because
 * they lie where the others work. Afterwards everything that might run a plant does its work. The marks are looked for
 * at the end, so that what comes late is seen as well: whatever got out is still there then.
 */
export const runSuite = async (): Promise<readonly Verdict[]> => {
  const stage = await createStage()
  const verdicts = await attackStage(stage).finally(stage.close)
  const left = descendants().filter((pid) => read(`/proc/${pid}/cmdline`).includes(stage.fixture.root))
  if (left.length > 0) throw new Error(`${left.length} processes are left when the node has closed its sandbox`)
  return verdicts
}

const attackStage = async (stage: Stage): Promise<readonly Verdict[]> => {
  const verdicts: Verdict[] = []
  for (const [filter, atOnce] of PASSES) verdicts.push(...(await runAttacks(stage, ATTACKS.filter(filter), atOnce)))
  await pullTriggers(stage)
  const placesOf = stage.host.search()
  const judged = verdicts.map((verdict) => ({
    ...verdict,
    faults: [...verdict.faults, ...placesOf(verdict.mark).map((place) => `its mark is outside: ${place}`)],
  }))
  const keyOf = ({ group, name }: Pick<Attack, 'group' | 'name'>) => `${group}: ${name}`
  const byKey = new Map(judged.map((verdict) => [keyOf(verdict), verdict]))
  return ATTACKS.flatMap((attack) => byKey.get(keyOf(attack)) ?? [])
}

/** More at once would only make them wait for the two processors of a small machine. */
const AT_ONCE = 4
const isPlanted = ({ group }: Attack) => group === 'planted files'
const PASSES: readonly (readonly [(attack: Attack) => boolean, number])[] = [
  [(attack) => attack.alone !== true && !isPlanted(attack), AT_ONCE],
  [(attack) => attack.alone === true, 1],
  [isPlanted, AT_ONCE],
]

/** Everything on the host that works with the workspace, over what was planted there. */
const pullTriggers = async ({ fixture }: Stage): Promise<void> => {
  const { repo, worktree, root } = fixture
  for (const args of [['status'], ['log', '--stat', '-2'], ['diff'], ['stash', 'list'], ['submodule', 'status']])
    ownerGit(worktree, args)
  await fixture.turn('planted')
  await repo.diff('planted')
  await repo.commitOwnerEdits()
  for (const cwd of [worktree, join(worktree, 'nest-hook')])
    for (const words of [
      ['sandbox', 'exec', '--home', root, '--', 'bash', '-lic', 'true; git status; bun --version'],
      ['decide', '{"type":"permission:file:write","detail":{"path":"x"}}', '--home', root],
    ])
      required(words, await plaited(words, { cwd }))
  // What the node's own git could have been made to leave behind, and what only a commit or a checkout would run.
  for (const args of [
    ['status'],
    ['checkout', '--', '.'],
    ['commit', '--quiet', '--allow-empty', '-m', 'mine'],
    ['gc', '--auto'],
  ])
    ownerGit(worktree, args)
  await repo.undo(null)
  ownerGit(worktree, ['status'])
}

/** As the owner, who trusts their own workspace and nothing in it. */
const ownerGit = (worktree: string, args: readonly string[]): void => {
  const env = { PATH: '/usr/local/bin:/usr/bin:/bin', HOME: '/nonexistent', GIT_PAGER: 'cat' }
  const settings = ['safe.directory=*', 'user.name=owner', 'user.email=owner@localhost'].flatMap((each) => ['-c', each])
  const { exitCode, stderr } = Bun.spawnSync(['git', ...settings, ...args], { cwd: worktree, env, stdin: null })
  required(args, { exitCode, stderr: stderr.toString() })
}

/** A trigger that does not work pulls nothing. */
const required = (
  words: readonly string[],
  { exitCode, stderr }: { readonly exitCode: number; readonly stderr: string },
) => {
  if (exitCode !== 0) throw new Error(`the trigger ${words.join(' ')} ended with ${exitCode}: ${stderr.slice(0, 500)}`)
}
