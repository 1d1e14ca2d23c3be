/**
 * What the keeper can be asked, over its socket or over stdio: JSON documents, each after its length in bytes (unsigned 32
 * bit, big endian). These requests are all there are; everything else is refused.
 */
import { z } from 'zod'
import { chainEndSchema, decisionHeadSchema } from '../constraint-history/decision-head.ts'
import { examplesSchema, ruleNameSchema, whoSchema, wordsSchema } from '../constraint-history/rule-records.ts'
import { SOURCE_BYTES_MAX } from '../constraint-language/limits.ts'

const HEADER_BYTES = 4
/** A rule of 32 KiB, examples of 64 Ki characters and the owner's words, each with every character escaped as \uXXXX. */
export const REQUEST_BYTES_MAX = 768 * 1024
/** A list of keys and faults; whoever sends more is not the keeper. */
export const ANSWER_BYTES_MAX = 256 * 1024

export const appendSchema = z.strictObject({
  name: ruleNameSchema,
  source: z
    .string()
    .refine((source) => source.isWellFormed(), 'is not well-formed text')
    .refine((source) => Buffer.byteLength(source) <= SOURCE_BYTES_MAX, `is over ${SOURCE_BYTES_MAX} bytes`),
  examples: examplesSchema,
  /** Who asks: the owner by channel and message, or the agent on its own. */
  who: whoSchema,
  /** What they asked for, in their words. */
  intent: wordsSchema,
})

export const requestSchema = z.discriminatedUnion('op', [
  appendSchema.extend({ op: z.literal('append') }),
  /** `previous`: the row where the last signed end was, null before the first. */
  chainEndSchema.extend({ op: z.literal('sign-decision-head'), previous: chainEndSchema.nullable() }),
  z.strictObject({ op: z.literal('public-keys') }),
])

export type AppendRequest = z.output<typeof appendSchema>
export type KeeperRequest = z.output<typeof requestSchema>

const anchorSchema = z.strictObject({ head: z.string().regex(/^[0-9a-f]{40}$/), count: z.int().positive() })

/** The history after a rule was added. */
export const appendedSchema = z.strictObject({ ...anchorSchema.shape, sha256: z.string() })
export const publicKeysSchema = z.strictObject({
  /** Oldest first, in OpenSSH's form. */
  keys: z.array(z.string()),
  head: anchorSchema.nullable(),
  /** Why the keeper adds no rule now. */
  faults: z.array(z.string()),
  /** The end of the decision chain that was signed last. */
  decisionHead: decisionHeadSchema.nullable(),
})
export const signedHeadSchema = decisionHeadSchema

export type Appended = z.output<typeof appendedSchema>
export type PublicKeys = z.output<typeof publicKeysSchema>

const refusalCodes = z.enum(['USAGE', 'RULE_REFUSED', 'RULES_TAMPERED', 'KEEPER_BUSY', 'KEEPER_FAILED', 'DISK_FULL'])

export type RefusalCode = z.output<typeof refusalCodes>

export const answerSchema = z.discriminatedUnion('ok', [
  z.strictObject({ ok: z.literal(true), value: z.unknown() }),
  z.strictObject({ ok: z.literal(false), code: refusalCodes, message: z.string(), hint: z.string().nullable() }),
])

export type KeeperAnswer = z.output<typeof answerSchema>

/** @throws {RangeError} when the document is longer than the reader will take. */
export const encodeFrame = (document: unknown, bytesMax: number): Uint8Array => {
  const body = Buffer.from(JSON.stringify(document))
  if (body.length > bytesMax) throw new RangeError(`a frame of ${body.length} bytes is over the limit of ${bytesMax}`)
  const frame = Buffer.alloc(HEADER_BYTES + body.length)
  frame.writeUInt32BE(body.length)
  body.copy(frame, HEADER_BYTES)
  return frame
}

export type FrameReader = {
  /** Takes bytes as they come and returns the frames that they complete; null once the peer sent one over the limit. */
  readonly push: (chunk: Uint8Array) => readonly Uint8Array[] | null
}

/** Cuts a byte stream into frames, however its chunks fall; holds at most one frame and one chunk. */
export const createFrameReader = (bytesMax: number): FrameReader => {
  let chunks: Uint8Array[] = []
  let available = 0
  let wanted = HEADER_BYTES
  return {
    push: (chunk) => {
      chunks.push(chunk)
      available += chunk.length
      if (available < wanted) return [] // joined only when a frame is complete, so that a long one is copied once
      let buffer = Buffer.concat(chunks)
      const frames: Uint8Array[] = []
      for (wanted = HEADER_BYTES; buffer.length >= wanted; wanted = HEADER_BYTES) {
        const length = buffer.readUInt32BE()
        if (length > bytesMax) return null
        wanted = HEADER_BYTES + length
        if (buffer.length < wanted) break
        frames.push(buffer.subarray(HEADER_BYTES, wanted))
        buffer = buffer.subarray(wanted)
      }
      chunks = [buffer]
      available = buffer.length
      return frames
    },
  }
}

/** null when a frame is no JSON document in UTF-8. */
export const decodeFrame = (frame: Uint8Array): unknown => {
  try {
    return JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(frame))
  } catch {
    return null
  }
}
