/**
 * The log of a node's work, taken from what the node writes anyway: each durable row of the journal, each decision, each
 * message that was stored and each reply that was handed over becomes one line. Nothing else in the node logs while it
 * works, so that a turn has no calls of a logger in it.
 */
import type { DecisionChain, DecisionEntry } from './agent/decision-chain.ts'
import type { Inbox } from './agent/inbox.ts'
import type { Journal, JournalEvent, JournalEventType } from './agent/journal.ts'
import type { Outbox } from './agent/outbox.ts'
import { type NodeLog, type NodeLogEvent, pickFields } from './node-log.ts'

/** Rows read at a time: a step of a turn writes fewer. */
const PAGE_ROWS = 100

/** Logs the rows that have come into the journal since the last call: to be called whenever some have become durable. */
export const createJournalLog = (journal: Journal, log: NodeLog): (() => void) => {
  if (log.level === 'silent') return () => {}
  let seq = journal.lastSeq()
  return () => {
    for (let rows = journal.after(seq, PAGE_ROWS); rows.length > 0; rows = journal.after(seq, PAGE_ROWS)) {
      for (const row of rows) logRow(row, log)
      seq = rows.at(-1)?.seq ?? seq
    }
  }
}

const ROWS: Partial<Readonly<Record<JournalEventType, readonly ['debug' | 'info' | 'warn', NodeLogEvent]>>> = {
  'turn.start': ['info', 'turn.start'],
  'turn.resume': ['warn', 'turn.resume'],
  'turn.end': ['info', 'turn.end'],
  'message.refused': ['warn', 'message.refused'],
  'reply.abandoned': ['warn', 'reply.abandoned'],
  'identity.link': ['warn', 'identity.link'],
  'identity.unlink': ['info', 'identity.unlink'],
  'model.request': ['debug', 'model.request'],
  'model.message': ['info', 'model.reply'],
  'model.error': ['warn', 'model.fault'],
  'tool.start': ['debug', 'tool.start'],
  'tool.result': ['info', 'tool.result'],
  'workspace.commit': ['info', 'workspace.commit'],
  'workspace.undo': ['info', 'workspace.undo'],
  'workspace.redo': ['info', 'workspace.redo'],
  'workspace.restore': ['info', 'workspace.restore'],
  'node.freeze': ['warn', 'node.freeze'],
  'node.resume': ['info', 'node.resume'],
}

/** A row that has no line, or lacks a field of it, is told by its type alone. */
const logRow = ({ seq, turn, type, ref, payload }: JournalEvent, log: NodeLog): void => {
  const [level, event] = ROWS[type] ?? ['debug', 'journal.entry']
  const payloadFields = typeof payload === 'object' && payload !== null ? payload : {}
  const content = 'content' in payloadFields && typeof payloadFields.content === 'string' ? payloadFields.content : ''
  const fields = pickFields(event, { ...payloadFields, seq, turn, type, ref, characters: content.length })
  if (fields) log[level](event, fields)
  else log.debug('journal.entry', { seq, turn, type })
}

type LoggedStores = { readonly inbox: Inbox; readonly outbox: Outbox; readonly decisions: DecisionChain }

/** The same stores, with a line for what the journal does not hold. */
export const logStores = <Stores extends LoggedStores>(stores: Stores, log: NodeLog): Stores => {
  const { inbox, outbox, decisions } = stores
  return {
    ...stores,
    inbox: {
      ...inbox,
      accept: (message) => {
        const isNew = inbox.accept(message)
        const { channel, messageId, text } = message
        if (isNew) log.info('message.accepted', { channel, messageId, characters: text.length })
        return isNew
      },
    } satisfies Inbox,
    outbox: {
      ...outbox,
      unsent: (key) => {
        outbox.unsent(key)
        log.warn('reply.kept', { reply: key })
      },
      sent: (key, id) => {
        outbox.sent(key, id)
        log.info('reply.sent', { reply: key })
      },
    } satisfies Outbox,
    decisions: {
      ...decisions,
      append: (entry) => {
        const seq = decisions.append(entry)
        logDecision(seq, entry, log)
        return seq
      },
      appendAll: (entries) => {
        const seqs = decisions.appendAll(entries)
        for (const [index, entry] of entries.entries()) logDecision(seqs[index] ?? 0, entry, log)
        return seqs
      },
    } satisfies DecisionChain,
  }
}

const logDecision = (seq: number, entry: DecisionEntry, log: NodeLog): void => {
  const { outcome, turn, type, toolUseId, blockedBy } = entry
  const decision = { decision: seq, turn, permission: type }
  if (outcome === 'operator') log.info('operator.call', decision)
  else if (toolUseId === null && outcome === 'allowed') log.debug('permission.allowed', decision)
  else if (toolUseId === null) log.warn('permission.refused', { ...decision, blockedBy })
  else if (outcome === 'allowed') log.info('tool.allowed', { ...decision, toolUseId })
  else log.info('tool.refused', { ...decision, toolUseId, blockedBy })
}
