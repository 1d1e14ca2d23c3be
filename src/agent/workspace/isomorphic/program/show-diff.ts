import { diffLines, type Hunk, splitLines } from './line-diff.ts'
import { isBinary } from './merge-text.ts'
import type { Objects } from './objects.ts'
import { decodePath } from './paths.ts'
import { type FileChange, MODE, type Stored } from './trees.ts'

const CONTEXT_LINES = 3
const SHORT_OID_CHARS = 7
const ABSENT_OID = '0000000'

/** The change of one file as a unified diff, as git writes it, but for renames: they are a deletion and an addition. */
export const showChange = async (objects: Objects, { path, before, after }: FileChange): Promise<string> => {
  const [a, b] = [await readText(objects, before), await readText(objects, after)]
  const header = headerOf({ path, before, after })
  if (a === b) return header
  if (isBinary(a) || isBinary(b))
    return `${header}Binary files ${nameIn('a', path, before)} and ${nameIn('b', path, after)} differ\n`
  const [aLines, bLines] = [splitLines(a), splitLines(b)]
  const hunks = groupNear(diffLines(aLines, bLines)).map((group) => showGroup(group, aLines, bLines))
  return `${header}--- ${nameIn('a', path, before)}\n+++ ${nameIn('b', path, after)}\n${hunks.join('')}`
}

/** Lines that a change adds and removes, null for binary content. */
const countLines = async (objects: Objects, { before, after }: FileChange) => {
  const [a, b] = [await readText(objects, before), await readText(objects, after)]
  if (isBinary(a) || isBinary(b)) return null
  const hunks = diffLines(splitLines(a), splitLines(b))
  return {
    added: hunks.reduce((sum, { bStart, bEnd }) => sum + bEnd - bStart, 0),
    removed: hunks.reduce((sum, { aStart, aEnd }) => sum + aEnd - aStart, 0),
  }
}

const STAT_FILES_MAX = 50
const STAT_NAME_CHARS_MAX = 50
const STAT_BAR_CHARS_MAX = 20

/** A summary of changes for people, in the style of `git diff --stat`. */
export const showStat = async (objects: Objects, changes: readonly FileChange[]): Promise<string> => {
  if (changes.length === 0) return ''
  const counted = await Promise.all(
    changes.map(async (change) => ({ name: decodePath(change.path), lines: await countLines(objects, change) })),
  )
  const shown = counted.slice(0, STAT_FILES_MAX)
  const width = Math.max(...shown.map(({ name }) => Math.min(name.length, STAT_NAME_CHARS_MAX)))
  const most = Math.max(1, ...shown.map(({ lines }) => (lines === null ? 0 : lines.added + lines.removed)))
  const scale = Math.min(1, STAT_BAR_CHARS_MAX / most)
  const rows = shown.map(({ name, lines }) => {
    const short = name.length > STAT_NAME_CHARS_MAX ? `...${name.slice(3 - STAT_NAME_CHARS_MAX)}` : name
    const bar =
      lines === null
        ? 'Bin'
        : `${lines.added + lines.removed} ${'+'.repeat(Math.ceil(lines.added * scale))}${'-'.repeat(Math.ceil(lines.removed * scale))}`
    return ` ${short.padEnd(width)} | ${bar}`.trimEnd()
  })
  const added = counted.reduce((sum, { lines }) => sum + (lines?.added ?? 0), 0)
  const removed = counted.reduce((sum, { lines }) => sum + (lines?.removed ?? 0), 0)
  const summary = [
    `${changes.length} ${changes.length === 1 ? 'file' : 'files'} changed`,
    ...(added > 0 ? [`${added} ${added === 1 ? 'insertion' : 'insertions'}(+)`] : []),
    ...(removed > 0 ? [`${removed} ${removed === 1 ? 'deletion' : 'deletions'}(-)`] : []),
  ]
  const more = counted.length > shown.length ? [' ...'] : []
  return [...rows, ...more, ` ${summary.join(', ')}`].join('\n')
}

