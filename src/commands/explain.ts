import { loadRules, loadRulesAt, type RuleSet } from '../agent/constraint-store.ts'
import { type Explanation, explainDecision } from '../agent/explain-decision.ts'
import { openStateForReading } from '../agent/persistence.ts'
import { formatInstant } from '../utils/clock.ts'
import { escapeUnsafeCharacters, printableJson } from '../utils/escape-unsafe-characters.ts'
import { NodeError } from '../utils/node-error.ts'
import type { RunCommand } from './command.types.ts'
import { openHome } from './load-rules.ts'

/** Replays a decision from its own positions and rules; 1 when it would be decided otherwise. */
export const runExplain: RunCommand = async ({ positionals, home: given, json, io }) => {
  const [text] = positionals
  if (text === undefined || !/^\d{1,15}$/.test(text)) {
    throw new NodeError('USAGE', 'explain takes the number of a decision', { hint: 'such as: plaited explain 7' })
  }
  const { home } = openHome(given)
  const explanation = read(home.state, Number(text), home.constraints)
  if (explanation === null) {
    throw new NodeError('USAGE', `there is no decision ${text}`, {
      hint: "'plaited audit verify' says how many there are",
    })
  }
  io.out(`${json ? printableJson(explanation) : escapeUnsafeCharacters(describe(explanation))}\n`)
  return explanation.replay.possible && !explanation.replay.same ? 1 : 0
}

const read = (path: string, seq: number, folder: string): Explanation | null => {
  const state = openStateForReading(path)
  if (state === null) return null
  try {
    return explainDecision(state, seq, ({ hash, head }) => {
      const current = loadIfReadable(folder)
      if (current?.hash === hash) return current
      return head === null ? null : loadRulesAt(folder, head)
    })
  } finally {
    state.close()
  }
}

/** Rules that cannot be read are no reason to show less of the record. */
const loadIfReadable = (folder: string): RuleSet | null => {
  try {
    return loadRules(folder)
  } catch (error) {
    if (error instanceof NodeError) return null
    throw error
  }
}

const describe = (explanation: Explanation): string => {
  const { seq, at, type, turn, outcome, reason, detail, positions, rulesHead, rulesHash, replay } = explanation
  return [
    `decision  ${seq} at ${formatInstant(at)}${turn === null ? '' : `, turn ${turn}`}`,
    `asked     ${type} ${detail === null ? '(erased)' : JSON.stringify(detail)}`,
    `answer    ${outcome}${reason === null ? '' : `: ${reason}`}`,
    `rules     ${rulesHead === null ? `sha256 ${rulesHash.slice(0, 12)}` : `commit ${rulesHead.slice(0, 12)}`}`,
    ...Object.entries(positions ?? {}).map(([rule, position]) => `sequence  ${rule} stood at its step ${position + 1}`),
    `replay    ${describeReplay(replay)}`,
  ].join('\n')
}

const describeReplay = (replay: Explanation['replay']): string => {
  if (!replay.possible) return `not possible: ${replay.why}`
  return replay.same
    ? 'the same rules decide the same again'
    : `DIFFERENT: ${replay.outcome}, by ${replay.blockedBy.join(', ') || 'nobody'}`
}
