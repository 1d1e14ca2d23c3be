import type { OwnerIntent } from './agent.types.ts'
import type { WorkspaceCommit } from './workspace/workspace.types.ts'

/** What happens during a turn, for whoever is watching; the journal is the record. */
export type TurnProgress =
  | { readonly kind: 'text'; readonly text: string }
  /** The message is taken up by the turn that runs, which began with the message `to`: one reply answers both. */
  | { readonly kind: 'joined'; readonly to: string }
  /** The text so far was cut off by a fault and is no answer; what follows, if anything, begins anew. */
  | { readonly kind: 'interrupted'; readonly reason: string }
  /** Nothing happens for so long: the model service is given a rest before it is asked again. */
  | { readonly kind: 'waiting'; readonly seconds: number; readonly reason: string }
  | {
      readonly kind: 'call'
      readonly summary: string
      readonly outcome: 'allowed' | 'asked' | 'blocked' | 'refused'
      /** Why it did not run: rule and sentence, or what was wrong with the call. */
      readonly reason: string | null
    }
  | { readonly kind: 'result'; readonly summary: string; readonly isError: boolean; readonly content: string }
  | { readonly kind: 'commit'; readonly commit: WorkspaceCommit }

export type TurnEnd =
  | 'done'
  | 'stopped'
  | 'step-limit'
  | 'cap'
  | 'blocked'
  | 'model-error'
  /** The model service did not answer; the owner's next message goes on with what this turn began. */
  | 'parked'
  /** The model kept making the same call. */
  | 'repeating'
  | 'crashed'
  /** A control word, answered by the node without the model. */
  | 'control'

export type TurnEnding = { readonly end: TurnEnd; readonly text: string }

export type TurnResult = TurnEnding & { readonly commit: WorkspaceCommit | null }

export type Turn = {
  readonly id: string
  readonly intent: OwnerIntent
  /** Aborting ends the turn; the reason is a sentence for the owner. */
  readonly signal: AbortSignal
  /** Takes up what the owner has said meanwhile: the model reads it next. false when there is nothing. */
  readonly joinWaiting: () => boolean
  readonly progress: (progress: TurnProgress) => void
}
