/** The ledger's rows in SQLite. A period is a day (`2027-01-15`) or a month (`2027-01`). */
import { OWNER_LANE, OWNER_PRINCIPAL } from './journal.ts'
import type { GrantedExtension } from './ledger.types.ts'
import type { State } from './persistence.ts'

type Reserved = {
  readonly at: number
  readonly day: string
  readonly turn: string
  readonly kind: string
  readonly ref: string
  readonly micros: number
}

type Extended = GrantedExtension & { readonly period: string; readonly message: string | null }

type Warned = { readonly at: number; readonly period: string; readonly turn: string }

type Total = { readonly total: number | null }

export const createLedgerRows = ({ database }: State) => {
  const reserve = database.query<undefined, [number, string, string, string, string, number, string, string]>(
    `insert into spend (at, day, turn, kind, ref, micros, currency, state, lane, principal)
     values (?, ?, ?, ?, ?, ?, 'USD', 'reserved', ?, ?)`,
  )
  const settle = database.query<undefined, [number, string]>(
    `update spend set state = 'settled', micros = ? where ref = ? and state = 'reserved'`,
  )
  const settleAbandoned = database.query<undefined, []>(`update spend set state = 'settled' where state = 'reserved'`)
  // A month's days are exactly those from its name on and before `2027-01~`, which sorts behind every `2027-01-...`.
  const spentIn = database.query<Total, [string, string]>(
    `select sum(micros) as total from spend where day >= ? and day < ? || '~' and state <> 'released'`,
  )
  const spentInTurn = database.query<Total, [string]>(
    `select sum(micros) as total from spend where turn = ? and state <> 'released'`,
  )
  const extend = database.query<undefined, [number, string, number, string, string | null, string, string]>(
    `insert into budget_extensions (at, period, micros, granted_by, message, lane, principal)
     values (?, ?, ?, ?, ?, ?, ?) on conflict do nothing`,
  )
  const extensions = database.query<GrantedExtension, [string]>(
    'select at, micros, granted_by as grantedBy from budget_extensions where period = ? order by seq',
  )
  const warn = database.query<undefined, [string, number, string, string, string]>(
    'insert into budget_warnings (period, at, turn, lane, principal) values (?, ?, ?, ?, ?) on conflict do nothing',
  )
  const teller = database.query<{ readonly turn: string }, [string]>(
    'select turn from budget_warnings where period = ?',
  )
  return {
    reserve: ({ at, day, turn, kind, ref, micros }: Reserved): void => {
      reserve.run(at, day, turn, kind, ref, micros, OWNER_LANE, OWNER_PRINCIPAL)
    },
    settle: (ref: string, micros: number): void => {
      if (settle.run(micros, ref).changes !== 1) throw new Error(`${ref} is not reserved, so it cannot be settled`)
    },
    settleAbandoned: (): void => void settleAbandoned.run(),
    spentIn: (period: string): number => spentIn.get(period, period)?.total ?? 0,
    spentInTurn: (turn: string): number => spentInTurn.get(turn)?.total ?? 0,
    extend: ({ at, period, micros, grantedBy, message }: Extended): void => {
      extend.run(at, period, micros, grantedBy, message, OWNER_LANE, OWNER_PRINCIPAL)
    },
    extensions: (period: string): readonly GrantedExtension[] => extensions.all(period),
    /** Notes who tells the warning of a period, unless somebody did; true when it is this turn. */
    warn: ({ at, period, turn }: Warned): boolean => {
      warn.run(period, at, turn, OWNER_LANE, OWNER_PRINCIPAL)
      return teller.get(period)?.turn === turn
    },
  }
}
