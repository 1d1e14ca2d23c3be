/**
 * A rule as data: what a model proposes and a template fills in. Small enough for a weak model, and complete: our code
 * writes the rule file from it and says in words what it does, so that neither the file nor the words are a model's.
 */
import { z } from 'zod'
import { permissionFields } from '../agent/permission-fields.ts'
import { type PermissionType, permissionVocabulary } from '../agent/permission-vocabulary.ts'
import { SENTENCE_CHARACTERS_MAX } from '../constraint-language/limits.ts'
import { isPlainText } from '../constraint-language/quote-text.ts'
import type { FieldShape } from '../constraint-language/rule.types.ts'
import { describeIssues } from '../utils/describe-issues.ts'

/** Conditions of one rule: more than its owner would read. */
const CONDITIONS_MAX = 16
/** Texts in one condition. */
const VALUES_MAX = 64
/** Characters of one text in a condition. */
const VALUE_CHARACTERS_MAX = 512
/** Examples of one kind, and what happened before one. */
const EXAMPLES_MAX = 20
/** Bytes of the JSON of one example: a whole event. */
const EXAMPLE_BYTES_MAX = 64 * 1024

const text = z.string().min(1).max(VALUE_CHARACTERS_MAX)
const texts = z.array(text).min(1).max(VALUES_MAX)
const field = z.string().regex(/^[A-Za-z]{1,32}(\.[A-Za-z]{1,32})?$/, 'must be the name of a field')
/** Beyond these a number is not what its digits say, and no field holds one. */
const number = z.number().refine((value) => Math.abs(value) <= Number.MAX_SAFE_INTEGER, 'is too large to be exact')
const hour = z.int().min(0).max(23)
const program = z.string().regex(/^[A-Za-z0-9][A-Za-z0-9._+-]{0,63}$/, 'must be the name of a program')
const host = z
  .string()
  .max(253)
  .regex(/^(\*\.)?[a-z0-9]([a-z0-9.-]*[a-z0-9])?$/, 'must be a host, or *. and a host')
const folder = z
  .string()
  .max(VALUE_CHARACTERS_MAX)
  .regex(/^(\/|(\/(?!\.{1,2}(\/|$))[^/]+)+)$/, 'must be an absolute path')

/** One comparison. A field that is null in an event counts as a match: what is not known is not allowed. */
export const conditionSchema = z.discriminatedUnion('op', [
  z.strictObject({ field, op: z.enum(['over', 'atLeast', 'under', 'atMost']), value: number }),
  /** The total so far plus what is asked for now. */
  z.strictObject({
    field: z.enum(['dayMicros', 'monthMicros', 'dayMicroUsd']),
    op: z.literal('totalOver'),
    value: number,
  }),
  z.strictObject({ field, op: z.enum(['is', 'isNot']), value: z.union([text, number, z.boolean(), z.null()]) }),
  z.strictObject({ field, op: z.enum(['startsWith', 'endsWith', 'contains']), value: text }),
  z.strictObject({ field, op: z.enum(['isAnyOf', 'isNoneOf', 'hasAnyOf']), value: texts }),
  z.strictObject({ field: z.enum(['path', 'from', 'cwd']), op: z.enum(['isInside', 'isOutside']), value: folder }),
  z.strictObject({
    field: z.literal('host'),
    op: z.enum(['isHostOf', 'isNoHostOf']),
    value: z.array(host).min(1).max(VALUES_MAX),
  }),
  z.strictObject({
    field: z.literal('programs'),
    op: z.literal('runsAnyOf'),
    value: z.array(program).min(1).max(VALUES_MAX),
  }),
  /** From one hour until another, in the owner's time zone, also over midnight. */
  z.strictObject({
    field: z.literal('hour'),
    op: z.literal('isBetween'),
    value: z.strictObject({ from: hour, to: hour }).refine(({ from, to }) => from !== to, 'must not be the same hour'),
  }),
])

const event = z
  .strictObject({ type: z.string().max(64), detail: z.record(z.string(), z.json()) })
  .refine((value) => JSON.stringify(value).length <= EXAMPLE_BYTES_MAX, 'is too large')

/** An event as a caller of the gate gives it, and what happened before it, for sequences. */
export const ruleExampleSchema = z.strictObject({
  type: z.string().max(64),
  detail: z.record(z.string(), z.json()),
  after: z.array(event).max(EXAMPLES_MAX).optional(),
})

