import { z } from 'zod'
import { createExplain } from '../agent/constraint-engine.ts'
import type { RuleSet } from '../agent/constraint-store.ts'
import { createPermissionEventBuilder } from '../agent/permission-event.ts'
import { openStateForReading } from '../agent/persistence.ts'
import type { Decision } from '../agent/rule-engine.ts'
import { createRulePositions } from '../agent/rule-positions.ts'
import type { Positions } from '../constraint-language/positions.ts'
import { systemClock } from '../utils/clock.ts'
import { describeIssues } from '../utils/describe-issues.ts'
import { printableJson } from '../utils/escape-unsafe-characters.ts'
import { NodeError } from '../utils/node-error.ts'
import type { RunCommand } from './command.types.ts'
import { loadHomeRules } from './load-rules.ts'

const eventSchema = z.strictObject({ type: z.string(), detail: z.record(z.string(), z.unknown()) })

const EXAMPLE = `e.g. '{"type":"permission:file:write","detail":{"path":"notes/a.md"}}'`

/** Asks the gate without acting and without a record. Always answers in JSON: it is for scripts and for tests of rules. */
export const runDecide: RunCommand = async ({ positionals, home, io }) => {
  const [text, ...extra] = positionals
  if (text === undefined || extra.length > 0)
    throw new NodeError('USAGE', 'decide takes one event as JSON', { hint: EXAMPLE })
  const event = parseEvent(text)
  const { config, ruleSet } = loadHomeRules(home)
  const explain = createExplain(
    ruleSet,
    createPermissionEventBuilder(systemClock, config.timezone),
    readPositions(config.home.state, ruleSet),
  )
  const decision = explain(event.type, event.detail)
  if (decision.outcome === 'malformed') throw malformed(decision.message)
  io.out(`${printableJson(answer(decision))}\n`)
  return decision.outcome === 'allowed' ? 0 : 1
}

/** Where the sequences of this home stand now. */
const readPositions = (path: string, ruleSet: RuleSet): Positions => {
  const state = openStateForReading(path)
  if (state === null) return new Map()
  try {
    return createRulePositions(state).load(ruleSet)
  } finally {
    state.close()
  }
}

const answer = (decision: Exclude<Decision, { outcome: 'malformed' }>) => ({
  allowed: decision.outcome === 'allowed',
  outcome: decision.outcome,
  blockedBy: decision.blockedBy.map(({ by }) => by),
  reasons: decision.blockedBy.map(({ by, sentence, fault }) => ({ rule: by, sentence, ...(fault ? { fault } : {}) })),
})

const parseEvent = (text: string): z.output<typeof eventSchema> => {
  let json: unknown
  try {
    json = JSON.parse(text)
  } catch (error) {
    throw malformed((error instanceof Error ? error.message : String(error)).replace(/\s+/g, ' '))
  }
  const parsed = eventSchema.safeParse(json)
  if (!parsed.success) throw malformed(describeIssues(parsed.error))
  return parsed.data
}

const malformed = (message: string): NodeError =>
  new NodeError('EVENT_MALFORMED', `not a permission event: ${message}`, { hint: EXAMPLE })
