/**
 * Messages of the node's commits. Subject: conventional, derived from the list of changes alone, so that it claims nothing
 * that did not happen. The type is `test` when every file is a test, `docs` when every file is a document, `feat` when a
 * source file was added, `fix` when source files changed for an intent that speaks of fixing, otherwise `chore`.
 *
 * Body and trailer: what the owner or the model wrote is quoted with an indent and paths are escaped, so that no text from
 * elsewhere can start a line, and only the last paragraph, which is ours, reads as trailers.
 */
import { escapeUnsafeCharacters } from '../../utils/escape-unsafe-characters.ts'
import { NodeError } from '../../utils/node-error.ts'
import { oneLine } from '../../utils/one-line.ts'
import type { Change } from './change-list.ts'
import type { WorkspaceCommit } from './workspace.types.ts'

/** A turn's commit names its turn in this trailer, an undo the commit it reverts in that one. */
export const TURN_TRAILER = 'Plaited-Turn'
export const UNDOES_TRAILER = 'Plaited-Undoes'
/** A commit that brings one file back names the turn to whose state. */
export const RESTORES_TRAILER = 'Plaited-Restores'
/** Names the turn after whose interruption changes were found. Another key than the turn's own: they may be the owner's. */
export const FOUND_TRAILER = 'Plaited-Found-During'

const SUBJECT_CHARS_MAX = 72
const INTENT_CHARS_MAX = 2_000
const REASON_CHARS_MAX = 200
const FILES_LISTED_MAX = 20
const PATH_CHARS_MAX = 200

const TEST_PATH = /(^|\/)(tests?|__tests__)\/|\.(spec|test)\.[a-z]+$/i
const DOCUMENT_PATH = /(^|\/)docs?\/|\.(md|mdx|rst|adoc)$/i
const SOURCE_PATH =
  /\.(c|cc|cpp|cs|css|go|h|html|java|jsx?|kt|mjs|php|py|rb|rs|scss|sh|sql|svelte|swift|tsx?|vue|zig)$/i
const FIX_WORD = /\b(fix|fixes|fixed|repair|bug|broken)\b/i

const VERBS = { added: 'add', modified: 'change', deleted: 'delete' } as const

/** Message of a turn's commit. */
export const turnMessage = (turn: {
  readonly id: string
  readonly intent: string
  readonly reason: string
  readonly changes: readonly Change[]
}): string => {
  const intent = cut(turn.intent.trim().replaceAll('\r\n', '\n'), INTENT_CHARS_MAX)
  return joinParagraphs([
    subjectOf(turn.changes, turn.intent),
    escapeUnsafeCharacters(intent).replaceAll(/^/gm, '    ').replaceAll(/ +$/gm, ''),
    fileList(turn.changes),
    `Reason: ${cut(oneLine(turn.reason.trim()), REASON_CHARS_MAX)}`,
    `${TURN_TRAILER}: ${requireWord(turn.id)}`,
  ])
}

/** Message of a commit that keeps what someone besides the agent changed. */
export const ownerMessage = (changes: readonly Change[]): string =>
  joinParagraphs([
    subjectOf(changes, ''),
    fileList(changes),
    'Reason: these edits were made in the workspace outside of a turn.',
  ])

/** Message of a commit that keeps what was uncommitted when an interrupted turn went on: whose it is nobody knows. */
export const foundMessage = (turn: string, changes: readonly Change[]): string =>
  joinParagraphs([
    subjectOf(changes, ''),
    fileList(changes),
    `Reason: found uncommitted after a restart during turn ${requireWord(turn)}. The turn, or someone
else while the node was down, made these changes; undo leaves them.`,
    `${FOUND_TRAILER}: ${turn}`,
  ])

/** Message of the commit that takes a commit of the node back. */
export const undoMessage = (undone: WorkspaceCommit): string =>
  joinParagraphs([
    cut(`revert: ${undone.subject}`, SUBJECT_CHARS_MAX),
    undone.turn === null
      ? 'Reason: the owner took it back.'
      : `Reason: the owner undid the turn ${oneLine(undone.turn)}.`,
    `${UNDOES_TRAILER}: ${undone.sha}`,
  ])