const readText = async (objects: Objects, stored: Stored | null): Promise<string> => {
  if (stored === null) return ''
  if (stored.mode === MODE.repository) return `Subproject commit ${stored.oid}\n`
  return Buffer.from(await objects.read(stored.oid, 'blob')).toString('latin1')
}

const headerOf = ({ path, before, after }: FileChange): string => {
  const octal = (stored: Stored) => stored.mode.toString(8)
  const short = (stored: Stored | null) => stored?.oid.slice(0, SHORT_OID_CHARS) ?? ABSENT_OID
  const lines = [`diff --git ${quote(`a/${path}`)} ${quote(`b/${path}`)}`]
  if (before === null && after !== null) lines.push(`new file mode ${octal(after)}`)
  else if (before !== null && after === null) lines.push(`deleted file mode ${octal(before)}`)
  else if (before !== null && after !== null && before.mode !== after.mode)
    lines.push(`old mode ${octal(before)}`, `new mode ${octal(after)}`)
  const mode = before !== null && before.mode === after?.mode ? ` ${octal(before)}` : ''
  if (before?.oid !== after?.oid) lines.push(`index ${short(before)}..${short(after)}${mode}`)
  return `${lines.join('\n')}\n`
}

const nameIn = (side: 'a' | 'b', path: string, stored: Stored | null): string =>
  stored === null ? '/dev/null' : quote(`${side}/${path}`)

/** Names with characters that would break the line are written as git quotes them. */
const quote = (path: string): string => {
  const quoted = path.replaceAll(SPECIAL, (character) => {
    const octal = character.charCodeAt(0).toString(8).padStart(3, '0')
    return `\\${ESCAPES[character] ?? octal}`
  })
  return quoted === path ? path : `"${quoted}"`
}
// biome-ignore lint/suspicious/noControlCharactersInRegex: names may hold them, and they are what is looked for
const SPECIAL = /[\x00-\x1f\x7f"\\]/g
const ESCAPES: Readonly<Record<string, string>> = { '"': '"', '\\': '\\', '\n': 'n', '\t': 't', '\r': 'r' }

/** Hunks whose context would overlap or touch, together. */
const groupNear = (hunks: readonly Hunk[]): readonly (readonly Hunk[])[] => {
  const groups: Hunk[][] = []
  for (const hunk of hunks) {
    const last = groups.at(-1)
    const end = last?.at(-1)?.aEnd
    if (last !== undefined && end !== undefined && hunk.aStart - end <= 2 * CONTEXT_LINES) last.push(hunk)
    else groups.push([hunk])
  }
  return groups
}

const showGroup = (hunks: readonly Hunk[], a: readonly string[], b: readonly string[]): string => {
  const [first] = hunks
  const last = hunks.at(-1)
  if (first === undefined || last === undefined) return ''
  const before = Math.min(CONTEXT_LINES, first.aStart)
  const after = Math.min(CONTEXT_LINES, a.length - last.aEnd)
  const rows: string[] = []
  const push = (sign: string, lines: readonly string[]) => {
    for (const line of lines)
      rows.push(line.endsWith('\n') ? sign + line : `${sign}${line}\n\\ No newline at end of file\n`)
  }
  let at = first.aStart - before
  for (const { aStart, aEnd, bStart, bEnd } of hunks) {
    push(' ', a.slice(at, aStart))
    push('-', a.slice(aStart, aEnd))
    push('+', b.slice(bStart, bEnd))
    at = aEnd
  }
  push(' ', a.slice(at, last.aEnd + after))
  const aRange = range(first.aStart - before, last.aEnd + after)
  return `@@ -${aRange} +${range(first.bStart - before, last.bEnd + after)} @@\n${rows.join('')}`
}

/** `start,count` as unified diffs count: from one; an empty range names the line before it. */
const range = (start: number, end: number): string => {
  const count = end - start
  if (count === 1) return `${start + 1}`
  return count === 0 ? `${start},0` : `${start + 1},${count}`
}
