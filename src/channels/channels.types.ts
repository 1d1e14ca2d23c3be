/**
 * The port between the node and the places where its owner talks to it. An adapter moves messages and knows its service;
 * everything that is hard (cursor, order, repeats, dedupe, splitting, the owner check, rests after faults) is done by the
 * core, once, for all of them. `test/conformance/channel.ts` is the suite that an adapter must pass.
 */
import type { TurnProgress } from '../agent/turn.types.ts'
import type { Clock } from '../utils/clock.ts'
import type { Timing } from '../utils/timing.ts'
import type { ChannelError } from './channel-error.ts'

/** A file that came with a message. What it holds is untrusted data. */
export type IncomingAttachment = {
  /** As the sender called it; the core makes a safe name of it. */
  readonly name: string
  readonly mime: string
  /** Fetches it; called for the owner's messages only. Rejects with `ChannelError` `rejected` when it is larger. */
  readonly read: (limit: { readonly bytesMax: number; readonly signal: AbortSignal }) => Promise<Uint8Array>
}

export type IncomingMessage = {
  /** Unique within the channel and the same whenever the message is delivered again. */
  readonly id: string
  /** Namespaced subject that the service vouches for: `atproto:did:plc:...`, `telegram:123`. Never what a message claims. */
  readonly senderId: string
  readonly text: string
  /** Set: it gets a turn of its own. Unset: it steers the turn that runs when it comes. */
  readonly followUp?: boolean
  readonly attachments?: readonly IncomingAttachment[]
}

/** Messages, oldest first, and where to go on after them. Both are stored in one transaction before more is asked for. */
export type IncomingBatch = {
  readonly messages: readonly IncomingMessage[]
  /** Opaque to the core; null: the channel keeps no place, and what was not stored is not delivered again. */
  readonly cursor: string | null
  /** What keeps a part of the channel from working while the rest does: for the status, in each batch while it lasts. */
  readonly fault?: ChannelError
}

export type OutgoingMessage = {
  /** Deterministic, `<turn>/<n>` from 1: the same part of the same reply always has the same key. */
  readonly key: string
  /** A question answers nothing: the turn waits for its answer. Nor does a notice, and nothing waits. Unset: a reply. */
  readonly kind?: 'reply' | 'question' | 'notice'
  /** Whom it is for: the subject that wrote `replyTo`, else an identity of the owner on this channel. */
  readonly to: string
  /** `id` of the message that it answers; of the first, when it answers several; null for what nobody asked. */
  readonly replyTo: string | null
  /** All of them, oldest first. */
  readonly answers: readonly string[]
  /** Within the limits of the channel, without markdown where it has none, and with `REPEAT_MARK` before a repeat. */
  readonly text: string
  /** It may have arrived before: the node died, or the connection did, while it was being sent. */
  readonly repeat: boolean
}

/** What a channel can do. The conformance suite proves each claim. */
export type ChannelCapabilities = {
  /** Longest text of a message in extended grapheme clusters (Unicode UAX 29); null: no limit. */
  readonly graphemesMax: number | null
  /** The same in UTF-8 bytes; both hold. */
  readonly bytesMax: number | null
  /** Markdown is shown as such, or as it was typed. Without it the core flattens the text. */
  readonly markdown: boolean
  /** The service or its apps make links of addresses; the core then defuses hosts that the owner has not named. */
  readonly links: boolean
  readonly files: boolean
  readonly reactions: boolean
  readonly replyTo: boolean
  readonly edit: boolean
  /** The service itself drops a second message with the same key, also after a restart of the node. */
  readonly idempotencyKey: boolean
}

export type ChannelCheck = {
  readonly state: 'ok' | 'warn' | 'fail'
  readonly detail: string
  /** What the owner can do; null when nothing is to be done. */
  readonly mend: string | null
}

/** A port of this machine, and the variable that says which. */
export type ListeningPlace = { readonly variable: string; readonly host: string; readonly port: number }

/**
 * A place where the owner talks to the node. Faults are `ChannelError`; any other error counts as `unreachable` with an
 * unknown outcome. Making one touches neither network nor disk.
 */
