/**
 * What went wrong, in the port's words, and what the owner can do. Errors of the chat service come through the account's
 * server, which replaces the headers by its own: how long to wait is therefore never read from them.
 */
import { XRPCError } from '@atproto/api'
import { SafeFetchError } from '../../net/safe-fetch.ts'
import { ChannelError, type ChannelFault } from '../channel-error.ts'

const NEW_PASSWORD =
  'in Bluesky as the agent\'s account: Settings, Privacy and security, App passwords, "Add app password" with "Allow access to your direct messages", and set it as BSKY_CHAT_APP_PASSWORD'

type Meaning = { readonly fault: ChannelFault; readonly message: string; readonly hint: string }

/** Errors by the name that the lexicons give them; nothing but the owner helps against these. */
const BY_NAME: Readonly<Record<string, Meaning>> = {
  AuthFactorTokenRequired: {
    fault: 'auth-failed',
    message: 'this is the password of the account itself, which asks for a code',
    hint: NEW_PASSWORD,
  },
  AccountTakedown: {
    fault: 'auth-failed',
    message: 'the account of the agent has been taken down',
    hint: 'see what Bluesky has written to its e-mail address',
  },
  AccountDeactivated: {
    fault: 'auth-failed',
    message: 'the account of the agent is deactivated',
    hint: 'log in to Bluesky as the agent and reactivate it',
  },
  AccountSuspended: {
    fault: 'auth-failed',
    message: 'Bluesky has suspended an account of this chat',
    hint: 'see what Bluesky has written to the e-mail addresses of both accounts',
  },
  MessagesDisabled: {
    fault: 'auth-failed',
    message: 'your account takes no messages from the agent ("Allow new messages from": nobody)',
    hint: 'in Bluesky, Chat, Settings: allow messages from people you follow, and follow the agent; or write to it first',
  },
  NotFollowedBySender: {
    fault: 'auth-failed',
    message: 'your account takes messages only from accounts that it follows, and the agent is none',
    hint: 'follow the agent in Bluesky, or write to it first',
  },
  BlockedActor: { fault: 'auth-failed', message: 'one account blocks the other', hint: 'end the block in Bluesky' },
  BlockedSubject: { fault: 'auth-failed', message: 'one account blocks the other', hint: 'end the block in Bluesky' },
  ConvoLocked: {
    fault: 'auth-failed',
    message: 'the chat is locked',
    hint: 'open it in Bluesky; it says there why',
  },
}

/** Only a password without access to messages is refused in these words; nothing else tells it apart (social-app#8954). */
const NO_MESSAGES_WORDS = 'Bad token method'

export const lacksMessageAccess = (error: unknown): boolean =>
  error instanceof XRPCError && error.error === 'InvalidToken' && error.message === NO_MESSAGES_WORDS

/** The service no longer takes the session: a login with the password may help. */
export const isStaleSession = (error: unknown): boolean =>
  error instanceof XRPCError &&
  !lacksMessageAccess(error) &&
  (error.status === 401 || ['InvalidToken', 'ExpiredToken', 'AuthMissing'].includes(error.error))

/** Error name that the service gave, such as `InvalidConvo`; null for what is no answer of it. */
export const errorName = (error: unknown): string | null => (error instanceof XRPCError ? error.error : null)

export const toBlueskyFault = (error: unknown): ChannelError => {
  if (error instanceof ChannelError) return error
  const network = networkFault(error)
  if (network) return network
  if (!(error instanceof XRPCError)) {
    return new ChannelError('unreachable', 'something failed that is no answer of Bluesky', { cause: error })
  }
  if (lacksMessageAccess(error)) return named('the app password has no access to direct messages', NEW_PASSWORD, error)
  const meaning = BY_NAME[error.error]
  if (meaning) return new ChannelError(meaning.fault, meaning.message, { hint: meaning.hint, cause: error })
  if (isStaleSession(error)) return named(`Bluesky refuses the login (${error.error})`, NEW_PASSWORD, error)
  return byStatus(error)
}

/** A refused login says only that: which of the two was wrong is not told. */
export const toLoginFault = (error: unknown): ChannelError => {
  if (!(error instanceof XRPCError) || networkFault(error) || BY_NAME[error.error]) return toBlueskyFault(error)
  if (error.status === 429) {
    // The account's own server answers here, so this header is true: 30 logins in 5 minutes, 300 a day.
    const seconds = Number(error.headers?.['retry-after'])
    const retryAfterMs = Number.isFinite(seconds) ? seconds * 1000 : null
    return new ChannelError('rate-limited', 'too many logins', { retryAfterMs, cause: error })
  }
  if (error.status >= 500) return byStatus(error)
  return named('Bluesky refuses BSKY_CHAT_HANDLE with BSKY_CHAT_APP_PASSWORD', NEW_PASSWORD, error)
}

const named = (message: string, hint: string, cause: unknown) =>
  new ChannelError('auth-failed', message, { hint, cause })

const byStatus = (error: XRPCError): ChannelError => {
  const { status, error: name, message } = error
  if (status === 429) return new ChannelError('rate-limited', 'Bluesky asks for a rest (429)', { cause: error })
  if (status >= 400 && status < 500) {
    return new ChannelError('rejected', `Bluesky refused it: ${name}: ${message.slice(0, 200)}`, { cause: error })
  }
  return new ChannelError('unreachable', `Bluesky answered with a fault (${status} ${name})`, { cause: error })
}

/** The client wraps what its fetch throws, sometimes more than once. */
const networkFault = (error: unknown): ChannelError | null => {
  for (let cause = error, depth = 0; cause instanceof Error && depth < 5; cause = cause.cause, depth++) {
    if (cause instanceof SafeFetchError) {
      const { message, mayHaveArrived } = cause
      return new ChannelError('unreachable', message, { mayHaveArrived, cause })
    }
  }
  return null
}
