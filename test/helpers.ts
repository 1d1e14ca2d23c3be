import { describe } from 'bun:test'
import { readdirSync } from 'node:fs'
import { join, resolve } from 'node:path'

/** The checkout these tests belong to. */
export const projectRoot = resolve(import.meta.dir, '..')

// Fetched or generated, so none of the project's text: dependencies, the pinned runtime, git's own files.
const NOT_OURS = new Set(['.git', '.runtime', 'node_modules'])

/** Every file of the project, as sorted paths relative to its root. Works without git, as in an exported copy. */
export const projectFiles = (): readonly string[] =>
  readdirSync(projectRoot, { withFileTypes: true })
    .filter((entry) => !NOT_OURS.has(entry.name))
    .flatMap((entry) => (entry.isDirectory() ? filesBelow(entry.name) : entry.isFile() ? [entry.name] : []))
    .sort()

const filesBelow = (folder: string): readonly string[] =>
  readdirSync(join(projectRoot, folder), { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name).slice(projectRoot.length + 1))
    .filter((path) => !path.split('/').some((part) => NOT_OURS.has(part)))

/**
 * The only way to skip tests: they run when `condition` holds, otherwise `reason` is printed and they count as skipped.
 * `bin/plaited test` repeats the printed line at its end.
 */
export const describeWhen = (condition: boolean, reason: string, name: string, define: () => void): void => {
  if (!condition) process.stderr.write(`skipped: ${name}: ${reason}\n`)
  describe.skipIf(!condition)(name, define)
}