export type Channel = {
  /** As in `CHANNEL_PROVIDER`. */
  readonly name: string
  readonly capabilities: ChannelCapabilities
  /** The node's own name on this channel. */
  readonly identity: () => { readonly id: string }
  /**
   * Yields batches from after `cursor` (null: never polled before) until the signal aborts or the other side has ended for
   * good. It is asked for the next batch only when the last one is stored; an empty batch may still move the cursor. The
   * first request that succeeds yields one in any case, so that the status can say that the channel works. When it throws,
   * it is called again after a rest, from the stored cursor.
   */
  readonly poll: (from: {
    readonly cursor: string | null
    readonly signal: AbortSignal
  }) => AsyncGenerator<IncomingBatch, void>
  /** Sends one message, without link previews. Resolves when the service has taken it, with the id that the service gave it. */
  readonly send: (message: OutgoingMessage, signal: AbortSignal) => Promise<{ readonly id: string }>
  /**
   * Looks whether a message whose outcome is unknown has arrived; always asked before such a message is sent again. Null
   * must mean that it has not; `rejected`, that it can never be known. The message is handed in for services that can only
   * be searched by text or `replyTo`.
   */
  readonly findSent?: (key: string, message: OutgoingMessage) => Promise<{ readonly id: string } | null>
  /** Shows the sender that the message is stored. What it rejects with is only logged, and nothing waits for it. */
  readonly ack?: (id: string) => Promise<void>
  /** Shows that an answer to the message is being worked on. As `ack`. */
  readonly typing?: (replyTo: string) => Promise<void>
  readonly react?: (id: string, emoji: string) => Promise<void>
  /** What happens while a message is being answered, for channels that can show it. Must not throw. */
  readonly progress?: (replyTo: string, progress: TurnProgress) => void
  /** Where it listens while it is polled; `doctor` looks whether it can. */
  readonly listens?: ListeningPlace
  /** Looks at the service for `doctor`: credentials, permissions, reachability. Does not reject. */
  readonly examine?: (signal: AbortSignal) => Promise<readonly ChannelCheck[]>
  /** Frees what the channel holds, after polling has ended. */
  readonly close?: () => Promise<void>
}

/** Small texts that an adapter keeps over restarts, in the node's state: a session, token hashes. Encrypt what is secret. */
export type ChannelStore = {
  readonly get: (key: string) => string | null
  /** null deletes. */
  readonly set: (key: string, value: string | null) => void
}

/** Other identities of the owner on this channel, for an adapter that proves the owner itself (a pairing code). */
export type ChannelLinks = {
  readonly add: (senderId: string) => void
  readonly remove: (senderId: string) => void
  readonly list: () => readonly string[]
}

export type ChannelEnvironment = {
  /** Values of the variables that the registration names; unset ones are absent. */
  readonly settings: Readonly<Record<string, string>>
  /** `OWNER_ID`, namespaced. */
  readonly ownerId: string | null
  readonly store: ChannelStore
  readonly links: ChannelLinks
  readonly clock: Clock
  readonly timing: Timing
  /** Shows the owner something at the start (a pairing code): goes to the terminal of `start`, never to a log. */
  readonly announce: (text: string) => void
}

/** The channel, or one sentence per variable that is missing or wrong, each beginning with its name. */
export type ChannelFactory = (environment: ChannelEnvironment) => Channel | MissingSettings
export type MissingSettings = { readonly missing: readonly string[] }

/** What is known of an adapter while it is not loaded. */
export type ChannelRegistration = {
  readonly name: string
  /** Its environment variables, each with a sentence for README's table. */
  readonly settings: Readonly<Record<string, ChannelSetting>>
  /** Loads the adapter; called only when it is configured. */
  readonly load: () => Promise<ChannelFactory>
}
export type ChannelSetting = { readonly describe: string; readonly secret?: true }

/** What someone who sent a message sees before its reply: its progress, and replies that nobody had taken. */
export type ChannelProgress =
  | TurnProgress
  | { readonly kind: 'late-reply'; readonly text: string; readonly repeat: boolean }
  /** Answered by a message of its own, while the turn waits; `key` names it. */
  | { readonly kind: 'question'; readonly key: string; readonly text: string }
  | { readonly kind: 'notice'; readonly text: string }

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
