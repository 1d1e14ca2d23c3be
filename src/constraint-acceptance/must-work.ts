/**
 * What must stay possible whatever rules are added, because a rule cannot be taken back from inside: to answer the owner,
 * to read a file, to add a rule, to let the owner in, to save the work, to think. A set of rules that blocks one of these
 * would brick the node.
 */
import type { PermissionEventBuilder } from '../agent/permission-event.ts'
import type { PermissionType } from '../agent/permission-vocabulary.ts'
import { AT_START, blockersAt } from '../constraint-language/positions.ts'
import type { Rule, RuleEvent } from '../constraint-language/rule.types.ts'
import type { Refused } from './acceptance.types.ts'
import { describeEvent } from './describe-event.ts'

type Question = { readonly type: PermissionType; readonly detail: Readonly<Record<string, unknown>> }

type MustWork = {
  readonly what: string
  /** A rule may ask the owner before each; not where the question itself would be held up. */
  readonly mayAsk: boolean
  /** Each case must work; of its questions one is enough. */
  readonly cases: readonly (readonly Question[])[]
}

const always = (type: PermissionType, ...details: readonly Question['detail'][]): MustWork['cases'] =>
  details.map((detail) => [{ type, detail }])

const OWNER = { channel: 'cli', recipient: 'owner', isOwner: true }
const RULE = { name: 'a-rule', sha256: '0'.repeat(64), eventTypes: ['permission:payment:send'] }
const CALL = { estTokens: 4000, dayMicroUsd: 0 }

const MUST_WORK: readonly MustWork[] = [
  {
    what: 'answering the owner',
    mayAsk: false,
    cases: always(
      'permission:channel:send',
      { ...OWNER, bytes: 1 },
      { ...OWNER, bytes: 200 },
      { ...OWNER, bytes: 3000 },
    ),
  },
  {
    what: 'reading a file of the workspace',
    mayAsk: true,
    cases: always('permission:file:read', { path: 'notes.md' }, { path: 'src/app.ts', bytes: 2000 }),
  },
  {
    what: 'adding a rule that the owner asks for',
    mayAsk: true,
    cases: always('permission:constraint:add', { ...RULE, source: 'owner' }),
  },
  {
    what: 'giving the owner an SSH certificate',
    mayAsk: true,
    cases: always('permission:ssh:cert', { principal: 'owner', ttl: 3600 }),
  },
  {
    what: 'pushing the work to its backup',
    mayAsk: true,
    cases: always('permission:git:push', { remote: 'origin', refs: ['refs/heads/main'] }),
  },
  {
    what: 'calling a model before anything is spent',
    mayAsk: false,
    // A hosted one, or one on the own machine: an owner may want only either.
    cases: [
      [
        {
          type: 'permission:llm:call',
          detail: { ...CALL, provider: 'anthropic', model: 'claude', estMicroUsd: 50_000 },
        },
        {
          type: 'permission:llm:call',
          detail: { ...CALL, provider: 'local', model: 'local', local: true, estMicroUsd: 0 },
        },
      ],
    ],
  },
]

/** The node's own bookkeeping, which no rule may hang the whole on: each case must work with and without. */
const CIRCUMSTANCES: readonly Question['detail'][] = [
  {},
  { id: 'e1', turn: 't1', step: 3, toolUseId: 'u1', channel: 'cli', senderId: 'owner', taint: ['owner'] },
]
/** Noon, night and evening, on a Thursday and a Sunday: what is quiet at one of them may be possible at another. */
const TIMES: readonly Question['detail'][] = [
  { hour: 12, weekday: 4 },
  { hour: 3, weekday: 4 },
  { hour: 20, weekday: 0 },
]
const CONFIRMED = { confirmed: { by: 'owner', at: 0, digest: 'example' } }

/** Tries what must work on a whole set of rules; null when all of it does. */
export type MustWorkCheck = (rules: readonly Rule[]) => Refused | null

export const createMustWork = (build: PermissionEventBuilder): MustWorkCheck => {
  const entries = mustWorkEvents(build)
  return (rules) => {
    for (const { what, events } of entries) {
      const blockers = events.map((each) => blockerForGood(rules, each))
      const [blocker] = blockers
      const [event] = events
      if (event === undefined || blocker === undefined || blockers.includes(null)) continue
      const reason = `it would keep the node from ${what}, for good: ${blocker} blocks it`
      return { ok: false, step: 'must-work', reason, entry: describeEvent(event.type, event.input) }
    }
    return null
  }
}

export type MustWorkEvents = {
  readonly what: string
  readonly events: readonly (RuleEvent & { readonly input: Readonly<Record<string, unknown>> })[]
}

/** What must work, one entry for each case and circumstance. @throws {TypeError} when the table does not fit the vocabulary. */
export const mustWorkEvents = (build: PermissionEventBuilder): readonly MustWorkEvents[] =>
  MUST_WORK.flatMap(({ what, mayAsk, cases }) =>
    cases.flatMap((questions) =>
      CIRCUMSTANCES.map((circumstance) => ({
        what,
        events: questions.flatMap(({ type, detail }) =>
          TIMES.flatMap((time) =>
            (mayAsk ? [{}, CONFIRMED] : [{}]).map((answer) => {
              const input = { ...circumstance, ...detail }
              const built = build(type, { ...input, ...time, ...answer })
              if (!built.ok) throw new TypeError(`${what}: ${built.message}`)
              return { ...built.event, input }
            }),
          ),
        ),
      })),
    ),
  )

/**
 * The key of a rule that blocks an event at the start, or at a sync that it never leaves again. What a sequence holds up
 * for a while it also lets go; `explore` tells about that.
 */
const blockerForGood = (rules: readonly Rule[], event: RuleEvent): string | null => {
  for (const rule of rules) {
    const standing = rule.syncs.filter(({ waitFor }, at) => at === 0 || waitFor.length === 0)
    if (standing.some((sync) => blockersAt([{ ...rule, syncs: [sync] }], AT_START, event).length > 0)) return rule.key
  }
  return null
}
