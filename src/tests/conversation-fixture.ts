import type { AgentParts } from '../agent/agent-parts.types.ts'
import { type ChannelMemory, createChannelMemory } from '../agent/channel-memory.ts'
import { createInbox } from '../agent/inbox.ts'
import { createLinkedIdentities, type LinkedIdentities } from '../agent/linked-identities.ts'
import { createOutbox } from '../agent/outbox.ts'
import type { Proposals } from '../agent/proposals.ts'
import { createQuestions } from '../agent/questions.ts'
import { createStrangers } from '../agent/strangers.ts'
import { createTestLoop, type LoopOptions, say, type TestLoop } from '../agent/tests/loop-fixture.ts'
import { ChannelError } from '../channels/channel-error.ts'
import { type ChannelHealth, createChannelHealth } from '../channels/channel-health.ts'
import type { Channel, ChannelCapabilities, IncomingBatch, OutgoingMessage } from '../channels/channels.types.ts'
import { createLinkDesk, type LinkDesk } from '../channels/link-desk.ts'
import { createOwnerGate } from '../channels/owner-gate.ts'
import type { ControlWord } from '../control-words.ts'
import { type Conversation, createConversation } from '../conversation.ts'
import type { ConversationParts } from '../conversation.types.ts'
import { createFreeze } from '../freeze.ts'
import { createAskedHere, openAsked } from '../rule-proposals.ts'
import { createQueue } from '../utils/queue.ts'
import type { Timing } from '../utils/timing.ts'

export const OWNER = 'test:owner'

export type TestChannel = Channel & {
  readonly receive: (id: string, text: string, senderId?: string) => void
  /** Yields these together, and moves the cursor. */
  readonly receiveBatch: (batch: IncomingBatch) => void
  /** The other side ends: after what was received, nothing more will come. */
  readonly hangUp: () => void
  /** Replies that arrived, in order. */
  readonly sent: OutgoingMessage[]
  /** Resolves with the reply to a message, once it has arrived; `question 1 of ID` with what is asked about it first. */
  readonly replyTo: (id: string) => Promise<OutgoingMessage>
  /** Whether a reply arrives; by default it does. */
  onSend: (message: OutgoingMessage) => Promise<boolean> | boolean
}

const UNBOUNDED: ChannelCapabilities = {
  ...{ graphemesMax: null, bytesMax: null, markdown: true, links: false, files: false, reactions: false },
  ...{ replyTo: true, edit: false, idempotencyKey: false },
}

/** A channel beyond this machine: its senders are not the owner unless they are `OWNER`. */
export const createTestChannel = (
  name = 'letters',
  {
    followUp = true,
    can = {},
    extra = {},
  }: {
    readonly followUp?: boolean
    readonly can?: Partial<ChannelCapabilities>
    readonly extra?: Partial<Channel>
  } = {},
): TestChannel => {
  const batches = createQueue<IncomingBatch | null>()
  const arrived = new Map<string, PromiseWithResolvers<OutgoingMessage>>()
  const arrivalOf = (id: string) => {
    const arrival = arrived.get(id) ?? Promise.withResolvers<OutgoingMessage>()
    arrived.set(id, arrival)
    return arrival
  }
  const nameOf = ({ kind, replyTo }: OutgoingMessage): string => {
    const asked = channel.sent.filter((sent) => sent.kind === 'question' && sent.replyTo === replyTo).length
    return kind === 'question' ? `question ${asked} of ${replyTo}` : (replyTo ?? '')
  }
  const channel: TestChannel = {
    name,
    capabilities: { ...UNBOUNDED, ...can },
    identity: () => ({ id: name }),
    poll: async function* ({ signal }) {
      for await (const batch of batches.drain(signal)) {
        if (batch === null) return
        yield batch
      }
    },
    hangUp: () => batches.push(null),
    receive: (id, text, senderId = OWNER) =>
      batches.push({ messages: [{ id, senderId, text, followUp }], cursor: null }),
    receiveBatch: batches.push,
    sent: [],
    replyTo: (id) => arrivalOf(id).promise,
    onSend: () => true,
    send: async (message) => {
      if (!(await channel.onSend(message))) throw new ChannelError('absent', 'nobody is there')
      channel.sent.push(message)
      arrivalOf(nameOf(message)).resolve(message)
      return { id: `sent ${message.key}` }
    },
    ...extra,
  }
  return channel
}

/** A model that begins its answer and falls silent: only a stop ends the turn. */
export const stalling = (): { readonly asked: Promise<void>; readonly answer: LoopOptions['answer'] } => {
  const { promise: asked, resolve } = Promise.withResolvers<void>()
  const answer = () => {
    resolve()
    return { ...say('never whole'), fault: { kind: 'stall', afterEvents: 3 } } as const
  }
  return { asked, answer }
}

