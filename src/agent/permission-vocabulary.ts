/**
 * The vocabulary of the permission gate: one entry per event type, with the fields that a caller gives (`input`) and the
 * fields that rules may read (`detail`). Absent values are null, never missing; nothing is cut: a field over its limit
 * denies the call. Types without a tool yet are here so that rules about them can already be written.
 */
import { z } from 'zod'

/** Bytes a path may have (Linux PATH_MAX). */
export const PATH_BYTES_MAX = 4096
/** Characters a shell command may have. */
export const COMMAND_CHARACTERS_MAX = 32_768
/** Characters of a URL, a query or any other single-line text. */
const LINE_CHARACTERS_MAX = 4096
/** Characters of an identifier: a name, a payee, a host, a currency. */
const NAME_CHARACTERS_MAX = 256
/** Members of any list in an event. */
const LIST_MEMBERS_MAX = 1024

const line = z.string().max(LINE_CHARACTERS_MAX)
const name = z.string().max(NAME_CHARACTERS_MAX)
const names = z.array(name).max(LIST_MEMBERS_MAX)
const count = z.int().nonnegative()
const path = z
  .string()
  .min(1)
  .max(PATH_BYTES_MAX)
  .refine((value) => Buffer.byteLength(value) <= PATH_BYTES_MAX, {
    error: `is over ${PATH_BYTES_MAX} bytes`,
    params: { limit: true },
  })
  .refine((value) => !value.includes('\0'), 'holds a NUL character')

/** Fields of every event, filled in by the node. */
export const commonFields = z.strictObject({
  v: z.literal(1),
  id: name,
  turn: name.nullable(),
  step: count.nullable(),
  toolUseId: name.nullable(),
  principal: z.strictObject({ kind: z.enum(['owner', 'peer', 'schedule', 'system']), id: name, verified: z.boolean() }),
  channel: name.nullable(),
  senderId: name.nullable(),
  taint: names,
  argTaint: names,
  /** Some label of the two is neither `owner` nor `system`. */
  tainted: z.boolean(),
  confirmed: z.strictObject({ by: name, at: count, digest: name }).nullable(),
  depth: count,
  sandbox: name,
  hour: z.int().min(0).max(23),
  weekday: z.int().min(0).max(6),
})

const pathFields = { path, rel: z.string().nullable(), root: z.string(), ext: z.string() }

const micros = z.int().nonnegative()

/**
 * `input` is what a caller gives, with defaults for what it may leave out; `computed` is what the node derives from it,
 * so that the two can never disagree. Together they are what a rule sees under `detail`.
 */
const kind = <Input extends z.ZodRawShape, Computed extends z.ZodRawShape>(input: Input, computed: Computed) => ({
  input: z.strictObject(input),
  detail: z.strictObject({ ...commonFields.shape, ...input, ...computed }),
})

const noPath = { rel: pathFields.rel, root: pathFields.root, ext: pathFields.ext }

export const permissionVocabulary = {
  'permission:file:read': kind({ path, bytes: count.nullable().default(null) }, noPath),
  'permission:file:write': kind(
    {
      path,
      op: z.enum(['write', 'create', 'overwrite', 'edit', 'delete', 'rename', 'chmod']).default('write'),
      from: path.nullable().default(null),
      bytes: count.nullable().default(null),
      exec: z.boolean().default(false),
      via: z.enum(['tool', 'bash']).default('tool'),
    },
    noPath,
  ),
  'permission:bash:exec': kind(
    {
      cmd: z.string().max(COMMAND_CHARACTERS_MAX),
      cwd: path.default('/workspace'),
      net: z.boolean().default(false),
      timeoutMs: count.nullable().default(null),
    },
    {
      commands: z.array(
        z.strictObject({ argv: z.array(z.string().nullable()), dynamic: z.boolean(), via: z.string() }),
      ),
      programs: z.array(z.string()),
      redirects: z.array(z.strictObject({ op: z.string(), target: z.string().nullable() })),
      dynamic: z.boolean(),
      parseError: z.string().nullable(),
    },
  ),
  'permission:net:fetch': kind(
    {
      url: line,
      method: name.default('GET'),
      bodyBytes: count.default(0),
      redirectFrom: line.nullable().default(null),
    },
    { scheme: z.string(), host: z.string(), port: count.nullable(), path: z.string(), privateAddress: z.boolean() },
  ),
  'permission:llm:call': kind(
    {
      provider: name,
      host: name.nullable().default(null),
      local: z.boolean().default(false),
      model: name,
      estTokens: count.default(0),
      estMicroUsd: micros.nullable().default(null),
      dayMicroUsd: micros.default(0),
    },
    {},
  ),
  'permission:payment:send': kind(
    {
      amountMicros: micros,
      currency: name.default('USD'),
      asset: name.nullable().default(null),
      network: name.nullable().default(null),
      payTo: name.default(''),
      peer: name.nullable().default(null),
      resource: line.nullable().default(null),
      dayMicros: micros.default(0),
      monthMicros: micros.default(0),
      nonce: name.nullable().default(null),
    },
    { amount: z.string() },
  ),
  'permission:a2a:send': kind(
    {
      peer: name,
      host: name.nullable().default(null),
      skill: name.nullable().default(null),
      bytes: count.default(0),
      dataLabels: names.default([]),
    },
    {},
  ),
  'permission:a2a:accept': kind(
    { peer: name, skill: name.nullable().default(null), paid: z.boolean().default(false) },
    {},
  ),
  'permission:channel:send': kind(
    { channel: name, recipient: name, isOwner: z.boolean(), bytes: count.default(0), attachments: count.default(0) },
    {},
  ),
  'permission:memory:write': kind(
    { scope: z.enum(['owner', 'project', 'peer']), key: name, op: name.default('write'), bytes: count.default(0) },
    {},
  ),
  'permission:memory:read': kind({ query: line }, {}),
  'permission:module:publish': kind(
    {
      module: name,
      version: name,
      visibility: name,
      priceMicros: micros.default(0),
      filesHash: name.nullable().default(null),
    },
    {},
  ),
  'permission:module:install': kind(
    { source: line, hash: name.nullable().default(null), signer: name.nullable().default(null) },
    {},
  ),
  'permission:constraint:add': kind(
    { name, sha256: name.nullable().default(null), source: z.enum(['owner', 'agent']), eventTypes: names.default([]) },
    {},
  ),
  'permission:secret:use': kind({ name, for: name }, {}),
  'permission:git:push': kind({ remote: line, refs: names.default([]), force: z.boolean().default(false) }, {}),
  'permission:schedule:add': kind({ cron: name, promptHash: name.nullable().default(null) }, {}),
  'permission:ssh:cert': kind({ principal: name, ttl: count }, {}),
  'permission:skill:load': kind({ name, sha: name.nullable().default(null) }, {}),
  'permission:agent:spawn': kind({ tools: names.default([]), budget: micros.default(0) }, {}),
} as const

export type PermissionType = keyof typeof permissionVocabulary

export type PermissionInput<Type extends PermissionType> = z.input<(typeof permissionVocabulary)[Type]['input']>

export type PermissionDetail = z.output<typeof commonFields> & Readonly<Record<string, unknown>>

export const isPermissionType = (type: string): type is PermissionType => Object.hasOwn(permissionVocabulary, type)
