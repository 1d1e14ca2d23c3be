/** Money as the ledger speaks of it; every amount is integer micro-dollars. */

/** The most that one call, one turn, one day and one month may cost, as configured. */
export type SpendCaps = {
  readonly callMicros: number
  readonly turnMicros: number
  readonly dayMicros: number
  readonly monthMicros: number
}

/** The spans that the owner's word can raise. */
export type BudgetSpan = 'day' | 'month'

/** Everything that has a cap. */
export type CapSpan = 'call' | 'turn' | BudgetSpan

/** What one more call may cost, and the cap that lets it cost no more; below 0 when that is overdrawn. */
export type SpendRoom = { readonly span: CapSpan; readonly micros: number }

export type BudgetExtension = { readonly span: BudgetSpan; readonly micros: number }

/** An extension as it was given: when, how much, and by whom (`cli/local:owner`). */
export type GrantedExtension = { readonly at: number; readonly micros: number; readonly grantedBy: string }

/** One day or month of the configured time zone. */
export type PeriodBudget = {
  /** `2027-01-15` or `2027-01`. */
  readonly period: string
  /** What was paid, and what is reserved for calls that are under way or whose cost never became known. */
  readonly spentMicros: number
  readonly capMicros: number
  /** The cap with its extensions: what is enforced. */
  readonly limitMicros: number
  readonly extensions: readonly GrantedExtension[]
}

export type Budget = {
  readonly callCapMicros: number
  readonly turnCapMicros: number
} & { readonly [span in BudgetSpan]: PeriodBudget }

/** A refusal's message is for the owner. */
export type Reservation = { readonly ok: true } | { readonly ok: false; readonly message: string }
