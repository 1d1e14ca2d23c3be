/**
 * What the node logs: each event with its fields, declared once. Only ids, names, counts and sizes have a place here. What
 * the owner says, what a file holds, a command, a path, an answer of the model have none, and what has no place here cannot
 * get into a line. Who wants those reads the journal (`plaited events`).
 */
import { z } from 'zod'
import { type Config, type Secrets, secretValues } from './config.ts'
import { systemClock } from './utils/clock.ts'
import { createLog, LOG_LEVELS, type Log, type LogLevel } from './utils/log.ts'
import { NodeError } from './utils/node-error.ts'

/** Characters of a name or an id. A model makes up names of tools: one that is longer is no name. */
const NAME_CHARACTERS_MAX = 256

const text = z.string()
const name = z.string().max(NAME_CHARACTERS_MAX)
const count = z.int().nonnegative()
/** Row of the journal: `plaited events --after` finds it. */
const seq = z.int().positive()
const step = { seq, turn: name }
const decision = { decision: z.int().positive(), turn: name.nullable(), permission: name }
const call = { ...decision, toolUseId: name }
const blockedBy = z.array(name).readonly()
const error = z.object({
  ...{ name: text, message: text, code: text.optional(), stack: text.optional(), cause: z.unknown().optional() },
})

const EVENTS = {
  'node.start': z.object({ home: text, model: text }),
  'node.ready': z.object({ url: text }),
  'node.stop': z.object({ upMs: count }),
  'node.failed': z.object({ error }),
  'sandbox.unavailable': z.object({ reason: text, mend: text }),
  /** The rules are not what was signed: no tool runs. */
  'rules.tampered': z.object({ fault: text }),
  'rules.retired': z.object({ rule: name, reason: text }),
  'sandbox.weaker': z.object({ mode: text, weakness: text }),
  /** The control socket was asked for something malformed or impossible. */
  'control.refused': z.object({ path: text, code: text }),
  'control.failed': z.object({ path: text, error }),
  'message.accepted': z.object({ channel: name, messageId: name, characters: count }),
  'message.refused': z.object({ seq, channel: name, senderId: name, reason: name }),
  'identity.link': z.object({ seq, channel: name, senderId: name }),
  'identity.unlink': z.object({ seq, channel: name, senderId: name }),
  /** A channel failed; `doing` is tried again, or was a courtesy. */
  'channel.fault': z.object({ channel: name, doing: name, fault: name, message: text }),
  /** It will not be sent again: refused by the channel, or nobody knows whether its repeat has arrived. */
  'reply.abandoned': z.object({ seq, ref: name, channel: name, as: name }),
  'turn.start': z.object({ ...step, channel: name }),
  'turn.resume': z.object(step),
  'turn.end': z.object({ ...step, end: name }),
  'model.request': z.object({ ...step, ref: name, model: name, micros: count }),
  'model.reply': z.object({
    ...{ ...step, ref: name, model: name, stopReason: name },
    usage: z.object({ inputTokens: count, outputTokens: count, cacheReadTokens: count, cacheWriteTokens: count }),
  }),
  'model.fault': z.object({ ...step, ref: name, fault: name, status: z.int().nullable() }),
  'tool.allowed': z.object(call),
  'tool.refused': z.object({ ...call, blockedBy }),
  'tool.start': z.object({ ...step, tool: name }),
  'tool.result': z.object({ ...step, tool: name, isError: z.boolean(), characters: count }),
  /** What the rules are asked besides tool calls, such as a call of the model. */
  'permission.allowed': z.object(decision),
  'permission.refused': z.object({ ...decision, blockedBy }),
  /** Run past the rules, from the command line. */
  'operator.call': z.object(decision),
  'workspace.commit': z.object({ ...step, sha: name }),
  'workspace.undo': z.object({ seq, turn: name.nullable(), undone: name }),
  'workspace.redo': z.object({ seq, turn: name.nullable(), undone: name }),
  'workspace.restore': z.object({ ...step, sha: name }),
  'node.freeze': z.object({ seq }),
  'node.resume': z.object({ seq }),
  'reply.sent': z.object({ reply: name }),
  /** Nobody was there to take it: it waits. */
  'reply.kept': z.object({ reply: name }),
  /** Any other row of the journal. */
  'journal.entry': z.object({ seq, turn: name.nullable(), type: name }),
} as const

export type NodeLogEvents = { readonly [Event in keyof typeof EVENTS]: z.output<(typeof EVENTS)[Event]> }
export type NodeLogEvent = keyof NodeLogEvents
export type NodeLog = Log<NodeLogEvents>

const fieldsOf: { readonly [Event in NodeLogEvent]: z.ZodType<NodeLogEvents[Event]> } = EVENTS

/** Of everything that is known about an event, what its line may hold; null when a field is missing. */
export const pickFields = <Event extends NodeLogEvent>(event: Event, known: unknown): NodeLogEvents[Event] | null =>
  fieldsOf[event].safeParse(known).data ?? null

const head = { at: z.iso.datetime(), level: z.enum(LOG_LEVELS).exclude(['silent']), pid: z.int().positive() }

/** A line of the log, parsed from its JSON. `cut`: fields that did not fit into the line. */
export const logLineSchema = z.union(
  Object.entries(EVENTS).map(([event, fields]) =>
    z.strictObject({ ...head, event: z.literal(event), ...fields.shape, cut: count.optional() }),
  ),
)

/** For whoever wants no log. */
export const silentLog: NodeLog = createLog({ write: () => {}, clock: systemClock, secrets: [], level: 'silent' })

/** What was thrown, as an error. */
export const toError = (thrown: unknown): Error => (thrown instanceof Error ? thrown : new Error(String(thrown)))

/** For the conversation. */
export const logChannelFault =
  (log: NodeLog) =>
  (channel: string, doing: string, { fault, message }: { readonly fault: string; readonly message: string }): void =>
    log.warn('channel.fault', { channel, doing, fault, message })

/** For the control server. */
export const logControlFault =
  (log: NodeLog) =>
  ({ path, error: thrown }: { readonly path: string; readonly error: unknown }): void => {
    const refused = thrown instanceof NodeError ? thrown.code : thrown instanceof z.ZodError ? 'USAGE' : null
    if (refused) log.warn('control.refused', { path, code: refused })
    else log.error('control.failed', { path, error: toError(thrown) })
  }

/** `level` holds unless the owner has set one. */
export const createNodeLog = (
  { config, secrets }: { readonly config: Config; readonly secrets: Secrets },
  { write, level }: { readonly write: (line: string) => void; readonly level: LogLevel },
): NodeLog =>
  createLog<NodeLogEvents>({
    ...{ write, clock: systemClock, level: config.logLevel ?? level },
    secrets: secretValues(secrets),
  }).bind({ pid: process.pid })
