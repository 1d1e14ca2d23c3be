/**
 * Puts files that came with the owner's messages into the workspace, as `inbox/<message>/<name>`: asked about like any
 * write, written by the file worker, untrusted like anything from outside. A file that cannot be had is told to the model
 * with the reason, and holds nothing up. A crash in between fetches and writes the same files once more.
 */
import { createHash } from 'node:crypto'
import type { Sandbox } from './agent/agent.types.ts'
import type { KeptAttachment } from './agent/attachments.ts'
import { describeBlock, type PermissionGate } from './agent/constraint-engine.ts'
import type { InboundMessage } from './agent/inbox.ts'
import type { IncomingAttachment } from './channels/channels.types.ts'
import type { ConversationParts } from './conversation.types.ts'

/** Below what the file worker writes at once (8 MiB), also as base64. */
const FILE_BYTES_MAX = 5 * 1024 * 1024
/** Files of one message; that there were more is told. */
const FILES_MAX = 10
/** Characters of a name in the workspace, and of a folder that is named after a message. */
const NAME_CHARACTERS_MAX = 80
const UNKNOWN_TYPE = 'application/octet-stream'
/** Digits of a hash that keep two names apart which became the same. */
const HASH_CHARACTERS = 8
/** The model service takes 5 MB of base64 for a picture. */
const PICTURE_BYTES_MAX = 3.5 * 1024 * 1024
/** A larger PDF is reserved at more than the usual cap of a call; tools can read it in parts. */
const PDF_BYTES_MAX = 400 * 1024
/** What the model itself is shown, and up to which size. */
const MODEL_BYTES_MAX: ReadonlyMap<string, number> = new Map([
  ...['image/png', 'image/jpeg', 'image/gif', 'image/webp'].map((type) => [type, PICTURE_BYTES_MAX] as const),
  ['application/pdf', PDF_BYTES_MAX],
])

export type AttachmentKeeperParts = { readonly permit: PermissionGate['permit']; readonly sandbox: Sandbox }

export const createAttachmentKeeper = ({
  permit,
  sandbox,
}: AttachmentKeeperParts): ConversationParts['keepAttachments'] => {
  const keep = async (
    { channel, senderId }: InboundMessage,
    { file, path }: { readonly file: IncomingAttachment; readonly path: string },
    until: Until,
  ): Promise<KeptAttachment> => {
    const kept = { path, name: file.name.slice(0, NAME_CHARACTERS_MAX), mime: typeOf(file.mime), content: null }
    const refused = (refusal: string): KeptAttachment => ({ ...kept, bytes: 0, refusal })
    try {
      const bytes = await fetchInTime(file, until)
      if (bytes.length > FILE_BYTES_MAX) return refused(`it is over ${FILE_BYTES_MAX} bytes`)
      const base64 = Buffer.from(bytes).toString('base64')
      const permission = permit({ kind: 'store', path, base64 }, { channel, senderId })
      if (!permission.ok) return refused(describeBlock(permission.decision) ?? 'it was not allowed')
      const outcome = await sandbox.run(permission.call, { signal: until.signal })
      if (outcome.kind === 'failed') return refused(outcome.message)
      const isForModel = bytes.length > 0 && bytes.length <= (MODEL_BYTES_MAX.get(kept.mime) ?? 0)
      return { ...kept, bytes: bytes.length, refusal: null, content: isForModel ? bytes : null }
    } catch (error) {
      return refused(error instanceof Error ? error.message : String(error))
    }
  }
  return async (message, files, until) => {
    const folder = `/workspace/inbox/${safeName(`${message.channel}-${message.messageId}`)}`
    const kept: KeptAttachment[] = []
    for (const file of files.slice(0, FILES_MAX)) {
      const path = freePath(folder, safeName(file.name), kept)
      kept.push(await keep(message, { file, path }, until))
    }
    const over = files.length - FILES_MAX
    if (over > 0) kept.push({ ...TOO_MANY, path: folder, name: `${over} more` })
    return kept
  }
}

const TOO_MANY = {
  ...{ mime: UNKNOWN_TYPE, bytes: 0, content: null },
  refusal: `only ${FILES_MAX} files of one message are taken`,
}

type Until = Parameters<ConversationParts['keepAttachments']>[2]

/** An adapter that does not look at the signal holds nothing up either. */
const fetchInTime = async (file: IncomingAttachment, { signal, late }: Until): Promise<Uint8Array> => {
  const over = AbortSignal.any([signal, late])
  const { promise: ended, reject } = Promise.withResolvers<never>()
  const onEnd = () => reject(new Error(signal.aborted ? 'the node has ended' : 'it did not arrive in time'))
  over.addEventListener('abort', onEnd, { once: true })
  if (over.aborted) onEnd()
  try {
    return await Promise.race([file.read({ bytesMax: FILE_BYTES_MAX, signal: over }), ended])
  } finally {
    over.removeEventListener('abort', onEnd)
  }
}

/** Numbered when a file of the same message has the name already. */
const freePath = (folder: string, name: string, taken: readonly KeptAttachment[]): string => {
  const paths = [name, ...taken.map((_, index) => `${index + 2}-${name}`)].map((free) => `${folder}/${free}`)
  return paths.find((path) => !taken.some((other) => other.path === path)) ?? `${folder}/${name}`
}

const typeOf = (mime: string): string => {
  const [type = ''] = mime.toLowerCase().split(';', 1)
  return /^[a-z0-9.+-]{1,40}\/[a-z0-9.+-]{1,60}$/.test(type.trim()) ? type.trim() : UNKNOWN_TYPE
}

/**
 * Letters, digits and `.-_` only, nothing hidden, no path, nothing that a command takes for an option; a name that was
 * changed is kept apart by a hash.
 */
const safeName = (given: string): string => {
  const last = given.normalize('NFC').split(/[\\/]/).at(-1) ?? ''
  const plain = last.replace(/[^\p{L}\p{N}._-]+/gu, '_').replace(/^[.-]+/, '_') || 'file'
  if (plain === given && plain.length <= NAME_CHARACTERS_MAX) return plain
  const hash = createHash('sha256').update(given).digest('hex').slice(0, HASH_CHARACTERS)
  const ending = /\.[\p{L}\p{N}]{1,10}$/u.exec(plain)?.[0] ?? ''
  const stem = plain
    .slice(0, plain.length - ending.length)
    .slice(0, NAME_CHARACTERS_MAX - HASH_CHARACTERS - ending.length - 1)
  return `${stem}-${hash}${ending}`
}
