/**
 * The node as its record tells it: what can be said from SQLite alone, beside whoever writes it. The running node answers
 * with this, and so does a command when no node runs, or when the one that holds the home does not answer. Nothing here
 * needs the lease, and nothing is written.
 */
import { z } from 'zod'
import { createCommitRecord } from './agent/commit-record.ts'
import { createDecisionChain, type DecisionChain } from './agent/decision-chain.ts'
import { createInbox, type Inbox } from './agent/inbox.ts'
import { createJournal, type Journal } from './agent/journal.ts'
import { createLedger, type Ledger } from './agent/ledger.ts'
import { createOutbox, type Outbox } from './agent/outbox.ts'
import { openStateForReading } from './agent/persistence.ts'
import { createStrangers, type Strangers } from './agent/strangers.ts'
import { type Config, modelName, type Secrets, secretValues } from './config.ts'
import { isFrozen } from './freeze.ts'
import { createSignedDecisions, describeRecordedRules } from './node-rules.ts'
import type { NodeStatus, Operations } from './operations.ts'
import { systemClock } from './utils/clock.ts'
import { createRedactor, type Redactor } from './utils/redact.ts'

/** The operations that only read. */
export type NodeRecord = Pick<Operations, 'status' | 'log' | 'events' | 'auditDecisions'>

export type RecordedStores = {
  readonly journal: Journal
  readonly inbox: Inbox
  readonly outbox: Outbox
  readonly strangers: Strangers
  readonly decisions: DecisionChain
  readonly ledger: Ledger
}

const startedTool = z.object({ tool: z.string() })
const modelError = z.object({ fault: z.string(), message: z.string() })

/** The part of the status that is in the record; `turn` is the one that runs, or was left unfinished. */
export const readRecordedStatus = (
  { journal, inbox, outbox, strangers, decisions, ledger }: RecordedStores,
  turn: string | null,
  redact: Redactor,
): Pick<
  NodeStatus,
  'runningTurn' | 'turn' | 'queued' | 'strangers' | 'abandoned' | 'decisions' | 'budget' | 'lastError' | 'frozen'
> => {
  const { queued, refused } = inbox.counts()
  return {
    frozen: isFrozen(journal),
    runningTurn: turn,
    turn: turn === null ? null : describeTurn(journal, turn),
    queued,
    strangers: refused + strangers.unrecorded(),
    abandoned: outbox.abandoned(),
    decisions: decisions.counts(),
    budget: ledger.budget(),
    lastError: readLastError(journal, redact),
  }
}

const describeTurn = (journal: Journal, id: string): NodeStatus['turn'] => {
  const events = journal.ofTurn(id)
  const [first] = events
  const last = events.at(-1)
  if (!first || !last) return null
  const tool = last.type === 'tool.start' ? startedTool.parse(last.payload).tool : null
  return {
    ...{ id, since: first.at, steps: events.filter((event) => event.type === 'model.request').length },
    doing: tool !== null ? 'tool' : last.type === 'model.request' ? 'model' : 'node',
    tool,
  }
}

const readLastError = (journal: Journal, redact: Redactor): NodeStatus['lastError'] => {
  const event = journal.newest('model.error')
  if (!event) return null
  const { fault, message } = modelError.parse(event.payload)
  return { at: event.at, turn: event.turn, fault, message: redact(message) }
}

/** Rows of the journal as an owner asks for them. */
export const readEvents = (
  journal: Journal,
  { after, limit, turn }: Parameters<Operations['events']>[0],
): ReturnType<Journal['after']> =>
  turn === null
    ? journal.after(after, limit)
    : journal
        .ofTurn(turn)
        .filter((event) => event.seq > after)
        .slice(0, limit)

/**
 * Opens the record of a home for reading; null when the home holds none of this version yet.
 * @throws {NodeError} as `openStateForReading`.
 */
export const openNodeRecord = ({
  config,
  secrets,
}: {
  readonly config: Config
  readonly secrets: Secrets
}): (NodeRecord & { readonly close: () => void }) | null => {
  const state = openStateForReading(config.home.state)
  if (state === null) return null
  const stores: RecordedStores = {
    journal: createJournal(state, systemClock, () => {}),
    inbox: createInbox(state, systemClock),
    outbox: createOutbox(state, systemClock),
    strangers: createStrangers(state, systemClock),
    decisions: createDecisionChain(state, systemClock),
    ledger: createLedger(state, { clock: systemClock, timezone: config.timezone, caps: config.caps }),
  }
  const commits = createCommitRecord(state)
  return {
    status: async () => ({
      home: config.home.root,
      ...{ state: 'silent', serving: false, pid: null, upSeconds: null, sandbox: { mode: 'unknown' } },
      git: 'unknown',
      ...{ model: modelName(config), scripted: config.model === null },
      ...{ ...describeRecordedRules(config.home), signingFault: null },
      channels: [],
      ...readRecordedStatus(stores, stores.journal.openTurn(), createRedactor(secretValues(secrets))),
    }),
    log: async (limit) => commits.list(limit),
    events: async (query) => readEvents(stores.journal, query),
    auditDecisions: createSignedDecisions({ home: config.home, state }, stores.decisions).audit,
    close: state.close,
  }
}
