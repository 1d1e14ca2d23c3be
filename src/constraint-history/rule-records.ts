/**
 * What lies in the constraints folder. A rule is two files, `NAME.ts` and its record `NAME.json`; one that was retired has a
 * third, `NAME.retired.json`, beside them: nothing is ever taken away.
 */
import { z } from 'zod'
import { ruleExamplesSchema } from '../constraint-spec/rule-spec.schemas.ts'

/** Characters of the owner's words. */
export const WORDS_CHARACTERS_MAX = 2000
const WHO_CHARACTERS_MAX = 256
/** Bytes of all examples of a rule as JSON: they are tried again at each start. */
const EXAMPLES_BYTES_MAX = 128 * 1024
/** Bytes of a record: examples, words and the rest, each escaped. */
export const RECORD_BYTES_MAX = 256 * 1024

/** A surrogate without its partner has no UTF-8: what is signed must be what comes back. */
const text = (charactersMax: number) =>
  z
    .string()
    .max(charactersMax)
    .refine((value) => value.isWellFormed(), 'is not well-formed text')

export const ruleNameSchema = z.string().regex(/^[a-z0-9-]{1,64}$/, 'must be 1 to 64 of a-z, 0-9 and -')
export const whoSchema = text(WHO_CHARACTERS_MAX).min(1)
export const wordsSchema = text(WORDS_CHARACTERS_MAX).min(1)

/** null: the rule brings none. */
export const examplesSchema = ruleExamplesSchema
  .nullable()
  .refine((examples) => Buffer.byteLength(JSON.stringify(examples)) <= EXAMPLES_BYTES_MAX, 'are too long')

const sha256Schema = z.string().regex(/^[0-9a-f]{64}$/)
/** Milliseconds since the epoch. */
const instant = z.int().nonnegative()

const ruleRecordSchema = z.strictObject({
  v: z.literal(1),
  rule: ruleNameSchema,
  sha256: sha256Schema,
  /** Who asked for it, as the node knows them. */
  who: whoSchema,
  /** What they asked for, in words. */
  intent: wordsSchema,
  at: instant,
  examples: examplesSchema,
})

const retirementSchema = z.strictObject({
  ...{ v: z.literal(1), rule: ruleNameSchema, sha256: sha256Schema, who: whoSchema, reason: wordsSchema, at: instant },
})

export type RuleRecord = z.output<typeof ruleRecordSchema>
export type Retirement = z.output<typeof retirementSchema>

const FILE_NAME = /^([a-z0-9-]{1,64})(\.ts|\.json|\.retired\.json)$/
const PARTS = { '.ts': 'rule', '.json': 'record', '.retired.json': 'retirement' } as const

/** Which rule a file belongs to, and as what; null for a name that has no place in the folder. */
export const parseFileName = (
  file: string,
): { readonly name: string; readonly part: 'rule' | 'record' | 'retirement' } | null => {
  const [, name, ending] = FILE_NAME.exec(file) ?? []
  return name === undefined ? null : { name, part: PARTS[ending as keyof typeof PARTS] }
}

export const ruleFile = (name: string): string => `${name}.ts`
export const recordFile = (name: string): string => `${name}.json`
export const retirementFile = (name: string): string => `${name}.retired.json`

/** JSON with one member a line: read by people, too. */
export const renderRecord = (record: RuleRecord | Retirement): string => {
  const members = Object.entries(record).map(([name, value]) => `  ${JSON.stringify(name)}: ${JSON.stringify(value)}`)
  return `{\n${members.join(',\n')}\n}\n`
}

/** null when the text is no such record. */
export const parseRuleRecord = (json: string): RuleRecord | null =>
  ruleRecordSchema.safeParse(parseJson(json)).data ?? null
export const parseRetirement = (json: string): Retirement | null =>
  retirementSchema.safeParse(parseJson(json)).data ?? null

const parseJson = (json: string): unknown => {
  try {
    return JSON.parse(json)
  } catch {
    return null // no schema takes it
  }
}
