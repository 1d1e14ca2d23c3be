/**
 * Events at the edges of what can happen, to try a rule on: every field at its least and most, null and not, with text of
 * 10 KB and at the limit. Each is built as the gate builds it, from what a caller may give, so that a rule which cannot
 * answer about one of them would not be able to answer in earnest.
 */
import { z } from 'zod'
import { type LifecycleType, lifecycleVocabulary } from '../agent/lifecycle-vocabulary.ts'
import type { PermissionEventBuilder } from '../agent/permission-event.ts'
import {
  COMMAND_CHARACTERS_MAX,
  commonFields,
  type PermissionType,
  permissionVocabulary,
} from '../agent/permission-vocabulary.ts'
import type { RuleEvent } from '../constraint-language/rule.types.ts'
import { deepFreeze } from '../utils/deep-freeze.ts'

export type Sample = {
  readonly event: RuleEvent
  /** What the event was built from: shorter than its detail, and what an owner understands. */
  readonly input: Readonly<Record<string, unknown>>
  /** Ordinary but for one field that a person thinks about: fit to be shown. */
  readonly isPlain: boolean
}

/** Mixtures of boundary values, besides one boundary value at a time. */
const MIXTURES = 32
const LONG_CHARACTERS = 10 * 1024

const ordinaryInput: { readonly [Type in PermissionType]: Readonly<Record<string, unknown>> } = {
  'permission:file:read': { path: 'notes/plan.md' },
  'permission:file:write': { path: 'notes/plan.md' },
  'permission:bash:exec': { cmd: 'git status' },
  'permission:net:fetch': { url: 'https://example.com/' },
  'permission:llm:call': { provider: 'anthropic', model: 'sonnet' },
  'permission:payment:send': { amountMicros: 2_500_000, payTo: 'someone' },
  'permission:a2a:send': { peer: 'did:plc:friend' },
  'permission:a2a:accept': { peer: 'did:plc:friend' },
  'permission:channel:send': { channel: 'cli', recipient: 'owner', isOwner: true },
  'permission:memory:write': { scope: 'owner', key: 'tea' },
  'permission:memory:read': { query: 'tea' },
  'permission:module:publish': { module: 'notes', version: '1.0.0', visibility: 'private' },
  'permission:module:install': { source: 'https://example.com/module' },
  'permission:constraint:add': { name: 'a-rule', source: 'owner' },
  'permission:secret:use': { name: 'API_KEY', for: 'fetch' },
  'permission:git:push': { remote: 'origin', refs: ['refs/heads/main'] },
  'permission:schedule:add': { cron: '0 8 * * *' },
  'permission:ssh:cert': { principal: 'owner', ttl: 3600 },
  'permission:skill:load': { name: 'behavioral-core' },
  'permission:agent:spawn': { tools: ['read'] },
}

/** Fields of the node's own bookkeeping. */
const BOOKKEEPING: ReadonlySet<string> = new Set([
  'id',
  'turn',
  'step',
  'toolUseId',
  'senderId',
  'depth',
  'sandbox',
  'argTaint',
])

/** Values of fields that have a form of their own, by name. */
const VALUES_BY_NAME: Readonly<Record<string, readonly unknown[]>> = {
  path: ['a', '/', '/workspace', '/workspace/.env', '/etc/passwd', 'ü/ß.md', `${'a/'.repeat(2000)}b`],
  from: ['a', '/workspace/.env', '/etc/passwd'],
  cwd: ['/workspace', '/', '/workspace/a'],
  url: [
    'https://example.com/',
    'http://127.0.0.1:8080/a?b#c',
    'file:///etc/passwd',
    'data:,x',
    'https://ü.example/',
    `https://example.com/${'x'.repeat(4000)}`,
  ],
  cmd: [
    '',
    'ls',
    'A=1',
    '$X',
    '"$X" $Y > $Z',
    'cat < a >> b',
    'a | b && c; (d)',
    'bash -c "rm -rf /"',
    'sudo',
    '((',
    'x'.repeat(LONG_CHARACTERS),
    'ls -la a/b.txt '.repeat(LONG_CHARACTERS / 16),
    'rm a; '.repeat(200),
    `echo ${'word '.repeat(COMMAND_CHARACTERS_MAX / 5 - 1)}`,
  ],
  principal: [
    { kind: 'owner', id: 'owner', verified: true },
    { kind: 'peer', id: 'did:plc:x', verified: false },
    { kind: 'schedule', id: '', verified: true },
  ],
  confirmed: [null, { by: 'owner', at: 1, digest: 'x' }],
  taint: [
    [],
    ['owner'],
    ['owner', 'system'],
    ['owner', 'web:example.com'],
    Array.from({ length: 1024 }, () => 'web:x'),
  ],
  amountMicros: [0, 1, 1_000_000, 4_000_000, 10_000_000, 250_000_000, Number.MAX_SAFE_INTEGER],
  currency: ['USD', 'USDC', 'EUR'],
  host: [null, 'example.com', ''],
  hour: [0, 6, 7, 12, 21, 22, 23],
  weekday: [0, 1, 6],
}

