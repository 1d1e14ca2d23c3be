import { formatMicros } from '../utils/micros.ts'
import type { State } from './persistence.ts'

/** Sentences about what a turn did outside of the workspace; empty when that is nothing. */
export type LastingEffects = (turn: string) => readonly string[]

/** What no undo takes back: messages that left, money that was paid. A call of the model is a cost, not an effect. */
export const createLastingEffects = ({ database }: State): LastingEffects => {
  const sent = database.query<{ channel: string; count: number }, [string]>(
    `select channel, count(*) as count from outbox where turn = ? and state <> 'pending' group by channel order by channel`,
  )
  const paid = database.query<{ kind: string; micros: number; currency: string }, [string]>(
    `select kind, micros, currency from spend where turn = ? and kind <> 'model' and state = 'settled' order by seq`,
  )
  return (turn) => [
    ...sent
      .all(turn)
      .map(({ channel, count }) => `${count === 1 ? 'a message' : `${count} messages`} sent on ${channel}`),
    ...paid.all(turn).map(({ kind, micros, currency }) => `a ${kind} of ${formatMicros(micros)} ${currency}`),
  ]
}
