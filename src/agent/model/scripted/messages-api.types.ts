import type { StopReason } from '../model.types.ts'
import type { MessagesRequest } from './messages-api.schemas.ts'

/** A block of a scripted reply. The twin gives ids and signatures that it recognises when they come back. */
export type StepBlock =
  | { readonly type: 'text'; readonly text: string }
  | { readonly type: 'thinking'; readonly thinking: string }
  | {
      readonly type: 'tool_use'
      readonly name: string
      readonly input: Readonly<Record<string, unknown>>
      readonly id?: string
      /** Streamed instead of `input`, so that it can be malformed or cut. */
      readonly inputJson?: string
    }

/** How a stream goes wrong once `afterEvents` of its events were sent. `eof` closes in good order, but too early. */
export type StreamFault = { readonly kind: 'error' | 'eof' | 'reset' | 'stall'; readonly afterEvents: number }

/** An error status of the API that the twin can play. */
export type ApiStatus = 400 | 401 | 402 | 403 | 404 | 413 | 429 | 500 | 529

/** The answer to one request. `stopReason` is by default what the content implies. */
export type Step =
  | {
      readonly kind: 'reply'
      readonly content: readonly StepBlock[]
      readonly stopReason?: StopReason
      readonly fault?: StreamFault
    }
  | {
      readonly kind: 'http'
      readonly status: ApiStatus
      readonly message: string
      readonly headers?: Readonly<Record<string, string>>
    }

/** A request as it arrived, for tests. */
export type ReceivedRequest = {
  readonly path: string
  readonly headers: Readonly<Record<string, string>>
  readonly bodyText: string
  /** Settles when the client hangs up before the answer was complete, and never otherwise. */
  readonly cancelled: Promise<void>
}

/** Answers the nth valid request, counted from 0. */
export type Answer = (request: MessagesRequest, n: number) => Step | Promise<Step>
