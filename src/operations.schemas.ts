/** What `status --json` and `events --json` print, as schemas: scripts rely on these shapes, and tests hold them. */
import { z } from 'zod'
import type { Budget, PeriodBudget } from './agent/ledger.types.ts'
import type { ChannelState } from './channels/channel-health.ts'

const count = z.int().nonnegative()
/** Milliseconds since the Unix epoch. */
const instant = z.int().positive()

const periodSchema: z.ZodType<PeriodBudget> = z.strictObject({
  ...{ period: z.string(), spentMicros: count, capMicros: count, limitMicros: count },
  extensions: z.array(z.strictObject({ at: instant, micros: z.int(), grantedBy: z.string() })),
})

const budgetSchema: z.ZodType<Budget> = z.strictObject({
  ...{ callCapMicros: count, turnCapMicros: count, day: periodSchema, month: periodSchema },
})

const sandboxSchema = z.discriminatedUnion('mode', [
  z.strictObject({ mode: z.literal('full') }),
  /** The owner's own choice of a weaker one; `weakness` says what it does not hold back. */
  z.strictObject({ mode: z.literal('shared-proc'), weakness: z.string() }),
  z.strictObject({ mode: z.literal('unavailable'), reason: z.string(), mend: z.string() }),
  /** Only the node can tell, and it is silent. */
  z.strictObject({ mode: z.literal('unknown') }),
])

const channelSchema: z.ZodType<ChannelState> = z.strictObject({
  name: z.string(),
  /** `new`: nothing is known yet; `ok`; else what is wrong. */
  state: z.enum(['new', 'ok', 'rate-limited', 'auth-failed', 'unreachable', 'rejected', 'absent']),
  ...{ since: instant, reason: z.string().nullable(), mend: z.string().nullable() },
})

const runningTurnSchema = z.strictObject({
  id: z.string(),
  since: instant,
  /** Calls of the model so far. */
  steps: count,
  /** What it waits for: the model, a tool, or the node's own work in between. */
  doing: z.enum(['model', 'tool', 'node']),
  tool: z.string().nullable(),
})

export const nodeStatusSchema = z.strictObject({
  home: z.string(),
  /**
   * `serving`: a node answers messages. `stopped`: none runs, this command looked for itself. `silent`: a process holds the
   * home and does not answer, so this is what the record says.
   */
  state: z.enum(['serving', 'stopped', 'silent']),
  serving: z.boolean(),
  /** The owner said stop twice: no turn runs until `resume`. */
  frozen: z.boolean(),
  /** Who answered; null when nobody did. */
  pid: z.int().positive().nullable(),
  upSeconds: count.nullable(),
  model: z.string(),
  /** true: a script answers, no AI model. */
  scripted: z.boolean(),
  rules: count,
  sandbox: sandboxSchema,
  /** What keeps the history of the workspace; only the node can tell. */
  git: z.enum(['git', 'isomorphic-git', 'unknown']),
  /** `enforced`: another user keeps the rules. `advisory`: one user has both, and the history tells of changes. */
  ratchet: z.enum(['enforced', 'advisory']),
  /** What differs from what was signed, with its mend: no tool runs while there is any. null: nobody audited. */
  ruleFaults: z.array(z.string()).nullable(),
  /** Why the end of the decision chain was not signed at the last try, with its mend; null: nothing is known. */
  signingFault: z.string().nullable(),
  retired: z.array(z.strictObject({ rule: z.string(), at: instant, reason: z.string() })),
  runningTurn: z.string().nullable(),
  turn: runningTurnSchema.nullable(),
  queued: count,
  /** Messages of people who are not the owner. */
  strangers: count,
  /** As the running node sees them; empty when none runs. */
  channels: z.array(channelSchema),
  /** Parts of replies that were given up: refused by their channel, or perhaps arrived twice already. */
  abandoned: count,
  decisions: z.strictObject({ allowed: count, blocked: count }),
  budget: budgetSchema,
  /** The newest fault of the model service, however long ago. */
  lastError: z
    .strictObject({ at: instant, turn: z.string().nullable(), fault: z.string(), message: z.string() })
    .nullable(),
})

/** One of the `events` of `events --json`, a line of `events --follow --json`: a row of the journal. What a payload holds is the affair of its type. */
export const loggedEventSchema = z.strictObject({
  seq: z.int().positive(),
  at: instant,
  turn: z.string().nullable(),
  type: z.string(),
  ref: z.string().nullable(),
  payload: z.unknown(),
})
