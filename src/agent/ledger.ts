/**
 * What was spent: money is reserved before a call for the most it can cost and settled at what it did cost, so that a
 * cap holds before the bill exists, also after a restart. Sums are integer micro-dollars.
 */
import type { Clock } from '../utils/clock.ts'
import { formatMicros } from '../utils/micros.ts'
import { OWNER_LANE, OWNER_PRINCIPAL } from './journal.ts'
import type { State } from './persistence.ts'

/** Caps in micro-dollars (issue 2): 0.50 USD per turn, 5 USD per day. */
export const TURN_CAP_MICROS = 500_000
export const DAY_CAP_MICROS = 5_000_000

export type Reservation = { readonly ok: true } | { readonly ok: false; readonly message: string }

export type Ledger = {
  /** `ref` names the call: the same one is never counted twice. */
  readonly reserve: (call: {
    readonly turn: string
    readonly ref: string
    readonly kind: string
    readonly micros: number
  }) => Reservation
  readonly settle: (ref: string, micros: number) => void
  /** At start: a call that was under way when the process died may have been billed, so its reservation stands as spent. */
  readonly settleAbandoned: () => void
  readonly spentToday: () => number
  readonly spentInTurn: (turn: string) => number
}

export const createLedger = (state: State, clock: Clock, timezone: string): Ledger => {
  const { database } = state
  const format = new Intl.DateTimeFormat('en-CA', { timeZone: timezone, dateStyle: 'short' })
  const today = () => format.format(clock.now())
  const insert = database.query<undefined, [number, string, string, string, string, number, string, string]>(
    `insert into spend (at, day, turn, kind, ref, micros, currency, state, lane, principal)
     values (?, ?, ?, ?, ?, ?, 'USD', 'reserved', ?, ?)`,
  )
  const settle = database.query<undefined, [number, string]>(
    `update spend set state = 'settled', micros = ? where ref = ?`,
  )
  const settleAbandoned = database.query<undefined, []>(`update spend set state = 'settled' where state = 'reserved'`)
  const ofDay = database.query<{ total: number | null }, [string]>(
    `select sum(micros) as total from spend where day = ? and state <> 'released'`,
  )
  const ofTurn = database.query<{ total: number | null }, [string]>(
    `select sum(micros) as total from spend where turn = ? and state <> 'released'`,
  )
  const spentToday = () => ofDay.get(today())?.total ?? 0
  const spentInTurn = (turn: string) => ofTurn.get(turn)?.total ?? 0
  return {
    reserve: ({ turn, ref, kind, micros }) =>
      state.transaction(() => {
        const refusal =
          refuseOver('this turn', { spent: spentInTurn(turn), micros, cap: TURN_CAP_MICROS }) ??
          refuseOver('today', { spent: spentToday(), micros, cap: DAY_CAP_MICROS })
        if (refusal) return refusal
        insert.run(clock.now(), today(), turn, kind, ref, micros, OWNER_LANE, OWNER_PRINCIPAL)
        return { ok: true }
      }),
    settle: (ref, micros) => state.transaction(() => void settle.run(micros, ref)),
    settleAbandoned: () => state.transaction(() => void settleAbandoned.run()),
    spentToday,
    spentInTurn,
  }
}

const refuseOver = (
  span: string,
  { spent, micros, cap }: { readonly spent: number; readonly micros: number; readonly cap: number },
): Reservation | null => {
  if (spent + micros <= cap) return null
  const message = `The next model call could cost up to ${formatMicros(micros)} USD; ${formatMicros(spent)} of ${formatMicros(cap)} USD are spent ${span}, so I stop here.`
  return { ok: false, message }
}
