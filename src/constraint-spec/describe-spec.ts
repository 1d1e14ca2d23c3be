/**
 * Says in words what a spec does. The words come from the conditions and from tables of ours, never from a model: the
 * sentence that a model gave is shown as a quotation. Whatever a value holds is escaped, so that no value can pass for
 * words of ours.
 */
import type { PermissionType } from '../agent/permission-vocabulary.ts'
import { quoteText } from '../constraint-language/quote-text.ts'
import { formatMicros } from '../utils/micros.ts'
import { type Condition, type RuleSpec, shapeOfField } from './rule-spec.schemas.ts'

export type SpecDescription = {
  /** What the rule does, in one sentence. */
  readonly does: string
  /** What its owner may take it to cover and it does not, or the other way round. */
  readonly notes: readonly string[]
}

/** The description that an owner confirms. */
export const describeSpec = ({ event, blockWhenAll, sentence }: Omit<RuleSpec, 'examples'>): SpecDescription => {
  const asks = blockWhenAll.some(isUnconfirmed)
  const conditions = blockWhenAll.filter((condition) => !isUnconfirmed(condition))
  const when = conditions.map((condition) => sayCondition(event, condition)).join(' and ')
  const rule = `${asks ? 'Asks you before' : 'Blocks'} ${EVENT_WORDS[event]}${when === '' ? ', always' : ` when ${when}`}.`
  return {
    does: `${rule} Its reason will read: ${quoteText(sentence)}`,
    notes: [...new Set([...(NOTES[event] ?? []), ...conditions.flatMap(notesOf)])],
  }
}

/** Holds until the owner has confirmed this very event: what makes a rule ask instead of forbid. */
const isUnconfirmed = ({ field, op, value }: Condition): boolean =>
  field === 'confirmed' && op === 'is' && value === null

const EVENT_WORDS: Readonly<Record<PermissionType, string>> = {
  'permission:file:read': 'reading a file',
  'permission:file:write': 'writing, changing, moving or deleting a file',
  'permission:bash:exec': 'running a command',
  'permission:net:fetch': 'fetching from the network',
  'permission:llm:call': 'calling the model',
  'permission:payment:send': 'a payment',
  'permission:a2a:send': 'sending to another agent',
  'permission:a2a:accept': 'accepting a task of another agent',
  'permission:channel:send': 'sending a message',
  'permission:memory:write': 'writing to the memory',
  'permission:memory:read': 'reading from the memory',
  'permission:module:publish': 'publishing a module',
  'permission:module:install': 'installing a module',
  'permission:constraint:add': 'adding a rule',
  'permission:secret:use': 'using a secret',
  'permission:git:push': 'pushing to a git remote',
  'permission:schedule:add': 'adding a scheduled task',
  'permission:ssh:cert': 'giving out an SSH certificate',
  'permission:skill:load': 'loading a skill',
  'permission:agent:spawn': 'starting another agent',
}

const FIELD_WORDS: Readonly<Record<string, string>> = {
  amountMicros: 'the amount',
  dayMicros: 'what was paid today',
  monthMicros: 'what was paid this month',
  dayMicroUsd: 'what the model cost today',
  estMicroUsd: 'the estimated cost',
  priceMicros: 'the price',
  cmd: 'the command',
  cwd: 'the folder it runs in',
  hour: 'the time',
  payTo: 'the payee',
  path: 'the path',
}

/** Fields that are true or false, as what they say when true. */
const FACT_WORDS: Readonly<Record<string, string>> = {
  tainted: 'text from elsewhere was read',
  isOwner: 'it goes to the owner',
  privateAddress: 'the address is a private one',
  force: 'it is forced',
}

const sayCondition = (event: PermissionType, condition: Condition): string => {
  const words = sayComparison(condition)
  const shape = shapeOfField(event, condition.field)
  const isNullable = typeof shape === 'object' && shape !== null && 'nullable' in shape
  return isNullable && condition.value !== null ? `${words} (or is not known)` : words
}

const sayComparison = (condition: Condition): string => {
  const { field } = condition
  const name = FIELD_WORDS[field] ?? `the field ${field}`
  switch (condition.op) {
    case 'over':
      return `${name} is over ${sayNumber(field, condition.value)}`
    case 'atLeast':
      return `${name} is at least ${sayNumber(field, condition.value)}`
    case 'under':
      return `${name} is under ${sayNumber(field, condition.value)}`
    case 'atMost':
      return `${name} is at most ${sayNumber(field, condition.value)}`
    case 'totalOver':
      return `${name}, this one included, is over ${sayNumber(field, condition.value)}`
    case 'is':
      if (condition.value === true && FACT_WORDS[field] !== undefined) return FACT_WORDS[field]
      return `${name} is ${sayValue(field, condition.value)}`
    case 'isNot':
      return `${name} is not ${sayValue(field, condition.value)}`
    case 'startsWith':
      return `${name} starts with ${quoteText(condition.value)}`
    case 'endsWith':
      return `${name} ends with ${quoteText(condition.value)}`
    case 'contains':
      return `${name} contains ${quoteText(condition.value)}`
    case 'isAnyOf':
      return `${name} is ${sayList(condition.value, 'or')}`
    case 'isNoneOf':
      return `${name} is neither ${sayList(condition.value, 'nor')}`
    case 'hasAnyOf':
      return `${name} has ${sayList(condition.value, 'or')}`
    case 'isInside':
      return `${name} is ${quoteText(condition.value)} or inside it`
    case 'isOutside':
      return `${name} is outside ${quoteText(condition.value)}`
    case 'isHostOf':
      return `the host is ${sayList(condition.value, 'or')}`
    case 'isNoHostOf':
      return `the host is not ${sayList(condition.value, 'or')}`
    case 'runsAnyOf':
      return `it runs ${sayList(condition.value, 'or')}`
    case 'isBetween':
      return `the time is from ${condition.value.from}:00 until ${condition.value.to}:00`
  }
}

const isMoney = (field: string): boolean => /Micro(s|Usd)$/.test(field)

const sayNumber = (field: string, value: number): string =>
  isMoney(field) && Number.isSafeInteger(value) && value >= 0 ? `${formatMicros(value)} USD` : String(value)

const sayValue = (field: string, value: string | number | boolean | null): string => {
  if (typeof value === 'string') return quoteText(value)
  if (typeof value === 'number') return sayNumber(field, value)
  return value === null ? 'not known' : value ? 'true' : 'false'
}

const sayList = (values: readonly string[], word: 'or' | 'nor'): string => values.map(quoteText).join(` ${word} `)

const NOTES: Readonly<Partial<Record<PermissionType, readonly string[]>>> = {
  'permission:file:write': ['a command may still change files there: the shell is asked about as a command'],
  'permission:file:read': ['a command may still read files there: the shell is asked about as a command'],
  'permission:bash:exec': ['a program whose name only the shell computes is not seen; the sandbox contains what runs'],
}

const notesOf = ({ field, op }: Condition): readonly string[] => {
  if (field === 'hour') return ['the time is the one of PLAITED_TIMEZONE']
  if (op === 'isHostOf' || op === 'isNoHostOf') {
    return ['a host stands for itself only; *.example.com stands for every host below example.com']
  }
  return /^(amount|day|month)Micros$/.test(field) ? ['the currency is not looked at: 4 EUR counts as 4 USD'] : []
}
