/**
 * What was spent, and the caps that hold. Money is reserved before a call for the most it can cost and settled at what it
 * did cost, so that a cap holds before the bill exists, also after a restart. A reservation whose cost never became known
 * (the process died, the stream was aborted before it said anything) counts in full: the service may have billed it. A
 * call that cost more than was reserved counts in full as well, and the next one is refused.
 *
 * A row belongs to the day on which it was reserved, in the owner's time zone. Caps of a day and a month can be raised
 * for that day or month, by rows that only the owner's control word and command line write; nothing that a model says or
 * reads leads to `extend`.
 */
import type { Clock } from '../utils/clock.ts'
import { createLocalDay } from '../utils/local-day.ts'
import { formatMicros, MICROS_PER_UNIT } from '../utils/micros.ts'
import { NodeError } from '../utils/node-error.ts'
import { type Cap, describeRefusal, describeWarning } from './budget-sentences.ts'
import type {
  Budget,
  BudgetExtension,
  BudgetSpan,
  PeriodBudget,
  Reservation,
  SpendCaps,
  SpendRoom,
} from './ledger.types.ts'
import { createLedgerRows } from './ledger-rows.ts'
import type { State } from './persistence.ts'

/** One extension, so that a slip of the finger is no fortune; the configured caps are the place for more. */
export const EXTENSION_MICROS_MAX = 100 * MICROS_PER_UNIT
/** Extensions of one day or month: enough for a long day, too few for a script that has run wild. */
export const EXTENSIONS_MAX = 20
/** Share of a limit, in percent, from which the owner is warned. */
const WARNING_PERCENT = 80

const SPANS: readonly BudgetSpan[] = ['day', 'month']

export type Ledger = {
  /** What is left for one more call of the turn. */
  readonly room: (turn: string) => SpendRoom
  /** `ref` names the call: the same one is never counted twice. */
  readonly reserve: (call: {
    readonly turn: string
    readonly ref: string
    readonly kind: string
    readonly micros: number
  }) => Reservation
  /** What the call did cost; only its reservation is replaced, so that it is settled once. */
  readonly settle: (ref: string, micros: number) => void
  /** At start: a call that was under way when the process died may have been billed, so its reservation stands as spent. */
  readonly settleAbandoned: () => void
  readonly spentToday: () => number
  readonly spentInTurn: (turn: string) => number
  readonly budget: () => Budget
  /**
   * Raises the cap of the present day or month. `message` identifies the owner's message, whose extension is given once
   * however often a crash repeats it; null on the command line. @throws {NodeError} USAGE, CONTROL_REFUSED.
   */
  readonly extend: (
    extension: BudgetExtension,
    by: { readonly grantedBy: string; readonly message: string | null },
  ) => void
  /** The warnings that this turn's reply tells: the same ones however often it is asked, and no other turn's. */
  readonly warningsFor: (turn: string) => readonly string[]
}

export const createLedger = (
  state: State,
  { clock, timezone, caps }: { readonly clock: Clock; readonly timezone: string; readonly caps: SpendCaps },
): Ledger => {
  const { transaction } = state
  const rows = createLedgerRows(state)
  const localDay = createLocalDay(timezone)
  const today = () => localDay(clock.now())
  const spentToday = () => rows.spentIn(today())

  const periodBudget = (period: string, capMicros: number): PeriodBudget => {
    const extensions = rows.extensions(period)
    const limitMicros = extensions.reduce((sum, { micros }) => sum + micros, capMicros)
    return { period, spentMicros: rows.spentIn(period), capMicros, limitMicros, extensions }
  }
  const budget = (): Budget => {
    const day = today()
    return {
      callCapMicros: caps.callMicros,
      turnCapMicros: caps.turnMicros,
      day: periodBudget(day, caps.dayMicros),
      month: periodBudget(monthOf(day), caps.monthMicros),
    }
  }
  const capsOver = (turn: string): readonly Cap[] => {
    const { day, month } = budget()
    return [
      { span: 'call', spentMicros: 0, limitMicros: caps.callMicros },
      { span: 'turn', spentMicros: rows.spentInTurn(turn), limitMicros: caps.turnMicros },
      { span: 'day', ...day },
      { span: 'month', ...month },
    ]
  }

  return {
    room: (turn) =>
      capsOver(turn).reduce<SpendRoom>(
        (least, { span, spentMicros, limitMicros }) =>
          limitMicros - spentMicros < least.micros ? { span, micros: limitMicros - spentMicros } : least,
        { span: 'call', micros: caps.callMicros },
      ),
    reserve: ({ turn, ref, kind, micros }) =>
      transaction('ledger.reserve', () => {
        const broken = capsOver(turn).find(({ spentMicros, limitMicros }) => spentMicros + micros > limitMicros)
        if (broken) return { ok: false, message: describeRefusal(micros, broken) }
        rows.reserve({ at: clock.now(), day: today(), turn, kind, ref, micros })
        return { ok: true }
      }),
    settle: (ref, micros) => transaction('ledger.settle', () => rows.settle(ref, micros)),
    settleAbandoned: () => transaction('ledger.settleAbandoned', rows.settleAbandoned),
    spentToday,
    spentInTurn: rows.spentInTurn,
    budget,
    extend: ({ span, micros }, { grantedBy, message }) =>
      transaction('ledger.extend', () => {
        const period = span === 'day' ? today() : monthOf(today())
        checkExtension(micros, rows.extensions(period).length)
        rows.extend({ at: clock.now(), period, micros, grantedBy, message })
      }),
    warningsFor: (turn) =>
      transaction('ledger.warn', () => {
        const now = budget()
        return SPANS.flatMap((span) => {
          const { period, spentMicros, limitMicros } = now[span]
          const isNear = spentMicros > 0 && spentMicros * 100 >= limitMicros * WARNING_PERCENT
          return isNear && rows.warn({ at: clock.now(), period, turn }) ? [describeWarning(span, now[span])] : []
        })
      }),
  }
}

const monthOf = (day: string): string => day.slice(0, 'yyyy-mm'.length)

const checkExtension = (micros: number, given: number): void => {
  if (micros <= 0 || micros > EXTENSION_MICROS_MAX) {
    throw new NodeError('USAGE', `an extension is more than 0 and at most ${formatMicros(EXTENSION_MICROS_MAX)} USD`, {
      hint: 'PLAITED_CAP_DAY_USD and PLAITED_CAP_MONTH_USD set the caps themselves',
    })
  }
  if (given >= EXTENSIONS_MAX) {
    throw new NodeError('CONTROL_REFUSED', `this cap was already raised ${given} times`, {
      hint: 'PLAITED_CAP_DAY_USD and PLAITED_CAP_MONTH_USD set the caps themselves',
    })
  }
}
