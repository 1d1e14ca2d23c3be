/** The running node's answer to what a person can ask of it. */

import type { OwnerIntent, PermittedCall, ToolOperation } from './agent/agent.types.ts'
import type { AgentParts } from './agent/agent-parts.types.ts'
import type { DecisionChain } from './agent/decision-chain.ts'
import type { Inbox } from './agent/inbox.ts'
import type { Journal } from './agent/journal.ts'
import type { Ledger } from './agent/ledger.ts'
import type { LinkedIdentities } from './agent/linked-identities.ts'
import type { Outbox } from './agent/outbox.ts'
import type { Strangers } from './agent/strangers.ts'
import type { ChannelHealth } from './channels/channel-health.ts'
import type { CliChannel } from './channels/cli/cli.ts'
import type { LinkDesk } from './channels/link-desk.ts'
import type { Conversation } from './conversation.ts'
import type { Freeze } from './freeze.ts'
import { readEvents, readRecordedStatus } from './node-record.ts'
import type { NodeStatus, Operations } from './operations.ts'
import type { SandboxCheck, SandboxLanes } from './parts.ts'
import { NodeError } from './utils/node-error.ts'
import type { Redactor } from './utils/redact.ts'
import type { WorkspaceHistory } from './workspace-history.ts'

/** Whoever reaches the operations by the command line: its socket is the owner's alone. */
const OPERATOR = 'command line'

export type OperationParts = Pick<AgentParts, 'clock' | 'ledger' | 'workspace'> & {
  readonly cli: CliChannel
  readonly conversation: Conversation
  readonly freeze: Freeze
  readonly decisions: DecisionChain
  readonly inbox: Inbox
  readonly outbox: Outbox
  readonly strangers: Strangers
  readonly links: LinkedIdentities
  readonly linkDesk: LinkDesk
  readonly health: ChannelHealth
  readonly journal: Journal
  readonly lanes: SandboxLanes
  readonly history: WorkspaceHistory
  readonly rules: Pick<
    Operations,
    'proposeRule' | 'confirmRule' | 'declineRule' | 'auditDecisions' | 'openQuestions' | 'declineQuestion'
  >
  readonly operate: (operation: ToolOperation) => PermittedCall
  readonly describe: () => Pick<
    NodeStatus,
    'home' | 'model' | 'scripted' | 'git' | 'serving' | 'rules' | 'ratchet' | 'ruleFaults' | 'signingFault' | 'retired'
  >
  readonly redact: Redactor
}

/** Money as an owner may change it; the intent is the message that says so, null on the command line. */
export const createBudget = (ledger: Ledger, intent: OwnerIntent | null): Operations['budget'] => {
  const by = intent
    ? { grantedBy: `${intent.channel}/${intent.senderId}`, message: `${intent.channel}/${intent.messageId}` }
    : { grantedBy: OPERATOR, message: null }
  return async (extension) => {
    if (extension) ledger.extend(extension, by)
    return ledger.budget()
  }
}

/** Named wherever the sandbox is: whoever chose it once should not forget it. */
const SHARED_PROC_WEAKNESS = 'commands see which processes run outside, and their command lines'

const describeCheck = (check: SandboxCheck): NodeStatus['sandbox'] => {
  if (!check.available) return { mode: 'unavailable', reason: check.reason, mend: check.mend }
  return check.mode === 'full' ? { mode: 'full' } : { mode: 'shared-proc', weakness: SHARED_PROC_WEAKNESS }
}

export const createOperations = (parts: OperationParts): Operations => {
  const { cli, clock, conversation, decisions, history, inbox, journal, lanes, ledger, workspace } = parts
  const { links, linkDesk, health, strangers, outbox } = parts
  const stores = { journal, inbox, outbox, strangers, decisions, ledger }
  const startedAt = clock.now()
  /** The channels besides the local one, while they are served. */
  const beyond = () => health.list().filter(({ name }) => name !== cli.name)
  return {
    status: async () => {
      const check = await lanes.check()
      const recorded = readRecordedStatus(stores, conversation.runningTurn(), parts.redact)
      const node = parts.describe()
      return {
        ...node,
        state: node.serving ? 'serving' : 'stopped',
        pid: process.pid,
        upSeconds: Math.round((clock.now() - startedAt) / 1000),
        sandbox: describeCheck(check),
        ...recorded,
        queued: recorded.queued - conversation.openWords(), // the word that asks does not wait
        channels: beyond().map(({ reason, ...state }) => ({ ...state, reason: reason && parts.redact(reason) })),
      }
    },
    link: async () => {
      if (beyond().length > 0) return linkDesk.begin()
      throw new NodeError('NOT_RUNNING', 'no channel is served that an identity could be linked on', {
        hint: "name one in CHANNEL_PROVIDER, run 'plaited start', and link while it runs",
      })
    },
    links: async () => links.list(),
    unlink: async (channel, senderId) =>
      journal.transaction('identity.unlink', () => {
        const wasLinked = links.remove(channel, senderId)
        if (wasLinked) journal.append({ type: 'identity.unlink', turn: null, payload: { channel, senderId } })
        return wasLinked
      }),
    stop: conversation.stop,
    resume: async () => parts.freeze.resume(),
    say: (message, progress, remote) =>
      inbox.isOver(cli.name, message.messageId)
        ? Promise.reject(
            new NodeError('USAGE', `message ${message.messageId} was answered before`, {
              hint: 'give each message a new id',
            }),
          )
        : cli.say(message, progress, remote),
    undo: (turn) => conversation.exclusive(() => history.undo(turn)),
    redo: () => conversation.exclusive(history.redo),
    restore: (file) => conversation.exclusive(() => history.restore(file)),
    log: async (limit) => workspace.log(limit),
    diff: (turn) => workspace.diff(turn),
    events: async (query) => readEvents(journal, query),
    execute: (operation, signal = new AbortController().signal) =>
      lanes.sandbox.run(parts.operate(operation), { signal }),
    ...parts.rules,
    budget: createBudget(ledger, null),
  }
}
