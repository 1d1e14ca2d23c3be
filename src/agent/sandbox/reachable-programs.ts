import { readdir } from 'node:fs/promises'
import { dirname } from 'node:path'
import { firstUnreachable, READ, SEARCH } from './reachability.ts'
import { ensureReadableFolder, putCopy } from './runtime-files.ts'
import type { SandboxUser } from './sandbox.types.ts'

/** The program itself where the sandbox's user can run it, else a copy: one under /root is out of its reach. */
export const reachableProgram = async (original: string, copy: string, user: SandboxUser | null): Promise<string> => {
  if (user === null || firstUnreachable(original, user, READ | SEARCH) === null) return original
  await ensureReadableFolder(dirname(copy))
  await putCopy(original, copy)
  return copy
}

/** A folder with the file worker's sources, copied on the same condition. They import nothing from outside of it. */
export const reachableWorker = async (copy: string, user: SandboxUser | null): Promise<string> => {
  const original = import.meta.dir
  if (user === null) return original
  const modules = (await readdir(`${original}/worker`)).map((name) => `worker/${name}`)
  const sources = ['file-worker-main.ts', 'frames.ts', ...modules]
  if (sources.every((name) => firstUnreachable(`${original}/${name}`, user, READ) === null)) return original
  await ensureReadableFolder(copy)
  await ensureReadableFolder(`${copy}/worker`)
  for (const name of sources) await putCopy(`${original}/${name}`, `${copy}/${name}`)
  return copy
}
