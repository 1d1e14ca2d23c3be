import type { OwnerIntent } from './agent/agent.types.ts'
import type { AgentParts } from './agent/agent-parts.types.ts'
import type { KeptAttachment } from './agent/attachments.ts'
import type { ChannelMemory } from './agent/channel-memory.ts'
import type { InboundMessage, Inbox } from './agent/inbox.ts'
import type { LifecycleEvent } from './agent/lifecycle-vocabulary.ts'
import type { LinkedIdentities } from './agent/linked-identities.ts'
import type { Outbox } from './agent/outbox.ts'
import type { Questions } from './agent/questions.ts'
import type { Strangers } from './agent/strangers.ts'
import type { Turn } from './agent/turn.types.ts'
import type { ChannelError } from './channels/channel-error.ts'
import type { ChannelHealth } from './channels/channel-health.ts'
import type { IncomingAttachment } from './channels/channels.types.ts'
import type { LinkDesk } from './channels/link-desk.ts'
import type { OwnerGate } from './channels/owner-gate.ts'
import type { ControlWord } from './control-words.ts'
import type { Freeze } from './freeze.ts'
import type { Redactor } from './utils/redact.ts'
import type { Timing } from './utils/timing.ts'

export type ConversationParts = {
  readonly inbox: Inbox
  readonly outbox: Outbox
  readonly ownerGate: OwnerGate
  readonly memory: ChannelMemory
  readonly strangers: Strangers
  readonly links: LinkedIdentities
  readonly linkDesk: LinkDesk
  readonly health: ChannelHealth
  /**
   * Fetches what came with a message of the owner's, as far as it arrives before `late`. Does not reject: what could not be
   * had is a refusal in the row.
   */
  readonly keepAttachments: (
    message: InboundMessage,
    files: readonly IncomingAttachment[],
    until: { readonly signal: AbortSignal; readonly late: AbortSignal },
  ) => Promise<readonly KeptAttachment[]>
  readonly journal: AgentParts['journal']
  readonly freeze: Freeze
  readonly questions: Pick<Questions, 'open' | 'closeAbandoned'>
  /** Tells the rules what has happened. */
  readonly note: (event: LifecycleEvent) => void
  /** Takes known secrets out of what an adapter says was wrong, before it is kept. */
  readonly redact: Redactor
  /** A channel failed at something; what it was doing is tried again, or was a courtesy. Must not throw. */
  readonly onChannelFault: (channel: string, doing: ChannelWork, error: ChannelError) => void
  /** Between attempts at sending a reply, and at asking for messages. */
  readonly timing: Timing
  /** Made at the first turn: loading a model costs more than starting the node. */
  readonly agentParts: () => Promise<AgentParts>
  readonly answerControlWord: (word: ControlWord, intent: OwnerIntent) => Promise<string>
  /** The state can no longer be written (disk full): nothing is taken any more, the node must end. */
  readonly onFatal: (error: unknown) => void
}

export type ChannelWork = 'poll' | 'send' | 'ack' | 'typing'

/** A turn that has been opened in the journal. */
export type StartedTurn = Pick<Turn, 'id' | 'intent'> & {
  /** The node answers it, because of this word; null: the model does. */
  readonly word: ControlWord | null
}

/** `word`: the owner said stop, and twice within a minute freezes. `interrupt`: a key at a terminal, which only ends the turn. */
export type StopCause = 'word' | 'interrupt'

export type StopReport = {
  /** A turn was running. */
  readonly stopped: boolean
  /** Messages that were waiting; each is answered with that it was not done. */
  readonly dismissed: number
  /** It was the second STOP within a minute: nothing runs until the owner says `resume`. */
  readonly frozen: boolean
}
