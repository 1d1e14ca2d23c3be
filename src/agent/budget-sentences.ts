/** What the owner reads about money in a reply: written by our code, never by a model. */
import { formatMicros, MICROS_PER_UNIT } from '../utils/micros.ts'
import type { BudgetSpan, CapSpan, PeriodBudget } from './ledger.types.ts'

/** A cap, and what of it is spent. */
export type Cap = {
  readonly span: CapSpan
  readonly spentMicros: number
  readonly limitMicros: number
}

const SPAN_WORDS: Readonly<Record<BudgetSpan, string>> = { day: 'today', month: 'this month' }

/** Why a call is not made: the cap, what is spent, and what raises it. */
export const describeRefusal = (micros: number, { span, spentMicros, limitMicros }: Cap): string => {
  const spent = `${formatMicros(spentMicros)} of the ${formatMicros(limitMicros)} USD`
  const reason = `I stop here: the next model call could cost up to ${formatMicros(micros)} USD, and`
  switch (span) {
    case 'call':
      return `${reason} one call may cost at most ${formatMicros(limitMicros)} USD; PLAITED_CAP_CALL_USD raises that.`
    case 'turn':
      return `${reason} ${spent} for this turn are spent; your next message starts a new turn, and PLAITED_CAP_TURN_USD raises the cap.`
    default: {
      const missing = spentMicros + micros - limitMicros
      return `${reason} ${spent} for ${SPAN_WORDS[span]} are spent; say ${extensionWord(span, missing)} to raise that, then say it again.`
    }
  }
}

/** Why an answer ends before its end: the cap paid for no more. */
export const describeShortening = (span: CapSpan): string => {
  if (span === 'call') return 'one model call may not cost more: PLAITED_CAP_CALL_USD raises that'
  if (span === 'turn') return 'no more was left for this turn: your next message starts a new one'
  return `no more was left for ${SPAN_WORDS[span]}: ${extensionWord(span, 1)} raises that`
}

/** Told once per day and month, in the reply of the turn that came near the cap. */
export const describeWarning = (span: BudgetSpan, { spentMicros, limitMicros }: PeriodBudget): string =>
  `Note: ${formatMicros(spentMicros)} of the ${formatMicros(limitMicros)} USD for ${SPAN_WORDS[span]} are spent, 80 % or more; at the cap I stop until you raise it, for example with ${extensionWord(span, 1)}.`

/** The control word that raises a cap by at least so much, in whole dollars. */
const extensionWord = (span: BudgetSpan, micros: number): string =>
  `"budget +${Math.ceil(micros / MICROS_PER_UNIT)} ${SPAN_WORDS[span]}"`
