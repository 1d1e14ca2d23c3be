/**
 * What a search found, as the model reads it. A search is permitted for the folder where it starts, which says nothing about
 * the files below: each is asked about as if it were read, and one that a rule blocks is counted, not named.
 */
import type { SandboxOutcome, SearchMatch } from './agent.types.ts'
import type { PermittedFiles } from './constraint-engine.ts'

type Matches = Extract<SandboxOutcome, { kind: 'matches' }>
type Text = Extract<SandboxOutcome, { kind: 'text' }>

/** Turns matches into text after `permitFiles` said which of their files may be shown. */
export const showMatches = (found: Matches, permitFiles: (paths: ReadonlySet<string>) => PermittedFiles): Text => {
  if (found.matches.length === 0) return { kind: 'text', text: `no ${found.of} matches`, truncated: false }
  const { allowed, blockedCount, blockedBy } = permitFiles(new Set(found.matches.map(({ path }) => path)))
  const lines = found.matches.filter(({ path }) => allowed.has(path)).map(showMatch)
  const truncated = found.total !== found.matches.length
  if (truncated) lines.push(describeCut(found))
  if (blockedCount > 0)
    lines.push(`[${blockedCount} ${blockedCount === 1 ? 'file' : 'files'} withheld by ${blockedBy.join('; ')}]`)
  return { kind: 'text', text: lines.join('\n'), truncated }
}

/** `path`, or `path:line:text`. */
export const showMatch = ({ path, hit }: SearchMatch): string => (hit === null ? path : `${path}:${hit}`)

const describeCut = ({ of, matches, total }: Matches): string =>
  of === 'file'
    ? `[${matches.length} of ${total} files; use a narrower pattern or path]`
    : `[the first ${matches.length} matches; there are more: use a narrower pattern, path or glob]`
