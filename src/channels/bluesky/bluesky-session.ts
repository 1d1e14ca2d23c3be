/**
 * The login. It is opened when it is first needed, kept encrypted between starts (a login per start would use up the 300
 * that an account has per day), and renewed by the client while it lasts. When the service no longer takes it, one new
 * login with the password is tried; whatever it says then is the answer.
 */
import { AtpAgent, type AtpSessionData } from '@atproto/api'
import { z } from 'zod'
import type { ChannelStore } from '../channels.types.ts'
import { isStaleSession, toBlueskyFault, toLoginFault } from './bluesky-faults.ts'
import type { Account } from './resolve-account.ts'
import { createSalt, createSeal, type Seal } from './sealed-text.ts'

const SALT_KEY = 'session-salt'
const SESSION_KEY = 'session'

export type BlueskySession = {
  /**
   * Runs with a client that is logged in. What it does may be done twice when the session has ended, which the service
   * says before it does anything. @throws {ChannelError} but for the errors of the client that `keep` accepts.
   */
  readonly use: <T>(work: (agent: AtpAgent) => Promise<T>, keep?: (error: unknown) => boolean) => Promise<T>
}

export type SessionParts = {
  readonly password: string
  readonly store: ChannelStore
  readonly fetch: typeof fetch
  /** Where the account is; asked again after it failed. */
  readonly account: () => Promise<Account>
}

const savedSchema = z.object({ did: z.string(), handle: z.string(), accessJwt: z.string(), refreshJwt: z.string() })

export const createBlueskySession = (parts: SessionParts): BlueskySession => {
  let opened: Promise<AtpAgent> | null = null
  const open = (): Promise<AtpAgent> => {
    opened ??= openAgent(parts).catch((error: unknown) => {
      opened = null
      throw toLoginFault(error)
    })
    return opened
  }
  return {
    use: async (work, keep = () => false) => {
      const rethrow = (error: unknown): never => {
        throw keep(error) ? error : toBlueskyFault(error)
      }
      const opening = open()
      const agent = await opening
      try {
        return await work(agent)
      } catch (error) {
        if (!isStaleSession(error)) return rethrow(error)
      }
      if (opened === opening) {
        opened = null
        parts.store.set(SESSION_KEY, null)
      }
      return work(await open()).catch(rethrow)
    },
  }
}

const openAgent = async ({ account, password, store, fetch: get }: SessionParts): Promise<AtpAgent> => {
  const { identifier, pdsUrl } = await account()
  const seal = await createSeal(password, readSalt(store))
  const context = `${identifier} ${pdsUrl}`
  const agent = new AtpAgent({
    service: pdsUrl,
    fetch: get,
    persistSession: (_, session) =>
      store.set(SESSION_KEY, session ? seal.close(JSON.stringify({ context, session })) : null),
  })
  const saved = readSaved(store, seal, context)
  if (saved && (await resume(agent, saved))) return agent
  await agent.login({ identifier, password })
  return agent
}

/** False: the session has ended. What may pass by itself is thrown, and the session kept. */
const resume = async (agent: AtpAgent, saved: AtpSessionData): Promise<boolean> => {
  try {
    await agent.resumeSession(saved)
    return true
  } catch (error) {
    if (agent.hasSession) throw error
    return false
  }
}

/** A session of another account or server is none. */
const readSaved = (store: ChannelStore, seal: Seal, context: string): AtpSessionData | null => {
  const text = seal.open(store.get(SESSION_KEY) ?? '')
  const parsed = z.object({ context: z.literal(context), session: savedSchema }).safeParse(JSON.parse(text ?? 'null'))
  return parsed.success ? { ...parsed.data.session, active: true } : null
}

const readSalt = (store: ChannelStore): Buffer => {
  const kept = store.get(SALT_KEY)
  if (kept !== null) return Buffer.from(kept, 'base64url')
  const salt = createSalt()
  store.set(SALT_KEY, salt.toString('base64url'))
  return salt
}
