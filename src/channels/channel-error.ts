/** What is wrong with a channel, in the words that decide what the core does next. */
export type ChannelFault =
  | 'rate-limited' // taken back for now: a rest, then the same again
  | 'auth-failed' // nothing helps but the owner: a long rest, and the status says it
  | 'unreachable' // no connection, a fault of the service, silence: growing rests
  | 'rejected' // this one message will never be taken: it is recorded as refused, and the next one goes on
  | 'absent' // nobody listens at the other end: it is kept until something comes from there

/** Contract of `message` and `hint`: they hold no secret; the status shows them to the owner. */
export class ChannelError extends Error {
  readonly fault: ChannelFault
  /** How long the service asked to be left alone, in milliseconds; null when it named no time. */
  readonly retryAfterMs: number | null
  /** What was being sent may have arrived. Only a fault that says so surely is false. */
  readonly mayHaveArrived: boolean
  /** The owner's next step. */
  readonly hint: string | null
  constructor(
    fault: ChannelFault,
    message: string,
    options: { retryAfterMs?: number | null; mayHaveArrived?: boolean; hint?: string; cause?: unknown } = {},
  ) {
    super(message, 'cause' in options ? { cause: options.cause } : undefined)
    this.name = 'ChannelError'
    this.fault = fault
    this.retryAfterMs = options.retryAfterMs ?? null
    this.mayHaveArrived = options.mayHaveArrived ?? fault === 'unreachable'
    this.hint = options.hint ?? null
  }
}

/** An error that no adapter has named tells nothing about what arrived. */
export const toChannelError = (error: unknown): ChannelError =>
  error instanceof ChannelError
    ? error
    : new ChannelError('unreachable', error instanceof Error ? error.message : String(error), { cause: error })