/** What a rule must block and must still allow: stored beside it and tried at every start. */
export const ruleExamplesSchema = z.strictObject({
  mustBlock: z.array(ruleExampleSchema).min(1).max(EXAMPLES_MAX),
  mustAllow: z.array(ruleExampleSchema).min(1).max(EXAMPLES_MAX),
})

export const RULE_NAME = /^[a-z0-9-]{1,64}$/

// The comment above a rule is its sentence only when it is prose, on one line, and ends where the comment does.
const sentence = z
  .string()
  .max(SENTENCE_CHARACTERS_MAX)
  .refine((value) => /^[^\s*]+( \S+)+$/.test(value), 'must be one sentence of several words')
  .refine((value) => !value.includes('*/') && isPlainText(value), 'must hold no */ and no invisible character')

const permissionType = z.enum(Object.keys(permissionVocabulary) as [PermissionType, ...PermissionType[]])

export const ruleSpecSchema = z
  .strictObject({
    name: z.string().regex(RULE_NAME, 'must be 1 to 64 of a-z, 0-9 and -'),
    sentence,
    event: permissionType,
    /** All of them must hold; none blocks every such event. */
    blockWhenAll: z.array(conditionSchema).max(CONDITIONS_MAX),
    examples: ruleExamplesSchema,
  })
  .superRefine((spec, context) => {
    for (const [index, condition] of spec.blockWhenAll.entries()) {
      const message = faultOfCondition(spec.event, condition)
      if (message !== null) context.addIssue({ code: 'custom', path: ['blockWhenAll', index], message })
    }
  })

export type Condition = z.output<typeof conditionSchema>
export type RuleExample = z.output<typeof ruleExampleSchema>
export type RuleExamples = z.output<typeof ruleExamplesSchema>
export type RuleSpec = z.output<typeof ruleSpecSchema>

/** Reads a spec that anybody wrote; every condition names a field of its event and compares it as its kind can be. */
export const parseRuleSpec = (
  input: unknown,
): { readonly ok: true; readonly spec: RuleSpec } | { readonly ok: false; readonly message: string } => {
  try {
    const parsed = ruleSpecSchema.safeParse(input)
    return parsed.success ? { ok: true, spec: parsed.data } : { ok: false, message: describeIssues(parsed.error) }
  } catch (error) {
    if (error instanceof RangeError) return { ok: false, message: 'it is nested too deeply' }
    throw error
  }
}

/** The shape of a field, by its name or `parent.name`; null when the event has none. */
export const shapeOfField = (type: PermissionType, name: string): FieldShape | null => {
  const [first = '', second] = name.split('.')
  const shape = ownMember(permissionFields[type], first)
  if (second === undefined || shape === null) return shape
  return typeof shape === 'object' && 'fields' in shape ? ownMember(shape.fields, second) : null
}

const ownMember = <T>(table: Readonly<Record<string, T>> | undefined, name: string): T | null =>
  table !== undefined && Object.hasOwn(table, name) ? (table[name] ?? null) : null

const faultOfCondition = (type: PermissionType, { field: name, op, value }: Condition): string | null => {
  const shape = shapeOfField(type, name)
  if (shape === null) {
    return `${type} has no field ${name}; it has ${Object.keys(permissionFields[type] ?? {}).join(', ')}`
  }
  const isNullable = typeof shape === 'object' && 'nullable' in shape
  if (value === null) return isNullable ? null : `${name} is never null`
  const kind = kindOf(isNullable ? shape.nullable : shape)
  const wanted = op === 'is' || op === 'isNot' ? typeof value : KIND_OF_OPERATION[op]
  return kind === wanted ? null : `${name} is ${kind}, and '${op}' here compares ${wanted}`
}

type Kind = 'string' | 'number' | 'boolean' | 'list' | 'object'

const KIND_OF_OPERATION: Readonly<Record<Exclude<Condition['op'], 'is' | 'isNot'>, Kind>> = {
  over: 'number',
  atLeast: 'number',
  under: 'number',
  atMost: 'number',
  totalOver: 'number',
  isBetween: 'number',
  startsWith: 'string',
  endsWith: 'string',
  contains: 'string',
  isAnyOf: 'string',
  isNoneOf: 'string',
  isInside: 'string',
  isOutside: 'string',
  isHostOf: 'string',
  isNoHostOf: 'string',
  hasAnyOf: 'list',
  runsAnyOf: 'list',
}

const kindOf = (shape: FieldShape): Kind => {
  if (typeof shape === 'string') return shape
  if ('oneOf' in shape) return 'string'
  return 'array' in shape && shape.array === 'string' ? 'list' : 'object'
}
