import { constants, readdirSync } from 'node:fs'
import { Refusal } from './refusal.ts'
import { type WorkspaceRoot, withClosed } from './workspace-root.ts'

export const PATHS_MAX = 1000
/** Bounds the time on a tree that holds, say, all of a package cache. */
const ENTRIES_MAX = 200_000

/**
 * Regular files below `path` that match, sorted by path. Links are neither listed nor followed, `.git` is left out.
 * Walks from the opened folder, so that a link put in its place meanwhile changes nothing. @throws {Refusal}
 */
export const globFiles = (
  root: WorkspaceRoot,
  { pattern, path }: { readonly pattern: string; readonly path: string },
): { readonly text: string; readonly truncated: boolean } => {
  if (pattern.startsWith('/') || pattern.split('/').includes('..'))
    throw new Refusal('the pattern is relative to the path and has no ".."')
  const glob = new Bun.Glob(pattern)
  const descriptor = root.open(path, constants.O_RDONLY | constants.O_DIRECTORY)
  const files = withClosed(descriptor, () => filesBelow(`/proc/self/fd/${descriptor}`))
  const matching = files.filter((file) => glob.match(file)).sort()
  if (matching.length === 0) return { text: 'no file matches', truncated: false }
  const lines = matching.slice(0, PATHS_MAX).map((file) => `${path}/${file}`)
  const truncated = matching.length > PATHS_MAX
  if (truncated) lines.push(`[${PATHS_MAX} of ${matching.length} files; use a narrower pattern or path]`)
  return { text: lines.join('\n'), truncated }
}

const filesBelow = (top: string): string[] => {
  const files: string[] = []
  const folders = ['']
  let visited = 0
  for (let folder = folders.pop(); folder !== undefined; folder = folders.pop()) {
    for (const entry of readFolder(`${top}/${folder}`)) {
      if (++visited > ENTRIES_MAX)
        throw new Refusal(`more than ${ENTRIES_MAX} entries are below it; use a narrower path`)
      if (entry.name === '.git') continue
      const relative = `${folder}${entry.name}`
      if (entry.isDirectory()) folders.push(`${relative}/`)
      else if (entry.isFile()) files.push(relative)
    }
  }
  return files
}

/** A folder that went away, or that may not be read, holds nothing to list. */
const readFolder = (path: string) => {
  try {
    return readdirSync(path, { withFileTypes: true })
  } catch {
    return []
  }
}