/** Message of the commit that takes an undo back. */
export const redoMessage = (undo: WorkspaceCommit): string =>
  joinParagraphs([
    cut(`redo: ${undo.subject.replace(/^revert: /, '')}`, SUBJECT_CHARS_MAX),
    'Reason: the owner wants it again.',
    `${UNDOES_TRAILER}: ${undo.sha}`,
  ])

/** Message of the commit that brings one file back. */
export const restoreMessage = (path: string, turn: string): string => {
  const start = 'restore: '
  const end = ` as after ${requireWord(turn)}`
  return joinParagraphs([
    `${start}${cutStart(oneLine(path), SUBJECT_CHARS_MAX - start.length - end.length)}${end}`,
    'Reason: the owner wants the file as it was.',
    `${RESTORES_TRAILER}: ${turn}`,
  ])
}

/** Values of the trailers of a message; of a key that occurs twice the last one. */
export const readTrailers = (message: string): ReadonlyMap<string, string> => {
  const lines = message.trimEnd().split('\n\n').at(-1)?.split('\n') ?? []
  return new Map(
    lines.flatMap((line) => {
      const [, key, value] = /^([A-Za-z-]+): (.*)$/.exec(line) ?? []
      return key === undefined || value === undefined ? [] : [[key, value] as const]
    }),
  )
}

/** The first line of a message. */
export const subjectLine = (message: string): string => message.split('\n', 1)[0] ?? ''

// Ids of turns come from our own journal.
const requireWord = (id: string): string => {
  if (/^[\w.:-]{1,128}$/.test(id)) return id
  throw new NodeError('INTERNAL', 'the id of a turn is not one word')
}

const subjectOf = (changes: readonly Change[], intent: string): string => {
  const start = `${typeOf(changes, intent)}: `
  const [first] = changes
  if (changes.length === 1 && first !== undefined) {
    const verb = `${start}${VERBS[first.change]} `
    return verb + cutStart(oneLine(first.path), SUBJECT_CHARS_MAX - verb.length)
  }
  const kinds = new Set(changes.map(({ change }) => change))
  const verb = kinds.size === 1 && first !== undefined ? VERBS[first.change] : 'change'
  const what = `${start}${verb} ${changes.length} files`
  const folder = commonFolder(changes.map(({ path }) => path))
  return folder === '' ? what : `${what} in ${cutStart(oneLine(folder), SUBJECT_CHARS_MAX - what.length - 4)}`
}

const typeOf = (changes: readonly Change[], intent: string): string => {
  if (changes.every(({ path }) => TEST_PATH.test(path))) return 'test'
  if (changes.every(({ path }) => DOCUMENT_PATH.test(path))) return 'docs'
  const source = changes.filter(({ path }) => SOURCE_PATH.test(path))
  if (source.some(({ change }) => change === 'added')) return 'feat'
  return source.length > 0 && FIX_WORD.test(intent) ? 'fix' : 'chore'
}

const commonFolder = (paths: readonly string[]): string => {
  const [folders = [], ...others] = paths.map((path) => path.split('/').slice(0, -1))
  const differs = folders.findIndex((name, depth) => others.some((other) => other[depth] !== name))
  return (differs === -1 ? folders : folders.slice(0, differs)).join('/')
}

const fileList = (changes: readonly Change[]): string =>
  [
    ...changes
      .slice(0, FILES_LISTED_MAX)
      .map(({ path, change }) => `  ${change.padEnd(8)}  ${cutStart(oneLine(path), PATH_CHARS_MAX)}`),
    ...(changes.length > FILES_LISTED_MAX ? [`  and ${changes.length - FILES_LISTED_MAX} more`] : []),
  ].join('\n')

const joinParagraphs = (paragraphs: readonly string[]): string =>
  `${paragraphs.filter((paragraph) => paragraph.trim() !== '').join('\n\n')}\n`

const cut = (text: string, charsMax: number): string => {
  const characters = [...text]
  return characters.length <= charsMax ? text : `${characters.slice(0, charsMax - 1).join('')}…`
}

const cutStart = (text: string, charsMax: number): string => {
  const characters = [...text]
  return characters.length <= charsMax ? text : `…${characters.slice(characters.length - charsMax + 1).join('')}`
}
