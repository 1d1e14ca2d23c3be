/**
 * What the checker knows about a value before any event exists: the kinds it may have, the only strings it may be, the
 * fields it has. The evaluator still checks every value; types exist to refuse what could only ever fault or never match.
 */
import type { FieldShape, FieldTable } from './rule.types.ts'

export const Kind = { string: 1, number: 2, boolean: 4, null: 8, array: 16, object: 32, pattern: 64 } as const

export type StaticType = {
  /** Union of `Kind` bits. */
  readonly kinds: number
  /** The only strings possible; null: any. */
  readonly literals: ReadonlySet<string> | null
  readonly element: StaticType | null
  readonly fields: ReadonlyMap<string, StaticType> | null
  /** Fields that only some of the possible objects have, with the names of objects that lack them. */
  readonly partial: ReadonlyMap<string, readonly string[]>
  /** What joining it with another may visit: parts that it shares with itself count each time. */
  readonly size: number
}

const NO_PARTIAL: StaticType['partial'] = new Map()

const plain = (kinds: number): StaticType => ({
  kinds,
  literals: null,
  element: null,
  fields: null,
  partial: NO_PARTIAL,
  size: 1,
})

export const STRING = plain(Kind.string)
export const NUMBER = plain(Kind.number)
export const BOOLEAN = plain(Kind.boolean)
export const NULL = plain(Kind.null)
export const PATTERN = plain(Kind.pattern)
export const NEVER = plain(0)

export const stringOf = (literals: Iterable<string>): StaticType => ({ ...STRING, literals: new Set(literals) })
export const arrayOf = (element: StaticType): StaticType => ({
  ...plain(Kind.array),
  element,
  size: sizeOf(element, null),
})
export const objectOf = (fields: ReadonlyMap<string, StaticType>): StaticType => ({
  ...plain(Kind.object),
  fields,
  size: sizeOf(null, fields),
})

const sizeOf = (element: StaticType['element'], fields: StaticType['fields']): number =>
  [...(fields?.values() ?? [])].reduce((sum, { size }) => sum + size, 1 + (element?.size ?? 0))

export const hasKind = (type: StaticType, kinds: number): boolean => (type.kinds & kinds) !== 0

/** A type whose values may be of either. */
export const unionOf = (a: StaticType, b: StaticType): StaticType => {
  if (a === b || b.kinds === 0) return a
  if (a.kinds === 0) return b
  const element = a.element !== null && b.element !== null ? unionOf(a.element, b.element) : (a.element ?? b.element)
  const { fields, partial } = fieldsOfUnion(a, b)
  const literals = literalsOfUnion(a, b)
  return { kinds: a.kinds | b.kinds, literals, element, fields, partial, size: sizeOf(element, fields) }
}

const literalsOfUnion = (a: StaticType, b: StaticType): StaticType['literals'] => {
  if (!hasKind(a, Kind.string)) return b.literals
  if (!hasKind(b, Kind.string)) return a.literals
  return a.literals !== null && b.literals !== null ? new Set([...a.literals, ...b.literals]) : null
}

const fieldsOfUnion = (a: StaticType, b: StaticType): Pick<StaticType, 'fields' | 'partial'> => {
  if (a.fields === null) return { fields: b.fields, partial: b.partial }
  if (b.fields === null) return { fields: a.fields, partial: a.partial }
  const merged = mergeFields([
    ['one of the objects', a.fields],
    ['one of the objects', b.fields],
  ])
  return { fields: merged.fields, partial: new Map([...a.partial, ...b.partial, ...merged.partial]) }
}

/** The fields that all named objects share; `partial` tells who lacks the others. */
export const mergeFields = (
  objects: readonly (readonly [name: string, fields: ReadonlyMap<string, StaticType>])[],
): { readonly fields: ReadonlyMap<string, StaticType>; readonly partial: ReadonlyMap<string, readonly string[]> } => {
  const fields = new Map<string, StaticType>()
  const partial = new Map<string, readonly string[]>()
  for (const name of new Set(objects.flatMap(([, members]) => [...members.keys()]))) {
    const lacking = objects.filter(([, members]) => !members.has(name)).map(([object]) => object)
    if (lacking.length > 0) partial.set(name, lacking)
    else fields.set(name, objects.map(([, members]) => members.get(name) ?? NEVER).reduce(unionOf, NEVER))
  }
  return { fields, partial }
}

/** The type of a described field. */
export const typeOfShape = (shape: FieldShape): StaticType => {
  if (shape === 'string') return STRING
  if (shape === 'number') return NUMBER
  if (shape === 'boolean') return BOOLEAN
  if ('oneOf' in shape) return stringOf(shape.oneOf)
  if ('nullable' in shape) return unionOf(typeOfShape(shape.nullable), NULL)
  if ('array' in shape) return arrayOf(typeOfShape(shape.array))
  return objectOf(typesOfTable(shape.fields))
}

export const typesOfTable = (table: FieldTable): ReadonlyMap<string, StaticType> =>
  new Map(Object.entries(table).map(([name, shape]) => [name, typeOfShape(shape)]))

const KIND_NAMES: readonly (readonly [number, string])[] = [
  [Kind.string, 'a string'],
  [Kind.number, 'a number'],
  [Kind.boolean, 'true or false'],
  [Kind.array, 'an array'],
  [Kind.object, 'an object'],
  [Kind.pattern, 'a pattern'],
  [Kind.null, 'null'],
]

/** The kinds in words, for messages. */
export const describeKinds = (kinds: number): string =>
  KIND_NAMES.filter(([kind]) => (kinds & kind) !== 0)
    .map(([, name]) => name)
    .join(' or ')
