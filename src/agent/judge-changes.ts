/**
 * What changed in the workspace without a tool having named it to the rules: commands write where they like. It carries the
 * labels of all that could have been read for it, and is judged as written.
 */
import { oneLine } from '../utils/one-line.ts'
import type { AgentParts } from './agent-parts.types.ts'
import { selectHistory } from './history.ts'
import { WORKSPACE_ROOT } from './permission-event.ts'
import type { Blocker } from './rule-engine.ts'
import { contextLabels, joinLabels } from './taint.ts'
import type { Turn } from './turn.types.ts'
import type { PendingChange } from './workspace/workspace.types.ts'

/** Paths that one sentence of the reply names. */
const PATHS_SHOWN_MAX = 20

const OPERATIONS = { added: 'create', modified: 'overwrite', deleted: 'delete' } as const

export type ChangeParts = Pick<AgentParts, 'gate' | 'journal' | 'taint'>

/** Who blocks a change, by its path. */
export type Blockers = ReadonlyMap<string, readonly Blocker[]>

/** Labels what was changed; where commands may have done it, the rules are asked as well. */
export const judgeChanges = (
  { gate, journal, taint }: ChangeParts,
  { id, intent: { channel, senderId } }: Turn,
  { changes, byCommands }: { readonly changes: readonly PendingChange[]; readonly byCommands: boolean },
): Blockers => {
  const read = contextLabels([...selectHistory(journal, id, 'full'), ...journal.ofTurn(id)])
  const labels = byCommands ? joinLabels(read, taint.ofWorkspace()) : read
  const present = changes.filter(({ change }) => change !== 'deleted')
  taint.mark(
    present.map(({ path }) => `${WORKSPACE_ROOT}/${path}`),
    labels,
  )
  if (!byCommands) return new Map()
  const blocked = gate.permitWrites(changes.map(toQuestion), { turn: id, channel, senderId, taint: [...labels] })
  return new Map(
    changes.flatMap(({ path }, index) => {
      const by = blocked.get(index)
      return by ? [[path, by] as const] : []
    }),
  )
}

const toQuestion = ({ path, change, bytes, executable }: PendingChange) =>
  ({ path, op: OPERATIONS[change], bytes, exec: executable, via: 'bash' }) as const

/** The rules that block, each set of them with the paths. */
export const groupByRule = (
  paths: readonly string[],
  blockers: Blockers,
): readonly (readonly [rule: string, paths: string])[] => {
  const ruleOf = (path: string) => (blockers.get(path) ?? []).map(({ by, sentence }) => `${by}: ${sentence}`).join('; ')
  return [...Map.groupBy(paths, ruleOf)].map(([rule, group]) => [rule, showPaths(group)] as const)
}

export const showPaths = (paths: readonly string[]): string => {
  const more = paths.length > PATHS_SHOWN_MAX ? ` and ${paths.length - PATHS_SHOWN_MAX} more` : ''
  return `${paths.toSorted().slice(0, PATHS_SHOWN_MAX).map(oneLine).join(', ')}${more}`
}
