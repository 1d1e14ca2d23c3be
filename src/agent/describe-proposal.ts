/** What the owner reads before a rule is added: what it does, and what it would have done, in words of ours. */
import type { AcceptanceReport } from '../constraint-acceptance/acceptance.types.ts'
import { AT_START, blockersAt } from '../constraint-language/positions.ts'
import { quoteText } from '../constraint-language/quote-text.ts'
import type { Rule, RuleEvent } from '../constraint-language/rule.types.ts'
import type { DecisionChain } from './decision-chain.ts'
import { asIfConfirmed, parseRecordedEvent } from './permission-event.ts'

export const describeProposal = ({
  does,
  said,
  notes,
  replaced,
  rules,
  report,
  real,
  code,
  minutes,
}: {
  readonly does: string
  readonly said: string | null
  readonly notes: readonly string[]
  /** The proposal that no longer waits because of this one. */
  readonly replaced: string | null
  readonly rules: readonly Rule[]
  readonly report: Pick<AcceptanceReport, 'asks' | 'wouldBlock' | 'stillAllows'>
  readonly real: ReturnType<DecisionChain['recent']>
  readonly code: string
  readonly minutes: number
}): string =>
  [
    'Shall I keep this rule? A rule cannot be taken back by me, only by you at the machine.',
    does,
    ...(said === null ? [] : [`The model says you asked for: ${quoteText(said)}`]),
    ...list(WOULD[report.asks], report.wouldBlock),
    ...list('It still allows, for example:', report.stillAllows),
    describeReal(report.asks, rules, real),
    ...list('Mind:', notes),
    ...(replaced === null
      ? []
      : [`It takes the place of ${replaced}, which waited longest: that code counts no more.`]),
    `Answer ${code} within ${minutes} minutes to keep it. Say no, or nothing, and nothing is added.`,
  ].join('\n')

const WOULD: Readonly<Record<AcceptanceReport['asks'], string>> = {
  never: 'It would block, for example:',
  sometimes: 'It would block, or ask you about, for example:',
  always: 'It would ask you about, for example:',
}

/** What these rules alone would have done about the newest real events. */
const describeReal = (
  asks: AcceptanceReport['asks'],
  rules: readonly Rule[],
  real: ReturnType<DecisionChain['recent']>,
): string => {
  const isBlocked = (event: RuleEvent) => blockersAt(rules, AT_START, event).length > 0
  const events = real.flatMap(({ type, detail }) => parseRecordedEvent(type, detail) ?? [])
  const stopped = events.filter(isBlocked)
  const blocked = stopped.filter((event) => isBlocked(asIfConfirmed(event))).length
  const done = [
    ...(asks === 'always' && blocked === 0 ? [] : [`blocked ${blocked}`]),
    ...(asks === 'never' ? [] : [`asked you about ${stopped.length - blocked}`]),
  ]
  return `Of your last ${events.length} real events it would have ${done.join(' and ')}.`
}

const list = (title: string, lines: readonly string[]): readonly string[] =>
  lines.length === 0 ? [] : [title, ...lines.map((line) => `  - ${line}`)]
