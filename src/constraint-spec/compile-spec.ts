/** Writes a spec as a file of the rule language: readable by its owner, and TypeScript that an editor checks. */
import type { PermissionType } from '../agent/permission-vocabulary.ts'
import { quoteText } from '../constraint-language/quote-text.ts'
import { type Condition, type RuleSpec, shapeOfField } from './rule-spec.schemas.ts'

/** What a total so far is added to. */
const PART_OF_TOTAL = { dayMicros: 'amountMicros', monthMicros: 'amountMicros', dayMicroUsd: 'estMicroUsd' } as const

/** The text of the rule file `NAME.ts`. */
export const compileSpec = ({ sentence, event, blockWhenAll }: Omit<RuleSpec, 'examples' | 'name'>): string =>
  `import { bSync, bThread${blockWhenAll.length > 0 ? ', on' : ''} } from 'plaited'

/** ${sentence} */
export const rule = bThread(
  [
    bSync({
      block: ${blockWhenAll.length === 0 ? quoteText(event) : writePredicate(event, blockWhenAll)},
    }),
  ],
  true,
)
`

const writePredicate = (event: PermissionType, conditions: readonly Condition[]): string => {
  const tests = conditions.map((condition) => writeTest(event, condition, conditions.length > 1))
  return `on(
        ${quoteText(event)},
        ({ detail }) =>
          ${tests.join(' &&\n          ')},
      )`
}

const writeTest = (event: PermissionType, condition: Condition, isOneOfSeveral: boolean): string => {
  const alternatives = [
    ...nullableFields(event, condition).map((name) => `detail.${name} === null`),
    ...writeComparison(event, condition),
  ]
  const joined = alternatives.join(' ||\n          ')
  return isOneOfSeveral && alternatives.length > 1 ? `(${joined})` : joined
}

/** The fields of a condition that may be unknown, which counts as a match. */
const nullableFields = (event: PermissionType, { field, op, value }: Condition): readonly string[] => {
  if (value === null) return []
  const fields = op === 'totalOver' ? [field, PART_OF_TOTAL[field]] : [field]
  return fields.filter((name) => {
    const shape = shapeOfField(event, name)
    return typeof shape === 'object' && shape !== null && 'nullable' in shape
  })
}

/** Code that is true for the compared values, as alternatives. */
const writeComparison = (event: PermissionType, condition: Condition): readonly string[] => {
  const read = `detail.${condition.field}`
  switch (condition.op) {
    case 'over':
      return [`${read} > ${condition.value}`]
    case 'atLeast':
      return [`${read} >= ${condition.value}`]
    case 'under':
      return [`${read} < ${condition.value}`]
    case 'atMost':
      return [`${read} <= ${condition.value}`]
    case 'totalOver':
      return [`${read} + detail.${PART_OF_TOTAL[condition.field]} > ${condition.value}`]
    case 'is':
      return [`${read} === ${writeValue(condition.value)}`]
    case 'isNot':
      return [`${read} !== ${writeValue(condition.value)}`]
    case 'startsWith':
    case 'endsWith':
      return [`${read}.${condition.op}(${quoteText(condition.value)})`]
    case 'contains':
      return [`${read}.includes(${quoteText(condition.value)})`]
    case 'isAnyOf':
      return [`${writeList(condition.value)}.includes(${read})`]
    case 'isNoneOf':
      return [`!${writeList(condition.value)}.includes(${read})`]
    case 'hasAnyOf':
      return [`${writeList(condition.value)}.some((each) => ${read}.includes(each))`]
    case 'isInside':
      return writeInside(event, condition.field, condition.value)
    case 'isOutside':
      return [not(writeBelow(read, condition.value))]
    case 'isHostOf':
      return writeHosts(read, condition.value.flatMap(withFinalDot))
    case 'isNoHostOf':
      return [not(writeHosts(read, condition.value))]
    case 'runsAnyOf':
      return writePrograms(condition.value)
    case 'isBetween':
      return writeHours(condition.value)
  }
}

const writeValue = (value: string | number | boolean | null): string =>
  typeof value === 'string' ? quoteText(value) : String(value)

const writeList = (values: readonly string[]): string => `[${values.map(quoteText).join(', ')}]`

const not = (alternatives: readonly string[]): string =>
  alternatives.length === 1 ? `!${alternatives[0]}` : `!(${alternatives.join(' || ')})`

/** A file that is moved out of a folder changes there too. */
const writeInside = (event: PermissionType, field: string, folder: string): readonly string[] => {
  const below = writeBelow(`detail.${field}`, folder)
  if (field !== 'path' || shapeOfField(event, 'from') === null) return below
  return [...below, `(detail.from !== null && (${writeBelow('detail.from', folder).join(' || ')}))`]
}

const writeBelow = (read: string, folder: string): readonly string[] =>
  folder === '/'
    ? [`${read}.startsWith('/')`]
    : [`${read} === ${quoteText(folder)}`, `${read}.startsWith(${quoteText(`${folder}/`)})`]

/** `example.com.` leads to the same host. */
const withFinalDot = (host: string): readonly string[] => (host.endsWith('.') ? [host] : [host, `${host}.`])

const writeHosts = (read: string, hosts: readonly string[]): readonly string[] => {
  const exact = hosts.filter((host) => !host.startsWith('*.'))
  const below = hosts.filter((host) => host.startsWith('*.'))
  return [
    ...(exact.length > 0 ? [`${writeList(exact)}.includes(${read})`] : []),
    ...below.map((host) => `${read}.endsWith(${quoteText(host.slice(1))})`),
  ]
}

/** What cannot be read word by word is judged by its text. */
const writePrograms = (programs: readonly string[]): readonly string[] => {
  const [only] = programs
  const named = programs.map((name) => name.replaceAll(/[.+-]/g, '\\$&')).join('|')
  return [
    programs.length === 1 && only !== undefined
      ? `detail.programs.includes(${quoteText(only)})`
      : `${writeList(programs)}.some((program) => detail.programs.includes(program))`,
    `(detail.dynamic && /(^|[^\\w.-])(${named})([^\\w.-]|$)/.test(detail.cmd))`,
  ]
}

const writeHours = ({ from, to }: { readonly from: number; readonly to: number }): readonly string[] =>
  from > to ? [`detail.hour >= ${from}`, `detail.hour < ${to}`] : [`(detail.hour >= ${from} && detail.hour < ${to})`]