export type TestConversation = {
  readonly loop: TestLoop
  readonly inbox: ConversationParts['inbox']
  readonly outbox: ConversationParts['outbox']
  readonly conversation: Conversation
  readonly controlWords: ControlWord[]
  readonly faults: unknown[]
  /** What channels failed at. */
  readonly channelFaults: { readonly channel: string; readonly doing: string; readonly fault: string }[]
  readonly memory: ChannelMemory
  readonly links: LinkedIdentities
  readonly linkDesk: LinkDesk
  readonly health: ChannelHealth
  readonly strangers: ConversationParts['strangers']
  readonly freeze: ConversationParts['freeze']
  /** What waits for the owner's word. */
  readonly asked: ConversationParts['questions']['open']
  /** A conversation over the same state, as after a restart. */
  readonly restart: (ownerId?: string | null) => Conversation
  /** Serves the channel until the returned function has ended it. */
  readonly serve: (channel: Channel, conversation?: Conversation) => () => Promise<void>
  /** Serves the channel until it hangs up and everything is answered. */
  readonly serveAll: (channel: TestChannel, conversation?: Conversation) => Promise<void>
  readonly [Symbol.asyncDispose]: () => Promise<void>
}

/** Never in a hurry, and gone with the turn. */
const UNHURRIED: Timing = {
  random: () => 0,
  wait: (_, signal) => new Promise((resolve) => signal.addEventListener('abort', () => resolve())),
}

const NO_PROPOSALS: Proposals = {
  propose: () => {
    throw new Error('nothing is proposed in this test')
  },
  proposeFile: () => {
    throw new Error('nothing is proposed in this test')
  },
  confirm: async () => null,
  open: () => [],
  decline: () => null,
  waiting: () => [],
  settleInterrupted: () => {},
}

/** Real stores, loop and twin under the conversation; `replace` changes single parts of the agent. */
export const createTestConversation = (
  options: LoopOptions & {
    /** By default a control word is noted, and answered with itself. */
    readonly timing?: Timing
    /** How long a question waits; for ever unless it is given. */
    readonly questionTiming?: Timing
    readonly keepAttachments?: ConversationParts['keepAttachments']
    readonly proposals?: Proposals
    /** Hears what the rules are told, instead of them. */
    readonly note?: ConversationParts['note']
    readonly freeze?: (freeze: ConversationParts['freeze']) => ConversationParts['freeze']
    readonly answerControlWord?: (parts: AgentParts) => ConversationParts['answerControlWord']
  },
  replace: (parts: AgentParts) => AgentParts = (parts) => parts,
): TestConversation => {
  const loop = createTestLoop(options)
  const inbox = createInbox(loop.store.state(), loop.store.clock)
  const outbox = createOutbox(loop.store.state(), loop.store.clock)
  const memory = createChannelMemory(loop.store.state(), loop.store.clock)
  const links = createLinkedIdentities(loop.store.state(), loop.store.clock)
  const strangers = createStrangers(loop.store.state(), loop.store.clock)
  const linkDesk = createLinkDesk(loop.store.clock)
  const health = createChannelHealth(loop.store.clock)
  const channelFaults: TestConversation['channelFaults'] = []
  const controlWords: ControlWord[] = []
  const freeze = createFreeze(loop.parts.journal, loop.store.clock)
  const faults: unknown[] = []
  const timing = options.timing ?? { wait: async () => {}, random: () => 0 }
  let asked: TestConversation['asked'] = () => []
  const restart = (ownerId: string | null = OWNER): Conversation => {
    const questions = createQuestions({
      ...{ state: loop.store.state(), journal: loop.parts.journal, outbox, clock: loop.store.clock },
      timing: options.questionTiming ?? UNHURRIED,
      onAsked: (channel) => restarted.send(channel),
    })
    const proposals = options.proposals ?? NO_PROPOSALS
    asked = () => openAsked({ questions, proposals })
    const restarted = createConversation({
      ...{ inbox, outbox, journal: loop.parts.journal, memory, strangers, links, linkDesk, health },
      keepAttachments: options.keepAttachments ?? (async () => []),
      redact: (text) => text.replaceAll('canary', '[redacted]'),
      onChannelFault: (channel, doing, { fault }) => channelFaults.push({ channel, doing, fault }),
      freeze: options.freeze?.(freeze) ?? freeze,
      ...{ timing, note: options.note ?? loop.parts.gate.note },
      questions: { open: asked, closeAbandoned: questions.closeAbandoned },
      ownerGate: createOwnerGate(ownerId, links.has),
      agentParts: async () => replace({ ...loop.parts, questions }),
      answerControlWord: async (word, intent) => {
        controlWords.push(word)
        const { channel } = intent
        const here = createAskedHere({ questions, proposals }, { channel })
        if (word === 'no') return `said no to ${here.deny().length}`
        if (word === 'unclear') return 'unclear'
        if (word.startsWith('confirm ')) return (await here.confirm(word.slice(8))) ?? 'confirmed: nothing'
        return (await options.answerControlWord?.(loop.parts)(word, intent)) ?? `answer to ${word}`
      },
      onFatal: (error) => faults.push(error),
    })
    return restarted
  }
  const conversation = restart()
  return {
    ...{ loop, inbox, outbox, conversation, controlWords, faults, restart, freeze },
    asked: () => asked(),
    ...{ memory, links, linkDesk, health, strangers, channelFaults },
    serve: (channel, served = conversation) => {
      const end = new AbortController()
      const done = served.serve(channel, end.signal)
      return () => {
        end.abort()
        return done
      }
    },
    serveAll: async (channel, served = conversation) => {
      channel.hangUp()
      await served.serve(channel, new AbortController().signal)
    },
    [Symbol.asyncDispose]: loop[Symbol.asyncDispose],
  }
}
