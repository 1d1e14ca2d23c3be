/**
 * A conversation in two files per person: what is appended to `ada.in` is heard, answers are appended to `ada.out`. Try it
 * with `tail -f ada.out` beside `cat >> ada.in`. Who may write to `ada.in` is Ada: the file system vouches for it.
 *
 * It is the smallest adapter that still has everything: a cursor, pauses, an order, faults, and a way to look at what was
 * sent, so that no answer is ever sent twice.
 */
import { appendFile, open, readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { z } from 'zod'
import { ChannelError } from '../../../src/channels/channel-error.ts'
import type {
  Channel,
  ChannelCapabilities,
  ChannelFactory,
  IncomingBatch,
  IncomingMessage,
} from '../../../src/channels/channels.types.ts'
import { parseSettings } from '../../../src/channels/register-channel.ts'

/** What one look takes of a file: a batch, never a whole backlog. A line beyond the bytes is heard in pieces. */
const LOOK_BYTES_MAX = 8 * 1024
const LOOK_LINES_MAX = 100
/** Between two looks that found nothing. */
const PAUSE_MS = 500

const CAPABILITIES: ChannelCapabilities = {
  graphemesMax: 24 * 80, // a screen
  bytesMax: null,
  ...{ markdown: false, links: true, files: false, reactions: false, replyTo: false, edit: false },
  idempotencyKey: false, // two equal lines stay two lines: `findSent` keeps repeats away
}

const settingsSchema = z.object({ NOTEBOOK_FOLDER: z.string().startsWith('/', 'must begin with /') })

/** How far each person's file was read, in bytes. */
const cursorSchema = z.record(z.string(), z.int().nonnegative())
type Places = z.output<typeof cursorSchema>

const lineSchema = z.object({ key: z.string(), text: z.string() })

/** Touches nothing yet: `doctor` makes one as well. */
export const createNotebookChannel: ChannelFactory = ({ settings, timing }) => {
  const parsed = parseSettings(settingsSchema, settings)
  if ('missing' in parsed) return parsed
  const folder = parsed.settings.NOTEBOOK_FOLDER
  const fileOf = (subject: string) => join(folder, `${personOf(subject)}.out`)

  return {
    name: 'notebook',
    capabilities: CAPABILITIES,
    identity: () => ({ id: `notebook:${folder}` }),

    poll: async function* ({ cursor, signal }) {
      let places: Places = cursor === null ? {} : cursorSchema.parse(JSON.parse(cursor))
      let isFirst = true
      while (!signal.aborted) {
        const { messages, after } = await look(folder, places)
        places = after
        // The first look is told even when it found nothing: `status` shows then that the channel works.
        if (messages.length > 0 || isFirst) yield { messages, cursor: JSON.stringify(places) } satisfies IncomingBatch
        else await timing.wait(PAUSE_MS, signal)
        isFirst = false
      }
    },

    send: async ({ key, to, text }) => {
      // The line break before it keeps apart what a crash has cut off in the middle.
      const line = `\n${JSON.stringify({ key, text })}\n`
      await appendFile(fileOf(to), line).catch((error: unknown) => {
        throw unreachable(folder, error)
      })
      return { id: key }
    },

    findSent: async (key, { to }) => {
      const lines = await readFile(fileOf(to), 'utf8').catch((error: unknown) => {
        if (isMissing(error)) return ''
        throw unreachable(folder, error)
      })
      return lines.split('\n').some((line) => parseLine(line)?.key === key) ? { id: key } : null
    },

    examine: async () => {
      try {
        const people = await peopleIn(folder)
        return [{ state: 'ok', detail: `${people.length} people in ${folder}`, mend: null }]
      } catch (error) {
        const { message, hint } = unreachable(folder, error)
        return [{ state: 'fail', detail: message, mend: hint }]
      }
    },
  } satisfies Channel
}

/** A line of an `.out` file; null for an empty one, and for one that a crash has cut off. */
export const parseLine = (line: string): z.output<typeof lineSchema> | null => {
  try {
    return lineSchema.parse(JSON.parse(line))
  } catch {
    return null
  }
}

/** Everyone's next complete lines, and where they end. @throws {ChannelError} */
const look = async (
  folder: string,
  before: Places,
): Promise<{ readonly messages: readonly IncomingMessage[]; readonly after: Places }> => {
  try {
    const messages: IncomingMessage[] = []
    const after = { ...before }
    for (const person of await peopleIn(folder)) {
      const { lines, end } = await readLines(join(folder, `${person}.in`), before[person] ?? 0)
      after[person] = end
      for (const { at, text } of lines) {
        // Its place in the file: the same whenever the line is read again.
        if (text.trim() !== '') messages.push({ id: `${person}:${at}`, senderId: `notebook:${person}`, text })
      }
    }
    return { messages, after }
  } catch (error) {
    throw unreachable(folder, error)
  }
}

const peopleIn = async (folder: string): Promise<readonly string[]> =>
  (await readdir(folder)).flatMap((name) => /^([a-z]{1,32})\.in$/.exec(name)?.[1] ?? []).sort()

/** Complete lines from a place on, and the place behind them, in bytes. */
const readLines = async (path: string, from: number) => {
  const bytes = await readBytes(path, from)
  const lines: { readonly at: number; readonly text: string }[] = []
  let start = 0
  for (let end = bytes.indexOf('\n'); end >= 0 && lines.length < LOOK_LINES_MAX; end = bytes.indexOf('\n', start)) {
    lines.push({ at: from + start, text: bytes.toString('utf8', start, end) })
    start = end + 1
  }
  const isPiece = lines.length === 0 && bytes.length === LOOK_BYTES_MAX
  return isPiece
    ? { lines: [{ at: from, text: bytes.toString() }], end: from + bytes.length }
    : { lines, end: from + start }
}

const readBytes = async (path: string, from: number): Promise<Buffer> => {
  const file = await open(path)
  try {
    const { bytesRead, buffer } = await file.read(Buffer.alloc(LOOK_BYTES_MAX), 0, LOOK_BYTES_MAX, from)
    return buffer.subarray(0, bytesRead)
  } finally {
    await file.close()
  }
}

/** A name becomes part of a path, so it is judged, although the core only ever hands back what `poll` has yielded. */
const personOf = (subject: string): string => {
  const [, person] = /^notebook:([a-z]{1,32})$/.exec(subject) ?? []
  if (person === undefined) throw new ChannelError('rejected', `${subject} has no notebook`)
  return person
}

const isMissing = (error: unknown): boolean => error instanceof Error && 'code' in error && error.code === 'ENOENT'

/** An append that failed has written no whole line: a repeat is safe. */
const unreachable = (folder: string, error: unknown): ChannelError =>
  new ChannelError('unreachable', `the notebook cannot be used: ${error instanceof Error ? error.message : error}`, {
    ...{ mayHaveArrived: false, hint: `make ${folder} a folder that this user can read and write` },
    cause: error,
  })
