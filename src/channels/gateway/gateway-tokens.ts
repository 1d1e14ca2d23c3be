/**
 * Bearer tokens: `<id>.<secret>`. Only a hash of the secret is kept. The id is an identity of the owner, `gateway:<id>`,
 * linked like any other: `plaited links` lists it, `plaited unlink` takes it back at once. A client that pairs at every
 * start leaves its old token behind, so only the newest few are kept.
 */
import { createHash, randomBytes, timingSafeEqual } from 'node:crypto'
import { z } from 'zod'
import type { ChannelLinks, ChannelStore } from '../channels.types.ts'

/** Paired programs; one more, and the oldest has to pair again. */
const TOKENS_MAX = 10
const SECRET_BYTES = 32
const ID_BYTES = 4
const KEY = 'tokens'

const keptSchema = z.array(z.strictObject({ id: z.string(), hash: z.string() }))

export type GatewayTokens = {
  /** A new token; whose place it takes has to pair again. */
  readonly issue: () => { readonly token: string; readonly dropped: readonly string[] }
  /** Whose it is, from the value of an `Authorization` header; null when it is nobody's. */
  readonly verify: (authorization: string | null) => string | null
}

const hashOf = (secret: string): Buffer => createHash('sha256').update(secret).digest()
const subjectOf = (id: string): string => `gateway:${id}`

export const createGatewayTokens = (store: ChannelStore, links: ChannelLinks): GatewayTokens => {
  const kept = () => keptSchema.parse(JSON.parse(store.get(KEY) ?? '[]'))
  const isLinked = ({ id }: { readonly id: string }) => links.list().includes(subjectOf(id))
  return {
    issue: () => {
      const before = kept()
      const stay = before.filter(isLinked).slice(-(TOKENS_MAX - 1))
      const dropped = before.filter((token) => !stay.includes(token)).map((token) => subjectOf(token.id))
      const id = randomBytes(ID_BYTES).toString('hex')
      const secret = randomBytes(SECRET_BYTES).toString('base64url')
      store.set(KEY, JSON.stringify([...stay, { id, hash: hashOf(secret).toString('base64') }]))
      for (const subject of dropped) links.remove(subject)
      links.add(subjectOf(id))
      return { token: `${id}.${secret}`, dropped }
    },
    verify: (authorization) => {
      const [, id, secret = ''] = /^bearer ([0-9a-f]{8})\.([\w-]{43})$/i.exec(authorization ?? '') ?? []
      const token = kept().find((candidate) => candidate.id === id)
      if (!token || !timingSafeEqual(hashOf(secret), Buffer.from(token.hash, 'base64'))) return null
      return isLinked(token) ? subjectOf(token.id) : null
    },
  }
}
