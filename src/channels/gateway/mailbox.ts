/** Replies that came when nobody waited for them any more, kept over restarts until the same program asks again. */
import { z } from 'zod'
import { ChannelError } from '../channel-error.ts'
import type { ChannelStore } from '../channels.types.ts'

/** Letters of one program, as JSON; below the 64 Ki characters that the node keeps as one value. */
const CHARACTERS_MAX = 60_000

const lettersSchema = z.array(z.strictObject({ id: z.string(), response: z.string() }))
/** `id` is that of the message, as its sender was told. */
export type Letter = z.output<typeof lettersSchema>[number]

export type Mailbox = {
  /** @throws {ChannelError} `rejected` when the box is full. */
  readonly put: (subject: string, letter: Letter) => void
  /** All of them, oldest first; they are gone then. */
  readonly take: (subject: string) => readonly Letter[]
  readonly remove: (subject: string) => void
}

export const createMailbox = (store: ChannelStore): Mailbox => {
  const keyOf = (subject: string) => `letters/${subject}`
  const read = (subject: string) => lettersSchema.parse(JSON.parse(store.get(keyOf(subject)) ?? '[]'))
  const remove = (subject: string) => store.set(keyOf(subject), null)
  return {
    put: (subject, letter) => {
      const letters = JSON.stringify([...read(subject), letter])
      if (letters.length > CHARACTERS_MAX) throw new ChannelError('rejected', `the mailbox of ${subject} is full`)
      store.set(keyOf(subject), letters)
    },
    take: (subject) => {
      const letters = read(subject)
      if (letters.length > 0) remove(subject)
      return letters
    },
    remove,
  }
}
