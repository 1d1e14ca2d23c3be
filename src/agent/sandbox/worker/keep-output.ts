import { constants, fstatSync, readdirSync } from 'node:fs'
import { writeText } from './text-file.ts'
import { type WorkspaceRoot, withClosed } from './workspace-root.ts'

/** More are not looked for, and a longer list would only slow the next call down. */
const FILES_MAX = 200

/**
 * Writes one whole output and removes the oldest others until all of them fit. The folder's content is whatever commands
 * have made of it, so everything in it counts, and only what is a regular file is removed. @throws {Refusal}
 */
export const keepOutput = (
  root: WorkspaceRoot,
  { path, content, bytesMax }: { readonly path: string; readonly content: string; readonly bytesMax: number },
): void => {
  writeText(root, path, content, { bytesMax })
  const { folder, name } = root.openParent(path)
  withClosed(folder, () => {
    const others = readdirSync(`/proc/self/fd/${folder}`)
      .filter((other) => other !== name)
      .flatMap((other) => describe(root, folder, other))
      .sort((a, b) => b.modifiedMs - a.modifiedMs)
    let bytes = Buffer.byteLength(content)
    for (const [index, file] of others.entries()) {
      bytes += file.bytes
      if (bytes > bytesMax || index + 1 >= FILES_MAX) root.removeIn(folder, file.name)
    }
  })
}

type KeptFile = { readonly name: string; readonly bytes: number; readonly modifiedMs: number }

const describe = (root: WorkspaceRoot, folder: number, name: string): KeptFile[] => {
  try {
    const descriptor = root.openIn(folder, name, { flags: constants.O_RDONLY })
    return withClosed(descriptor, () => {
      const found = fstatSync(descriptor)
      return found.isFile() ? [{ name, bytes: found.size, modifiedMs: found.mtimeMs }] : []
    })
  } catch {
    return [] // it is no file of ours, or it went away
  }
}
