import { constants, readdirSync } from 'node:fs'
import type { Found } from '../file-worker.types.ts'
import { SEARCH_MATCHES_MAX } from '../frames.ts'
import { Refusal } from './refusal.ts'
import { type WorkspaceRoot, withClosed } from './workspace-root.ts'

/** Bounds the time on a tree that holds, say, all of a package cache. */
const ENTRIES_MAX = 200_000

/** What the node keeps in the workspace: whole outputs, and what was moved away for a rule. */
const NEVER_LISTED = ['.plaited/out', '.plaited/aside']

/**
 * Regular files below `path` that match, sorted by path. Links are neither listed nor followed, `.git` is left out, and
 * so is what the node keeps unless one looks in its folder.
 * Walks from the opened folder, so that a link put in its place meanwhile changes nothing. @throws {Refusal}
 */
export const globFiles = (
  root: WorkspaceRoot,
  { pattern, path }: { readonly pattern: string; readonly path: string },
): Found => {
  if (pattern.startsWith('/') || pattern.split('/').includes('..'))
    throw new Refusal('the pattern is relative to the path and has no ".."')
  const glob = new Bun.Glob(pattern)
  const descriptor = root.open(path, constants.O_RDONLY | constants.O_DIRECTORY)
  const files = withClosed(descriptor, () => filesBelow(`/proc/self/fd/${descriptor}`, path))
  const matching = files.filter((file) => glob.match(file)).sort()
  return {
    of: 'file',
    matches: matching.slice(0, SEARCH_MATCHES_MAX).map((file) => ({ path: `${path}/${file}`, hit: null })),
    total: matching.length,
  }
}

const filesBelow = (top: string, path: string): string[] => {
  const files: string[] = []
  const folders = ['']
  let visited = 0
  for (let folder = folders.pop(); folder !== undefined; folder = folders.pop()) {
    for (const entry of readFolder(`${top}/${folder}`)) {
      if (++visited > ENTRIES_MAX)
        throw new Refusal(`more than ${ENTRIES_MAX} entries are below it; use a narrower path`)
      const relative = `${folder}${entry.name}`
      if (entry.name === '.git' || (path === '/workspace' && NEVER_LISTED.includes(relative))) continue
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
