/**
 * What makes the agent reachable for its owner and hardly anybody else: it takes messages only from accounts that it
 * follows, it follows its owner, and it joins no groups. The record that says so is asserted again and again, because the
 * app itself has been seen to set it to "none" when somebody signed in with it (social-app#10216).
 */
import type { AtpAgent } from '@atproto/api'
import { z } from 'zod'
import { ChannelError } from '../channel-error.ts'
import { errorName } from './bluesky-faults.ts'
import type { BlueskySession } from './bluesky-session.ts'
import type { ChatClient } from './chat-client.ts'

const DECLARATION = { collection: 'chat.bsky.actor.declaration', rkey: 'self' } as const
const FOLLOWS = 'app.bsky.graph.follow'
const WANTED = { allowIncoming: 'following', allowGroupInvites: 'none' } as const
/** An agent follows its owner and few others: more records than this are not looked through. */
const FOLLOW_PAGES_MAX = 20
const FOLLOWS_PER_PAGE = 100

const declarationSchema = z.object({
  allowIncoming: z.string(),
  allowGroupInvites: z.string().optional().catch(undefined),
})
const followSchema = z.object({ subject: z.string() })

export type Reachability = {
  /** Mends what is not so. @throws {ChannelError} auth-failed when the chat of the account is disabled. */
  readonly assert: (signal?: AbortSignal) => Promise<void>
  /** Changes nothing. Who may write to the agent, when that is not what it should be; else null. @throws as `assert`. */
  readonly look: (signal?: AbortSignal) => Promise<string | null>
}

export type ReachabilityParts = {
  readonly session: BlueskySession
  readonly client: ChatClient
  /** DIDs of the owner. */
  readonly owners: () => readonly string[]
  /** Tells the owner that somebody else had changed the setting. */
  readonly announce: (text: string) => void
}

export const createReachability = ({ session, client, owners, announce }: ReachabilityParts): Reachability => {
  const followed = new Set<string>()
  const follow = async (owner: string): Promise<void> => {
    if (followed.has(owner)) return
    await session.use(async (agent) => {
      if (!(await isFollowing(agent, owner))) await agent.follow(owner)
    })
    followed.add(owner)
  }
  const requireChat = async (signal: AbortSignal | undefined): Promise<void> => {
    if (!(await client.isDisabled(signal))) return
    throw new ChannelError('auth-failed', "Bluesky has disabled the chat of the agent's account", {
      hint: 'log in to Bluesky as the agent: it says there why (age, e-mail not confirmed, moderation)',
    })
  }
  return {
    look: async (signal) => {
      await requireChat(signal)
      const found = await session.use(readDeclaration)
      return isWanted(found) ? null : (found?.allowIncoming ?? 'not set')
    },
    assert: async (signal) => {
      await requireChat(signal)
      const found = await session.use(declare)
      if (found !== null) {
        announce(`Bluesky: who may write to the agent had been set to ${JSON.stringify(found)}; it is set back.`)
      }
      for (const owner of owners()) await follow(owner)
    },
  }
}

/** What was declared instead; null when nothing was, or the right thing. */
const declare = async (agent: AtpAgent): Promise<string | null> => {
  const found = await readDeclaration(agent)
  if (isWanted(found)) return null
  const record = { $type: DECLARATION.collection, ...WANTED }
  await agent.com.atproto.repo.putRecord({ repo: agent.assertDid, ...DECLARATION, record })
  return found?.allowIncoming ?? null
}

type Declaration = z.output<typeof declarationSchema> | null

const isWanted = (found: Declaration): boolean =>
  found?.allowIncoming === WANTED.allowIncoming && found.allowGroupInvites === WANTED.allowGroupInvites

const readDeclaration = async (agent: AtpAgent): Promise<Declaration> => {
  try {
    const { data } = await agent.com.atproto.repo.getRecord({ repo: agent.assertDid, ...DECLARATION })
    return declarationSchema.safeParse(data.value).data ?? null
  } catch (error) {
    if (errorName(error) === 'RecordNotFound') return null
    throw error
  }
}

const isFollowing = async (agent: AtpAgent, did: string): Promise<boolean> => {
  let cursor: string | undefined
  for (let page = 0; page < FOLLOW_PAGES_MAX; page++) {
    const params = { repo: agent.assertDid, collection: FOLLOWS, limit: FOLLOWS_PER_PAGE, ...(cursor && { cursor }) }
    const { data } = await agent.com.atproto.repo.listRecords(params)
    if (data.records.some(({ value }) => followSchema.safeParse(value).data?.subject === did)) return true
    cursor = data.cursor
    if (cursor === undefined) return false
  }
  return false
}
