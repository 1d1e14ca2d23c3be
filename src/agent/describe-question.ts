/**
 * What the owner reads before they confirm a call: our words and the call's own arguments, all of them, with every
 * character that could deceive shown as an escape. A call that is too long to be shown is not asked about.
 */
import { quoteText } from '../constraint-language/quote-text.ts'
import { describeSpec } from '../constraint-spec/describe-spec.ts'
import { escapeUnsafeCharacters } from '../utils/escape-unsafe-characters.ts'
import { formatMicros } from '../utils/micros.ts'
import type { ToolOperation } from './agent.types.ts'
import type { PermissionInput } from './permission-vocabulary.ts'
import type { Blocker } from './rule-engine.ts'
import type { CallAction } from './tools/tool.types.ts'

/** Characters of a call that an owner can be expected to read. */
const SHOWN_CHARACTERS_MAX = 6000

/** null when it is too long to be judged by a person. */
export const describeQuestion = (action: CallAction, blockedBy: readonly Blocker[]): string | null => {
  const call = escapeUnsafeCharacters(describeAction(action))
  if (call.length > SHOWN_CHARACTERS_MAX) return null
  return [call, ...blockedBy.map(({ by, sentence }) => `Because of ${by}: ${quoteText(sentence)}`)].join('\n')
}

const describeAction = (action: CallAction): string => {
  if (action.kind === 'sandbox') return describeOperation(action.operation)
  if (action.kind === 'payment') return describePayment(action.input)
  return ['propose a rule', field('which', describeSpec(action.spec).does)].join('\n')
}

/** Money in units, as people count it. */
const describePayment = ({
  amountMicros,
  currency = 'USD',
  payTo = '',
  ...others
}: PermissionInput<'permission:payment:send'>): string =>
  [
    'pay',
    field('amount', `${formatMicros(amountMicros)} ${currency}`),
    field('payee', payTo),
    ...Object.entries(others).map(([name, value]) =>
      name.endsWith('Micros')
        ? field(name.slice(0, -'Micros'.length), formatMicros(Number(value)))
        : field(name, String(value)),
    ),
  ].join('\n')

const describeOperation = (operation: ToolOperation): string => {
  switch (operation.kind) {
    case 'bash':
      return [
        'bash',
        field('command', operation.command),
        field('folder', '/workspace'),
        time(operation.timeoutMs),
      ].join('\n')
    case 'write':
      return ['write', field('path', operation.path), field('content', operation.content)].join('\n')
    case 'edit':
      return [
        `edit${operation.replaceAll ? ' (every occurrence)' : ''}`,
        field('path', operation.path),
        marked('-', operation.oldString),
        marked('+', operation.newString),
      ].join('\n')
    case 'store':
      return [
        'store a file',
        field('path', operation.path),
        field('bytes', String(Buffer.byteLength(operation.base64, 'base64'))),
      ].join('\n')
    case 'read':
      return [
        'read',
        field('path', operation.path),
        ...given('offset', operation.offset),
        ...given('limit', operation.limit),
      ].join('\n')
    case 'glob':
      return ['glob', field('pattern', operation.pattern), field('path', operation.path)].join('\n')
    case 'grep':
      return [
        'grep',
        field('pattern', operation.pattern),
        field('path', operation.path),
        ...given('glob', operation.glob),
      ].join('\n')
  }
}

const field = (name: string, value: string): string =>
  value.includes('\n') ? `  ${name}:\n${marked('|', value)}` : `  ${name}: ${value}`

const given = (name: string, value: string | number | null): readonly string[] =>
  value === null ? [] : [field(name, String(value))]

const time = (ms: number): string => `  at most ${Math.round(ms / 1000)} s`

const marked = (mark: string, text: string): string =>
  text
    .split('\n')
    .map((line) => `  ${mark} ${line}`)
    .join('\n')
