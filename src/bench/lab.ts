/** Where the figures are taken: a folder that is removed afterwards, with a home in it that is made when first needed. */
import { chmodSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type Config, readConfig, type Secrets } from '../config.ts'
import { createNode } from '../node.ts'
import type { Operations } from '../operations.ts'
import { lazy } from '../utils/lazy.ts'

export type Settings = { readonly config: Config; readonly secrets: Secrets }

export type Lab = {
  /** Makes a folder that a dropped uid can walk into. */
  readonly folder: (name: string) => string
  /** A home with rules and workspace in which nothing runs yet; its model is the script. */
  readonly home: () => Promise<Settings>
  /** Aborts when nobody waits for the figures any more. */
  readonly signal: AbortSignal
}

/** The lab, and its end: nothing of it stays. */
export const createLab = (signal: AbortSignal): { readonly lab: Lab; readonly remove: () => void } => {
  const root = mkdtempSync(join(tmpdir(), 'plaited-bench-'))
  chmodSync(root, 0o755)
  const folder = (name: string): string => {
    const path = join(root, name)
    mkdirSync(path, { recursive: true, mode: 0o755 })
    return path
  }
  const home = lazy(async () => {
    const settings = readConfig({ home: folder('home'), model: 'scripted' })
    const node = await createNode(settings)
    await node.close()
    return settings
  })
  return { lab: { folder, home: home.get, signal }, remove: () => rmSync(root, { recursive: true, force: true }) }
}

/** Uses a node that answers messages, and ends it. */
export const withServedNode = async <T>(
  settings: Settings,
  use: (operations: Operations) => Promise<T>,
): Promise<T> => {
  const node = await createNode(settings)
  const end = new AbortController()
  const served = node.serve(end.signal)
  try {
    const ended = served.then(() => Promise.reject(new Error('the node ended before the measurement did')))
    return await Promise.race([use(node.operations), ended])
  } finally {
    end.abort()
    await served.finally(node.close)
  }
}