/** The samples of one permission type. */
export const permissionSamples = (type: PermissionType, build: PermissionEventBuilder): readonly Sample[] => {
  const fields = Object.entries({ ...permissionVocabulary[type].input.shape, ...commonFields.shape })
    .filter(([name]) => name !== 'v' && name !== 'tainted')
    .map(([name, schema]) => ({ name, values: boundaryValues(name, schema) }))
  const ordinary = ordinaryInput[type]
  const full = {
    ...Object.fromEntries(fields.map(({ name, values }) => [name, values.findLast(isFilled)])),
    ...ordinary,
  }
  const changes = fields.flatMap(({ name, values }) => values.map((value) => ({ name, value })))
  const inputs = [
    { input: ordinary, isPlain: true },
    { input: full, isPlain: false },
    ...changes.map(({ name, value }) => ({
      input: { ...ordinary, [name]: value },
      isPlain: !BOOKKEEPING.has(name) && isShort(value),
    })),
    ...changes
      .filter(({ value }) => isShort(value))
      .map(({ name, value }) => ({ input: { ...full, [name]: value }, isPlain: false })),
    ...Array.from({ length: MIXTURES }, (_, round) => ({ input: mixture(fields, round), isPlain: false })),
  ]
  return inputs.flatMap(({ input, isPlain }) => {
    const built = build(type, input)
    return built.ok ? [{ event: built.event, input, isPlain }] : []
  })
}

/** The samples of a fact. */
export const lifecycleSamples = (type: LifecycleType): readonly Sample[] => {
  const fields = Object.entries(lifecycleVocabulary[type].shape).map(([name, schema]) => ({
    name,
    values: boundaryValues(name, schema),
  }))
  const rounds = Math.max(...fields.map(({ values }) => values.length))
  return Array.from({ length: rounds }, (_, round) => {
    const input = Object.fromEntries(fields.map(({ name, values }) => [name, values[round % values.length]]))
    return { event: deepFreeze({ type, detail: lifecycleVocabulary[type].parse(input) }), input, isPlain: false }
  })
}

/** Where all fields are filled, a short text is more telling than a long one. */
const isFilled = (value: unknown): boolean => value !== null && isShort(value)

const isShort = (value: unknown): boolean => JSON.stringify(value).length < 100

type Fields = readonly { readonly name: string; readonly values: readonly unknown[] }[]

/**
 * Scatters the choices: which ones come out does not matter, only that they always do. Long values are tried alone, since
 * together they would only take longer.
 */
const mixture = (fields: Fields, round: number): Readonly<Record<string, unknown>> =>
  Object.fromEntries(
    fields.map(({ name, values }, at) => {
      const short = values.filter(isShort)
      return [name, short[(Math.imul(round * 31 + at + 1, 0x9e3779b1) >>> 8) % short.length]]
    }),
  )

const boundaryValues = (name: string, schema: unknown): readonly unknown[] => {
  if (schema instanceof z.ZodDefault) return boundaryValues(name, schema.unwrap())
  if (schema instanceof z.ZodNullable) return [null, ...boundaryValues(name, schema.unwrap())]
  const known = Object.hasOwn(VALUES_BY_NAME, name) ? VALUES_BY_NAME[name] : undefined
  if (known !== undefined) return known
  if (schema instanceof z.ZodEnum) return schema.options
  if (schema instanceof z.ZodBoolean) return [false, true]
  if (schema instanceof z.ZodLiteral) return [...schema.values]
  if (schema instanceof z.ZodNumber) return [0, 1, 5_000_000, Number.MAX_SAFE_INTEGER]
  if (schema instanceof z.ZodArray) return [[], ['a'], ['', 'owner', 'ü'], Array.from({ length: 1024 }, () => 'x')]
  if (schema instanceof z.ZodString) {
    return ['', 'a', `a 'b' "c" ü 🙂\n\\`, 'x'.repeat(Math.min(schema.maxLength ?? LONG_CHARACTERS, LONG_CHARACTERS))]
  }
  throw new TypeError(`a field named ${name} has a schema without boundary values`)
}
