/** What a stopped turn was at, what it had done, and what it had not begun, in one line each. */
import type { AgentParts } from './agent-parts.types.ts'
import type { JournalEvent } from './journal.ts'
import { isToolUse, readReply, resultKey } from './projection.ts'
import { NOT_RUN } from './run-call.ts'

/** Calls of a kind that are named. */
const NAMED_MAX = 5
const SUMMARY_CHARACTERS_MAX = 120

export const describeStopped = ({ tools }: Pick<AgentParts, 'tools'>, events: readonly JournalEvent[]): string => {
  const refsOf = (type: JournalEvent['type']) => events.filter((event) => event.type === type).map(({ ref }) => ref)
  const started = refsOf('tool.start')
  const resultsWhere = (holds: (payload: unknown) => boolean) =>
    new Set(events.filter(({ type, payload }) => type === 'tool.result' && holds(payload)).map(({ ref }) => ref))
  const good = resultsWhere(isGood)
  const notRun = resultsWhere(isNotRun)
  const calls = events
    .filter((event) => event.type === 'model.message')
    .flatMap((event) =>
      readReply(event)
        .content.filter(isToolUse)
        .map((block) => ({ block, ref: resultKey(event.ref, block.id) })),
    )
  const name = (wanted: (ref: string) => boolean): readonly string[] =>
    calls
      .filter(({ ref }) => wanted(ref))
      .map(({ block }) => {
        const prepared = tools.find(block.name)?.prepare(block.input)
        const summary = prepared?.ok ? prepared.call.summary : block.name
        return summary.replace(/\s+/g, ' ').slice(0, SUMMARY_CHARACTERS_MAX)
      })
  const isStarted = (ref: string) => started.includes(ref)
  const last = started.at(-1)
  const parts = [
    list('I was at', last !== null && last !== undefined && !good.has(last) ? name((ref) => ref === last) : []),
    list(
      'Done before',
      name((ref) => good.has(ref) && isStarted(ref)),
    ),
    list(
      'Not begun',
      name((ref) => notRun.has(ref)),
    ),
  ].filter((line) => line !== '')
  return parts.length === 0 ? 'Nothing had run.' : parts.join('\n')
}

const isGood = (payload: unknown): boolean =>
  typeof payload === 'object' && payload !== null && 'isError' in payload && payload.isError === false

const isNotRun = (payload: unknown): boolean =>
  typeof payload === 'object' && payload !== null && 'content' in payload && payload.content === NOT_RUN

const list = (title: string, calls: readonly string[]): string => {
  if (calls.length === 0) return ''
  const more = calls.length > NAMED_MAX ? ` and ${calls.length - NAMED_MAX} more` : ''
  return `${title}: ${calls.slice(-NAMED_MAX).join('; ')}${more}.`
}
