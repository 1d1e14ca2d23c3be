/**
 * Every function and method that a rule may call, besides `pattern.test` and the four that take a callback. The table is
 * the whole of it: what is not here cannot be called. Each operation checks the values it
 * gets and does exactly what JavaScript does with them.
 */
import { arrayOf, BOOLEAN, Kind, NEVER, NUMBER, STRING, type StaticType } from './static-type.ts'
import { asArray, asNumber, asPrinted, asText, COMPARED_PER_STEP, describe, type Fault } from './values.ts'

export type Operation = {
  /** `Kind` masks of what it takes, the receiver of a method first. */
  readonly parameters: readonly number[]
  /** How many of them must be given. */
  readonly required: number
  readonly result: (parameters: readonly StaticType[]) => StaticType
  readonly apply: (fault: Fault, a: unknown, b: unknown, c: unknown) => unknown
  /** What it charges for these values; null where their length does not matter. */
  readonly steps: ((a: unknown, b: unknown) => number) | null
}

const { string: S, number: N, boolean: B, array: A } = Kind
const PRIMITIVE = S | N | B | Kind.null

type Steps = NonNullable<Operation['steps']>
const lengthOf = (value: unknown): number => (typeof value === 'string' || Array.isArray(value) ? value.length : 0)
// What a step of 50 ns does at the least, measured on Bun 1.4.5 with the most hostile texts found.
const copying: Steps = (value) => lengthOf(value) / 4 // takes memory until the next collection, too
const parsing: Steps = (value) => lengthOf(value) / 16
const comparing: Steps = (_, part) => lengthOf(part) / COMPARED_PER_STEP
const comparingEach: Steps = (list, value) => copying(list, value) + lengthOf(list) * comparing(list, value)
/** Beyond so many characters, the engine begins to compare the part anew at each character of the text. */
const QUICK_PART_CHARACTERS_MAX = 256
const searching: Steps = (text, part) => {
  const perStep = lengthOf(part) > QUICK_PART_CHARACTERS_MAX ? 48 : 512
  return lengthOf(text) / 16 + (lengthOf(text) * lengthOf(part)) / perStep
}
const splitting: Steps = (text, part) => copying(text, part) + searching(text, part)
const joining: Steps = (list, separator) =>
  Array.isArray(list) ? list.reduce((sum, element) => sum + 1 + lengthOf(element) + lengthOf(separator), 0) : 0

const firstType = ([first]: readonly StaticType[]): StaticType => first ?? NEVER
const optional = (fault: Fault, value: unknown): number | undefined =>
  value === undefined ? undefined : asNumber(fault, value)

const operation = (
  parameters: readonly number[],
  result: StaticType | Operation['result'],
  apply: Operation['apply'],
  more: Partial<Pick<Operation, 'required' | 'steps'>> = {},
): Operation => ({
  parameters,
  required: parameters.length,
  result: typeof result === 'function' ? result : () => result,
  apply,
  steps: null,
  ...more,
})

export const STRING_METHODS: ReadonlyMap<string, Operation> = new Map([
  ['startsWith', operation([S, S], BOOLEAN, (f, a, b) => asText(f, a).startsWith(asText(f, b)), { steps: comparing })],
  ['endsWith', operation([S, S], BOOLEAN, (f, a, b) => asText(f, a).endsWith(asText(f, b)), { steps: comparing })],
  ['includes', operation([S, S], BOOLEAN, (f, a, b) => asText(f, a).includes(asText(f, b)), { steps: searching })],
  ['indexOf', operation([S, S], NUMBER, (f, a, b) => asText(f, a).indexOf(asText(f, b)), { steps: searching })],
  ['lastIndexOf', operation([S, S], NUMBER, (f, a, b) => asText(f, a).lastIndexOf(asText(f, b)), { steps: searching })],
  [
    'slice',
    operation([S, N, N], STRING, (f, a, b, c) => asText(f, a).slice(asNumber(f, b), optional(f, c)), {
      required: 2,
      steps: copying,
    }),
  ],
  ['split', operation([S, S], arrayOf(STRING), (f, a, b) => asText(f, a).split(asText(f, b)), { steps: splitting })],
  ['trim', operation([S], STRING, (f, a) => asText(f, a).trim(), { steps: copying })],
  ['toLowerCase', operation([S], STRING, (f, a) => asText(f, a).toLowerCase(), { steps: copying })],
  ['toUpperCase', operation([S], STRING, (f, a) => asText(f, a).toUpperCase(), { steps: copying })],
])

export const ARRAY_METHODS: ReadonlyMap<string, Operation> = new Map([
  [
    'includes',
    operation([A, PRIMITIVE], BOOLEAN, (f, a, b) => asArray(f, a).includes(sought(f, b)), { steps: comparingEach }),
  ],
  [
    'indexOf',
    operation([A, PRIMITIVE], NUMBER, (f, a, b) => asArray(f, a).indexOf(sought(f, b)), { steps: comparingEach }),
  ],
  [
    'slice',
    operation([A, N, N], firstType, (f, a, b, c) => asArray(f, a).slice(asNumber(f, b), optional(f, c)), {
      required: 2,
      steps: copying,
    }),
  ],
  ['join', operation([A, S], STRING, (f, a, b) => joined(f, asArray(f, a), asText(f, b)), { steps: joining })],
])

export const FUNCTIONS: ReadonlyMap<string, Operation> = new Map([
  ['parseFloat', operation([S], NUMBER, (f, a) => Number.parseFloat(asText(f, a)), { steps: parsing })],
  [
    'parseInt',
    operation([S, N], NUMBER, (f, a, b) => Number.parseInt(asText(f, a), optional(f, b)), {
      required: 1,
      steps: parsing,
    }),
  ],
  ['Number', operation([S], NUMBER, (f, a) => Number(asText(f, a)), { steps: parsing })],
  ['String', operation([PRIMITIVE], STRING, (f, a) => asPrinted(f, a))],
  ['Math.abs', operation([N], NUMBER, (f, a) => Math.abs(asNumber(f, a)))],
  ['Math.floor', operation([N], NUMBER, (f, a) => Math.floor(asNumber(f, a)))],
  ['Math.ceil', operation([N], NUMBER, (f, a) => Math.ceil(asNumber(f, a)))],
  ['Math.round', operation([N], NUMBER, (f, a) => Math.round(asNumber(f, a)))],
  ['Math.min', operation([N, N], NUMBER, (f, a, b) => Math.min(asNumber(f, a), asNumber(f, b)))],
  ['Math.max', operation([N, N], NUMBER, (f, a, b) => Math.max(asNumber(f, a), asNumber(f, b)))],
])

const joined = (fault: Fault, list: readonly unknown[], separator: string): string =>
  list.map((element) => (element === null ? '' : asPrinted(fault, element))).join(separator)

const sought = (fault: Fault, value: unknown): unknown => {
  if (typeof value === 'object' && value !== null) return fault(`cannot look for ${describe(value)}`)
  return Number.isNaN(value) ? fault('cannot look for NaN') : value
}
