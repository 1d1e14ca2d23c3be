import { NodeError } from '../../utils/node-error.ts'
import type { WorkspaceCommit } from './workspace.types.ts'

export type Change = WorkspaceCommit['files'][number]

/** The record keeps this many files of one commit; its subject counts them all. */
const FILES_RECORDED_MAX = 1_000

const ABSENT_MODE = '000000'
const RAW_CHANGE = /^:(?<before>\d{6}) (?<after>\d{6}) [0-9a-f]+ [0-9a-f]+ [A-Z]\d*$/

/** The part of the changes that the record keeps. */
export const filesOf = (changes: readonly Change[]): readonly Change[] => changes.slice(0, FILES_RECORDED_MAX)

/** NUL-terminated records as text of one character per byte: a path is any bytes and must survive unchanged. */
export const splitRecords = (bytes: Uint8Array): readonly string[] =>
  Buffer.from(bytes).toString('latin1').split('\0').slice(0, -1)

/** The same text for people: bytes that are not UTF-8 become replacement characters. */
export const decodeRecord = (record: string): string => Buffer.from(record, 'latin1').toString('utf8')

/** The other way round, for text that is UTF-8. */
export const encodeRecord = (text: string): string => Buffer.from(text).toString('latin1')

/** What happened between two modes of git, null when nothing exists on either side. */
export const compareModes = (before: string, after: string): Change['change'] | null => {
  if (before === ABSENT_MODE) return after === ABSENT_MODE ? null : 'added'
  return after === ABSENT_MODE ? 'deleted' : 'modified'
}

/**
 * Reads records of `git diff-tree -r -z --no-renames --raw`, in pairs: modes, names and a letter, then the path.
 * @throws {NodeError} GIT_FAILED on a shape that git does not write.
 */
export const parseRawChanges = (records: readonly string[]): readonly Change[] => {
  const changes: Change[] = []
  for (let index = 0; index < records.length; index += 2) {
    const { before, after } = RAW_CHANGE.exec(records[index] ?? '')?.groups ?? {}
    const path = records[index + 1]
    const change = before === undefined || after === undefined ? null : compareModes(before, after)
    if (change === null || !path) throw new NodeError('GIT_FAILED', 'git wrote a change list that cannot be read')
    changes.push({ path: decodeRecord(path), change })
  }
  return changes
}
