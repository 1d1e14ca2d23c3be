import type { TurnProgress } from '../agent/turn.types.ts'

export type IncomingMessage = {
  readonly id: string
  readonly senderId: string
  readonly text: string
  /** Set: it gets a turn of its own. Unset: it steers the turn that runs when it comes. */
  readonly followUp?: boolean
}

export type OutgoingMessage = {
  /** Deterministic: the same reply always has the same key. */
  readonly key: string
  /** A question answers nothing: the turn waits for its answer. Nor does a notice, and nothing waits. */
  readonly kind: 'reply' | 'question' | 'notice'
  /** `id` of the message that it answers; of the first, when it answers several. */
  readonly replyTo: string
  /** All of them, oldest first. */
  readonly answers: readonly string[]
  readonly text: string
  /** It may have arrived before: the node died while it was being sent. */
  readonly repeat: boolean
}

/**
 * Where the owner talks to the node. An adapter moves messages; order, storage, owner check, repeats and turns belong to
 * the conversation.
 */
export type Channel = {
  readonly name: string
  readonly identity: () => { readonly id: string }
  /** Yields messages until the signal aborts or the other side has ended. */
  readonly poll: (signal: AbortSignal) => AsyncGenerator<IncomingMessage>
  /** Resolves with whether it has arrived, and rejects when that cannot be known: it is sent again then, as a repeat. */
  readonly send: (message: OutgoingMessage) => Promise<boolean>
  /** What happens while a message is being answered, for channels that can show it. Must not throw. */
  readonly progress?: (replyTo: string, progress: TurnProgress) => void
}

/** What someone who sent a message sees before its reply: its progress, and replies that nobody had taken. */
export type ChannelProgress =
  | TurnProgress
  | { readonly kind: 'late-reply'; readonly text: string; readonly repeat: boolean }
  /** A question is answered by a message of its own, while the turn waits; a notice need not be. */
  | { readonly kind: 'question' | 'notice'; readonly text: string }

/** A speaker in another process, who may leave without hearing the reply. */
export type RemoteSpeaker = {
  /** Aborts when the speaker has left. */
  readonly gone: AbortSignal
  /** Resolves when the speaker has the reply; rejects when that cannot be known. */
  readonly heard: Promise<void>
}

/**
 * Hands in a message of the local owner. Resolves with the reply, or rejects when the speaker leaves: the turn goes on
 * then. `messageId` must be new. @throws {NodeError} USAGE when it is not.
 */
export type Say = (
  message: { readonly messageId: string; readonly text: string; readonly followUp?: boolean },
  progress: (progress: ChannelProgress) => void,
  remote?: RemoteSpeaker,
) => Promise<string>
