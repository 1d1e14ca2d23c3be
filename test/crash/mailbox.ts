/**
 * A channel on disk, outside the home: `inbox.jsonl` is what the owner said, `outbox.jsonl` what reached them. It delivers
 * at least once: after a restart some come again from before the cursor. It knows a reply by its key, or can be read back.
 */
import { join } from 'node:path'
import { z } from 'zod'
import { ChannelError } from '../../src/channels/channel-error.ts'
import type { Channel, IncomingBatch, OutgoingMessage } from '../../src/channels/channels.types.ts'
import { createQueue } from '../../src/utils/queue.ts'
import { appendJsonLine, readJsonLines } from './json-lines.ts'

/** Letters from before the cursor that come again after a restart. */
const COME_AGAIN = 5

export const MAILBOX_OWNER = 'post:owner'

const letterSchema = z.strictObject({ id: z.string(), text: z.string(), followUp: z.boolean() })
export type Letter = z.output<typeof letterSchema>

const deliverySchema = z.strictObject({
  key: z.string(),
  replyTo: z.string().nullable(),
  answers: z.array(z.string()),
  text: z.string(),
  repeat: z.boolean(),
  /** The run of the node that sent it. */
  run: z.int(),
})
export type Delivery = z.output<typeof deliverySchema>

const files = (folder: string) => ({
  inbox: join(folder, 'inbox.jsonl'),
  outbox: join(folder, 'outbox.jsonl'),
})

/** The owner says something. */
export const writeLetter = (folder: string, letter: Letter): void => appendJsonLine(files(folder).inbox, letter)

export const readLetters = (folder: string): readonly Letter[] =>
  readJsonLines(files(folder).inbox).map((line) => letterSchema.parse(line))

export const readDeliveries = (folder: string): readonly Delivery[] =>
  readJsonLines(files(folder).outbox).map((line) => deliverySchema.parse(line))

export type MailboxChannel = Channel & {
  /** The owner says something while the node runs. */
  readonly say: (letter: Letter) => void
  /** Resolves when every letter has been answered. */
  readonly allAnswered: Promise<void>
}

export const createMailbox = ({
  folder,
  run,
  keyed,
  refusesFirst,
  atPoint,
}: {
  readonly folder: string
  readonly run: number
  /** Whether it drops a reply whose key it knows; otherwise it can be asked whether it has one. */
  readonly keyed: boolean
  /** Nobody is there at first: the first reply of the run is not taken. */
  readonly refusesFirst: boolean
  readonly atPoint: (name: string) => void
}): MailboxChannel => {
  const { inbox, outbox } = files(folder)
  const letters = [...readLetters(folder)]
  const delivered = new Set(readDeliveries(folder).map(({ key }) => key))
  const waiting = new Set(letters.map(({ id }) => id))
  const arrivals = createQueue<Letter>()
  const { promise: allAnswered, resolve: finish } = Promise.withResolvers<void>()
  let isAway = refusesFirst

  const settle = (answers: readonly string[]): void => {
    for (const id of answers) waiting.delete(id)
    if (waiting.size === 0) finish()
  }
  for (const { answers } of readDeliveries(folder)) settle(answers)

  const toBatch = ({ id, text, followUp }: Letter, cursor: number): IncomingBatch => ({
    messages: [{ id, text, followUp, senderId: MAILBOX_OWNER }],
    cursor: `${cursor}`,
  })

  return {
    name: 'post',
    identity: () => ({ id: 'post' }),
    capabilities: {
      ...{ graphemesMax: null, bytesMax: null, markdown: true, links: false, files: false, reactions: false },
      ...{ replyTo: true, edit: false, idempotencyKey: keyed },
    },
    poll: async function* ({ cursor, signal }) {
      const known = letters.length
      for (let at = Math.max(0, Number(cursor ?? 0) - COME_AGAIN); at < known; at++) {
        const letter = letters[at]
        if (letter) yield toBatch(letter, at + 1)
      }
      let at = known
      for await (const letter of arrivals.drain(signal)) yield toBatch(letter, ++at)
    },
    ...(keyed ? {} : { findSent: async (key: string) => (delivered.has(key) ? { id: key } : null) }),
    send: async ({ key, replyTo, answers, text, repeat }: OutgoingMessage) => {
      atPoint('channel.send:before')
      if (isAway) {
        isAway = false
        throw new ChannelError('absent', 'nobody is there')
      }
      if (!keyed || !delivered.has(key)) {
        appendJsonLine(outbox, { key, replyTo, answers: [...answers], text, repeat, run } satisfies Delivery)
        delivered.add(key)
      }
      atPoint('channel.send:after')
      settle(answers)
      return { id: key }
    },
    say: (letter) => {
      appendJsonLine(inbox, letter)
      letters.push(letter)
      waiting.add(letter.id)
      arrivals.push(letter)
    },
    allAnswered,
  }
}
