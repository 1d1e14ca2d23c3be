/**
 * The index of the git dir, in the form that every git reads (version 2, gitformat-index). This engine needs it for two
 * things only: to know unchanged files without reading them, and to leave the owner's git with nothing that looks staged.
 *
 * A form that says more than this engine would keep (sparse checkouts, split or compressed indexes) is refused, not lost.
 */
import { createHash } from 'node:crypto'
import type { BigIntStats } from 'node:fs'
import type { Stored } from './trees.ts'
import { Unusable } from './unusable.ts'

/** What tells that a file is the one that was read: numbers as the index keeps them, 32 bits each. */
export type Stamp = readonly number[]

export type IndexEntry = Stored & { readonly stamp: Stamp }

export type Index = ReadonlyMap<string, IndexEntry>

const SIGNATURE = 0x44495243 // 'DIRC'
const VERSION = 2
const HEADER_BYTES = 12
const CHECKSUM_BYTES = 20
/** Stamp, name of the object, flags. */
const FIXED_BYTES = 62
const STAMP_NUMBERS = 10
const MODE_AT = 6
const FLAGS_AT = 60
const ASSUME_UNCHANGED = 0x8000
const STAGE = 0x3000
const NAME_LENGTH = 0xfff
/** Extensions that may be left out; a lower-case first letter marks one that must be understood. */
const OPTIONAL_EXTENSION = /^[A-Z]/

const low32 = (value: bigint): number => Number(BigInt.asUintN(32, value))

export const stampOf = (status: BigIntStats, mode: number): Stamp => [
  low32(status.ctimeNs / 1_000_000_000n),
  low32(status.ctimeNs % 1_000_000_000n),
  low32(status.mtimeNs / 1_000_000_000n),
  low32(status.mtimeNs % 1_000_000_000n),
  low32(status.dev),
  low32(status.ino),
  mode,
  low32(status.uid),
  low32(status.gid),
  low32(status.size),
]

/** Of an entry whose file must be read to know it. */
export const UNSTAMPED: Stamp = Array.from({ length: STAMP_NUMBERS }, () => 0)

/**
 * Reads an index. The stamp of an entry that was written in the same instant as the index itself is not trusted: the file
 * could have changed again without it. @throws {Unusable} merging, sparse, index-form
 */
export const parseIndex = (bytes: Buffer, writtenNs: bigint): Index => {
  if (bytes.length < HEADER_BYTES + CHECKSUM_BYTES || bytes.readUInt32BE(0) !== SIGNATURE)
    throw new Unusable('index-form')
  if (bytes.readUInt32BE(4) !== VERSION) throw new Unusable('index-form')
  const entries = new Map<string, IndexEntry>()
  const written = [low32(writtenNs / 1_000_000_000n), low32(writtenNs % 1_000_000_000n)] as const
  let at = HEADER_BYTES
  for (let left = bytes.readUInt32BE(8); left > 0; left--) {
    const flags = bytes.readUInt16BE(at + FLAGS_AT)
    if (flags & STAGE) throw new Unusable('merging')
    if (flags & ASSUME_UNCHANGED) throw new Unusable('sparse')
    const zero = bytes.indexOf(0, at + FIXED_BYTES)
    const path = bytes.toString('latin1', at + FIXED_BYTES, zero)
    const stamp = Array.from({ length: STAMP_NUMBERS }, (_, index) => bytes.readUInt32BE(at + 4 * index))
    const oid = bytes.toString('hex', at + 40, at + FLAGS_AT)
    const [seconds = 0, nanoseconds = 0] = stamp.slice(2)
    const isOlder = seconds < written[0] || (seconds === written[0] && nanoseconds < written[1])
    entries.set(path, { mode: stamp[MODE_AT] ?? 0, oid, stamp: isOlder ? stamp : UNSTAMPED })
    at += paddedBytes(zero - at - FIXED_BYTES)
  }
  requireOptional(bytes, at)
  return entries
}

const paddedBytes = (nameBytes: number): number => (FIXED_BYTES + nameBytes + 8) & ~7

const requireOptional = (bytes: Buffer, start: number): void => {
  for (let at = start; at < bytes.length - CHECKSUM_BYTES; at += 8 + bytes.readUInt32BE(at + 4))
    if (!OPTIONAL_EXTENSION.test(bytes.toString('latin1', at, at + 4))) throw new Unusable('index-form')
}

/** The bytes of an index that holds these entries and no extension. */
export const formatIndex = (index: Index): Buffer => {
  const header = Buffer.alloc(HEADER_BYTES)
  header.writeUInt32BE(SIGNATURE, 0)
  header.writeUInt32BE(VERSION, 4)
  header.writeUInt32BE(index.size, 8)
  const entries = [...index].sort(([a], [b]) => (a < b ? -1 : 1)).map(formatEntry)
  const body = Buffer.concat([header, ...entries])
  return Buffer.concat([body, createHash('sha1').update(body).digest()])
}

const formatEntry = ([path, { stamp, oid, mode }]: readonly [string, IndexEntry]): Buffer => {
  const entry = Buffer.alloc(paddedBytes(path.length))
  for (const [index, value] of stamp.entries()) entry.writeUInt32BE(value, 4 * index)
  entry.writeUInt32BE(mode, 4 * MODE_AT)
  entry.write(oid, 40, 'hex')
  entry.writeUInt16BE(Math.min(path.length, NAME_LENGTH), FLAGS_AT)
  entry.write(path, FIXED_BYTES, 'latin1')
  return entry
}

export const isSameStamp = (a: Stamp, b: Stamp): boolean => a.every((value, index) => value === b[index])

export const isSameIndex = (a: Index, b: Index): boolean =>
  a.size === b.size &&
  [...a].every(([path, { mode, oid, stamp }]) => {
    const other = b.get(path)
    return other?.mode === mode && other.oid === oid && isSameStamp(stamp, other.stamp)
  })
