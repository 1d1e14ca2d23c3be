import { createAttachments } from './agent/attachments.ts'
import { createChannelMemory } from './agent/channel-memory.ts'
import { createCommitRecord } from './agent/commit-record.ts'
import { createDecisionChain } from './agent/decision-chain.ts'
import { createInbox } from './agent/inbox.ts'
import { createJournal } from './agent/journal.ts'
import { createLastingEffects } from './agent/lasting-effects.ts'
import { type Lease, takeLease } from './agent/lease.ts'
import { createLedger } from './agent/ledger.ts'
import { createLinkedIdentities } from './agent/linked-identities.ts'
import { createOutbox } from './agent/outbox.ts'
import { openState } from './agent/persistence.ts'
import { createRulePositions } from './agent/rule-positions.ts'
import { createStrangers } from './agent/strangers.ts'
import { createTaint } from './agent/taint.ts'
import { createJournalLog, logStores } from './logged-stores.ts'
import type { NodeOptions } from './node.ts'
import { silentLog } from './node-log.ts'
import { systemClock } from './utils/clock.ts'

/** Everything that lives in SQLite, held by the one process that has the lease. */
export const openStores = (options: StoreOptions) => {
  const lease = takeLease(options.config.home.lease)
  try {
    return open(options, lease)
  } catch (error) {
    lease.release()
    throw error
  }
}

type StoreOptions = Pick<NodeOptions, 'config' | 'log' | 'clock' | 'atPoint'>

const open = ({ config, log = silentLog, clock = systemClock, atPoint }: StoreOptions, lease: Lease) => {
  const state = openState(config.home.state, atPoint)
  const ledger = createLedger(state, { clock, timezone: config.timezone, caps: config.caps })
  ledger.settleAbandoned()
  const journal = createJournal(state, clock, () => logNewRows())
  const logNewRows = createJournalLog(journal, log)
  const stores = {
    state,
    journal,
    attachments: createAttachments(state),
    inbox: createInbox(state, clock),
    memory: createChannelMemory(state, clock),
    links: createLinkedIdentities(state, clock),
    strangers: createStrangers(state, clock),
    taint: createTaint(state),
    outbox: createOutbox(state, clock),
    decisions: createDecisionChain(state, clock),
    commits: createCommitRecord(state),
    lastingEffects: createLastingEffects(state),
    positions: createRulePositions(state),
    ledger,
    close: () => {
      state.close()
      lease.release()
    },
  }
  return logStores(stores, log)
}

export type NodeStores = ReturnType<typeof openStores>
