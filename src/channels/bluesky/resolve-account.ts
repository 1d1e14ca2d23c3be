/**
 * From the handle of an account to the server that holds it: handle -> DID by DNS or by the handle's own web server, DID ->
 * document from the PLC directory or the domain of a did:web, document -> server. The document must name the handle as
 * its own, or anybody could point a domain at the account of someone else.
 */
import { resolveTxt } from 'node:dns/promises'
import { z } from 'zod'
import { ChannelError } from '../channel-error.ts'

const PLC_DIRECTORY = 'https://plc.directory'
/** The two methods of the AT Protocol (atproto.com/specs/did). */
export const DID = /^did:(?:plc:[a-z2-7]{24}|web:[a-z0-9.-]+(?:%3A\d+)?)$/

export type Account = {
  /** What to log in with. */
  readonly identifier: string
  /** Address of the server that holds the account. */
  readonly pdsUrl: string
}

/** What names are looked up with. */
export type Lookup = {
  readonly fetch: (url: string) => Promise<Response>
  readonly resolveTxt?: (name: string) => Promise<readonly (readonly string[])[]>
  readonly plcDirectory?: string
}

const documentSchema = z.object({
  id: z.string(),
  alsoKnownAs: z.array(z.string()).default([]),
  service: z.array(z.object({ id: z.string(), type: z.string(), serviceEndpoint: z.unknown() })).default([]),
})

/** @throws {ChannelError} auth-failed when nobody has the name, unreachable when that cannot be found out. */
export const resolveAccount = async (name: string, lookup: Lookup): Promise<Account> => {
  const did = DID.test(name) ? name : await resolveHandle(name, lookup)
  const document = await readDocument(did, lookup)
  if (document.id !== did) throw notFound(name, `the document of ${did} belongs to another account`)
  if (did !== name && !document.alsoKnownAs.includes(`at://${name}`)) {
    throw notFound(name, `it points to ${did}, which does not know it`)
  }
  const server = document.service.find(
    ({ id, type }) => id.endsWith('#atproto_pds') && type === 'AtprotoPersonalDataServer',
  )
  if (typeof server?.serviceEndpoint !== 'string') throw notFound(name, `${did} names no server`)
  return { identifier: did, pdsUrl: server.serviceEndpoint }
}

const resolveHandle = async (
  handle: string,
  { fetch: get, resolveTxt: askDns = resolveTxt }: Lookup,
): Promise<string> => {
  const records = await askDns(`_atproto.${handle}`).catch(() => []) // most handles have none; the web server decides then
  const dids = records.map((parts) => parts.join('')).filter((text) => text.startsWith('did='))
  if (dids.length > 1) throw notFound(handle, 'its DNS names more than one account')
  const found = dids[0]?.slice('did='.length) ?? (await readWellKnown(handle, get))
  if (!DID.test(found)) throw notFound(handle, 'it points to no account')
  return found
}

const readWellKnown = async (handle: string, get: Lookup['fetch']): Promise<string> => {
  const response = await get(`https://${handle}/.well-known/atproto-did`)
  if (!response.ok) throw notFound(handle, `its server answered ${response.status}`)
  return (await response.text()).trim()
}

const readDocument = async (did: string, { fetch: get, plcDirectory = PLC_DIRECTORY }: Lookup) => {
  const host = did.slice('did:web:'.length).replace('%3A', ':')
  const url = did.startsWith('did:web:') ? `https://${host}/.well-known/did.json` : `${plcDirectory}/${did}`
  const response = await get(url)
  if (response.status === 404) throw notFound(did, 'nobody has published it')
  const parsed = documentSchema.safeParse(response.ok ? await response.json().catch(() => null) : null)
  if (parsed.success) return parsed.data
  throw new ChannelError('unreachable', `${new URL(url).host} did not give the document of ${did}`, {
    mayHaveArrived: false,
  })
}

const notFound = (name: string, why: string) =>
  new ChannelError('auth-failed', `no account of Bluesky is found for ${name}: ${why}`, {
    hint: 'check BSKY_CHAT_HANDLE; for a server that is not public, set BSKY_PDS_URL',
  })
