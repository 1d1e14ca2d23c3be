/** The other side of the notebook, in the hands of the suite: Ada, who owns the node, and Bob, who does not. */
import { appendFileSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Channel } from '../../../src/channels/channels.types.ts'
import type { Timing } from '../../../src/utils/timing.ts'
import type { ChannelWorld } from '../../../test/conformance/channel.types.ts'
import { createNotebookChannel, parseLine } from './notebook.ts'

/** What the node hands to an adapter, with the parts that this one needs. */
export const connectNotebook = (folder: string, timing: Timing): Channel => {
  const made = createNotebookChannel({
    settings: { NOTEBOOK_FOLDER: folder },
    ownerId: 'notebook:ada',
    store: { get: () => null, set: () => {} },
    links: { add: () => {}, remove: () => {}, list: () => [] },
    clock: { now: () => 0 },
    timing,
    announce: () => {},
  })
  if ('missing' in made) throw new Error(made.missing.join('; '))
  return made
}

export const createNotebookWorld = (): ChannelWorld => {
  const folder = mkdtempSync(join(tmpdir(), 'notebook-'))
  const listeners = new Set<() => void>()
  const changed = () => {
    for (const listener of [...listeners]) listener()
  }
  const write = (person: string) => async (text: string) => appendFileSync(join(folder, `${person}.in`), `${text}\n`)
  const seenBy = (person: string): readonly string[] => {
    const out = join(folder, `${person}.out`)
    appendFileSync(out, '') // so that it exists
    return readFileSync(out, 'utf8')
      .split('\n')
      .flatMap((line) => parseLine(line)?.text ?? [])
  }
  return {
    ownerId: 'notebook:ada',
    connect: ({ timing }) => {
      const channel = connectNotebook(folder, timing)
      return { ...channel, send: (...sent) => channel.send(...sent).finally(changed) }
    },
    write: write('ada'),
    seen: () => seenBy('ada'),
    sees: async (count) => {
      while (seenBy('ada').length < count) {
        await new Promise<void>((resolve) => {
          const done = () => {
            listeners.delete(done)
            resolve()
          }
          listeners.add(done)
        })
      }
    },
    stranger: { write: write('bob'), seen: () => seenBy('bob') },
    fail: null, // a file system has no faults on demand: the suite lets the connection fail instead
    redeliver: null,
    backlog: async (texts) => appendFileSync(join(folder, 'ada.in'), texts.map((text) => `${text}\n`).join('')),
    [Symbol.asyncDispose]: async () => rmSync(folder, { recursive: true }),
  }
}
