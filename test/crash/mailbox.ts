/**
 * A channel on disk, outside the home: `inbox.jsonl` is what the owner said, `outbox.jsonl` what reached them. It delivers
 * at least once, from a position that it writes down now and then; with keys it drops a reply that it has already.
 */
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { z } from 'zod'
import type { Channel, IncomingMessage, OutgoingMessage } from '../../src/channels/channels.types.ts'
import { createQueue } from '../../src/utils/queue.ts'
import { appendJsonLine, readJsonLines } from './json-lines.ts'

/** Letters between two notes of the position: so many at most come again after a restart. */
const POSITION_STEP = 5

export const MAILBOX_OWNER = 'post:owner'

const letterSchema = z.strictObject({ id: z.string(), text: z.string(), followUp: z.boolean() })
export type Letter = z.output<typeof letterSchema>

const deliverySchema = z.strictObject({
  key: z.string(),
  replyTo: z.string(),
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
  position: join(folder, 'position'),
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
  /** Whether it knows a reply by its key. */
  readonly keyed: boolean
  /** Nobody is there at first: the first reply of the run is not taken. */
  readonly refusesFirst: boolean
  readonly atPoint: (name: string) => void
}): MailboxChannel => {
  const { inbox, outbox, position } = files(folder)
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

  const toMessage = ({ id, text, followUp }: Letter): IncomingMessage => ({
    ...{ id, text, followUp },
    senderId: MAILBOX_OWNER,
  })

  return {
    name: 'post',
    identity: () => ({ id: 'post' }),
    poll: async function* (signal) {
      const from = existsSync(position) ? Number(readFileSync(position, 'utf8')) : 0
      for (let at = from; at < letters.length; at++) {
        const letter = letters[at]
        if (letter) yield toMessage(letter)
        if (at % POSITION_STEP === 0) writeFileSync(position, String(at)) // the one before it was taken
      }
      for await (const letter of arrivals.drain(signal)) yield toMessage(letter)
    },
    send: async ({ key, replyTo, answers, text, repeat }: OutgoingMessage) => {
      atPoint('channel.send:before')
      if (isAway) {
        isAway = false
        return false
      }
      if (!keyed || !delivered.has(key)) {
        appendJsonLine(outbox, { key, replyTo, answers: [...answers], text, repeat, run } satisfies Delivery)
        delivered.add(key)
      }
      atPoint('channel.send:after')
      settle(answers)
      return true
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
