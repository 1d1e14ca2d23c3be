/**
 * Builds the event that the gate judges: parses what the caller gives, derives what rules want to read (path parts, the
 * parsed command, a decimal amount), fills in the common fields, and freezes the whole so that no rule can change what
 * is run afterwards.
 */
import { posix } from 'node:path'
import type { z } from 'zod'
import type { Clock } from '../utils/clock.ts'
import { deepFreeze } from '../utils/deep-freeze.ts'
import { describeIssues } from '../utils/describe-issues.ts'
import { formatMicros, parseMicros } from '../utils/micros.ts'
import {
  commonFields,
  isPermissionType,
  type PermissionDetail,
  type PermissionType,
  permissionVocabulary,
} from './permission-vocabulary.ts'
import { parseShellCommand } from './shell-command.ts'

/** Where every tool sees the workspace, whatever its path on the host. */
export const WORKSPACE_ROOT = '/workspace'

export type PermissionEvent = { readonly type: PermissionType; readonly detail: PermissionDetail }

/** The common fields that the caller of the gate knows; the rest is computed here. */
export type EventContext = Partial<Omit<z.output<typeof commonFields>, 'v' | 'hour' | 'weekday' | 'tainted'>>

export type BuiltEvent =
  | { readonly ok: true; readonly event: PermissionEvent }
  /** `blocked`: understood and refused (unknown type, a field over its limit). `malformed`: not an event at all. */
  | { readonly ok: false; readonly refusal: 'blocked' | 'malformed'; readonly by: string; readonly message: string }

export type PermissionEventBuilder = (type: string, input: unknown, context?: EventContext) => BuiltEvent

/** `timezone` decides what `hour` and `weekday` (0 = Sunday) mean in rules. */
export const createPermissionEventBuilder = (clock: Clock, timezone: string): PermissionEventBuilder => {
  const localTime = createLocalTime(timezone)
  return (type, input, context = {}) => {
    if (!isPermissionType(type))
      return refuse('blocked', 'unknown-type', `${JSON.stringify(type)} is not a permission type`)
    const { own, common } = splitCommonFields(type, input)
    if (own !== null && typeof own === 'object' && Reflect.get(own, 'amountMicros') === NOT_AN_AMOUNT)
      return refuse('malformed', 'detail', 'amount must be a decimal number of USD with at most six places')
    const given = permissionVocabulary[type].input.safeParse(own)
    if (!given.success) return refuseIssues(given.error)
    const computed = compute(type, given.data)
    if ('message' in computed) return refuse('malformed', 'detail', computed.message)
    const shared = { ...DEFAULTS, ...localTime(clock.now()), ...context, ...common }
    const detail = permissionVocabulary[type].detail.safeParse({
      ...shared,
      tainted: isTainted(shared.taint) || isTainted(shared.argTaint),
      ...given.data,
      ...computed.fields,
    })
    if (!detail.success) return refuseIssues(detail.error)
    return { ok: true, event: toEvent(type, detail.data) }
  }
}

/**
 * An event as a decision row tells it; null for a row that holds none: what was refused before any rule was asked, what a
 * person ran past the rules, a row that stands for many files.
 */
export const parseRecordedEvent = (type: string, detail: unknown): PermissionEvent | null => {
  if (!isPermissionType(type)) return null
  const parsed = permissionVocabulary[type].detail.safeParse(detail)
  return parsed.success ? toEvent(type, parsed.data) : null
}

/** The same event as it would be once the owner has confirmed it, for rules that ask: no digest binds it. */
export const asIfConfirmed = ({ type, detail }: { readonly type: string; readonly detail: object }) =>
  deepFreeze({ type, detail: { ...detail, confirmed: { by: 'owner', at: 0, digest: '' } } })

/** The details of all types have the common fields; the compiler cannot tell that of the type that is looked up. */
const toEvent = (type: PermissionType, detail: object): PermissionEvent =>
  deepFreeze({ type, detail: detail as PermissionDetail })

/** Stands for an `amount` that does not parse. */
const NOT_AN_AMOUNT = Symbol('not an amount')

/** The id of an event that is no row yet. */
export const UNSAVED_ID = 'unsaved'

const DEFAULTS = {
  v: 1,
  id: UNSAVED_ID,
  turn: null,
  step: null,
  toolUseId: null,
  principal: { kind: 'owner', id: 'owner', verified: true },
  channel: null,
  senderId: null,
  taint: [],
  argTaint: [],
  confirmed: null,
  depth: 0,
  sandbox: 'full',
} as const

/** Labels of what the owner or our own code said; every other label is of text from elsewhere. */
const TRUSTED_LABELS: ReadonlySet<unknown> = new Set(['owner', 'system'])

const isTainted = (labels: unknown): boolean =>
  Array.isArray(labels) && labels.some((label) => !TRUSTED_LABELS.has(label))

const refuse = (refusal: 'blocked' | 'malformed', by: string, message: string): BuiltEvent => ({
  ok: false,
  refusal,
  by,
  message,
})

const refuseIssues = (error: z.ZodError): BuiltEvent => {
  const overLimit = error.issues.every(
    (issue) => issue.code === 'too_big' || (issue.code === 'custom' && issue.params?.['limit']),
  )
  return refuse(overLimit ? 'blocked' : 'malformed', overLimit ? 'over-limit' : 'detail', describeIssues(error))
}

/** A caller that asks about a hypothetical event (`plaited decide`) may also give common fields. */
const splitCommonFields = (type: PermissionType, input: unknown) => {
  if (input === null || typeof input !== 'object' || Array.isArray(input)) return { own: input, common: {} }
  const isOwn = (key: string) =>
    Object.hasOwn(permissionVocabulary[type].input.shape, key) || !Object.hasOwn(commonFields.shape, key)
  const entries = Object.entries(input)
  return {
    own: Object.fromEntries(
      normaliseAmount(
        type,
        entries.filter(([key]) => isOwn(key)),
      ),
    ),
    common: Object.fromEntries(entries.filter(([key]) => !isOwn(key))),
  }
}

/** `amount: "6.5"` may stand for `amountMicros: 6500000`; both together are refused as an unknown field. */
const normaliseAmount = (type: PermissionType, entries: [string, unknown][]): [string, unknown][] => {
  if (type !== 'permission:payment:send' || entries.some(([key]) => key === 'amountMicros')) return entries
  return entries.map(([key, value]) => (key === 'amount' ? ['amountMicros', microsOf(value)] : [key, value]))
}

const microsOf = (amount: unknown): unknown =>
  (typeof amount === 'string' || typeof amount === 'number' ? parseMicros(String(amount)) : null) ?? NOT_AN_AMOUNT

type Computed = { readonly fields: Readonly<Record<string, unknown>> } | { readonly message: string }

const compute = (type: PermissionType, given: Readonly<Record<string, unknown>>): Computed => {
  switch (type) {
    case 'permission:file:read':
      return { fields: pathParts(String(given['path'])) }
    case 'permission:file:write':
      return {
        fields: {
          ...pathParts(String(given['path'])),
          from: given['from'] === null ? null : posix.resolve(WORKSPACE_ROOT, String(given['from'])),
        },
      }
    case 'permission:bash:exec':
      return {
        fields: {
          ...parseShellCommand(String(given['cmd'])),
          cwd: posix.resolve(WORKSPACE_ROOT, String(given['cwd'])),
        },
      }
    case 'permission:payment:send':
      return { fields: { amount: formatMicros(Number(given['amountMicros'])) } }
    case 'permission:net:fetch':
      return urlParts(String(given['url']))
    default:
      return { fields: {} }
  }
}

/** The lexical absolute path as the tools see it: file tools refuse links, so the judged path is the opened one. */
export const resolveWorkspacePath = (path: string): string => posix.resolve(WORKSPACE_ROOT, path)

const pathParts = (given: string) => {
  const path = resolveWorkspacePath(given)
  const inside = path === WORKSPACE_ROOT || path.startsWith(`${WORKSPACE_ROOT}/`)
  return {
    path,
    rel: inside ? path.slice(WORKSPACE_ROOT.length + 1) : null,
    root: inside ? WORKSPACE_ROOT : '/',
    ext: posix.extname(path),
  }
}

const DEFAULT_PORTS: Readonly<Record<string, number>> = { 'http:': 80, 'https:': 443 }

const urlParts = (given: string): Computed => {
  if (!URL.canParse(given)) return { message: `detail.url: ${JSON.stringify(given)} is not an absolute URL` }
  const url = new URL(given)
  const port = url.port === '' ? (DEFAULT_PORTS[url.protocol] ?? null) : Number(url.port)
  return {
    fields: {
      scheme: url.protocol.slice(0, -1),
      host: url.hostname,
      port,
      path: url.pathname,
      privateAddress: isPrivateAddress(url.hostname),
    },
  }
}

/** Literal addresses only: no name is looked up before the decision. The URL parser has already normalised the form. */
const isPrivateAddress = (given: string): boolean => {
  const host = given.replace(/\.$/, '')
  if (host.startsWith('[')) return /^\[(::1?\]|::ffff:|f[cd]|fe[89ab])/i.test(host)
  if (host === 'localhost' || host.endsWith('.localhost')) return true
  if (!/^\d+\.\d+\.\d+\.\d+$/.test(host)) return false
  return /^(0|10|127)\.|^169\.254\.|^192\.168\.|^172\.(1[6-9]|2\d|3[01])\.|^100\.(6[4-9]|[7-9]\d|1[01]\d|12[0-7])\./.test(
    host,
  )
}

const WEEKDAYS = ['Sun', 'Mon', 'Tue', 'Wed', 'Thu', 'Fri', 'Sat']

const createLocalTime = (timezone: string) => {
  const format = new Intl.DateTimeFormat('en-US', {
    timeZone: timezone,
    weekday: 'short',
    hour: 'numeric',
    hourCycle: 'h23',
  })
  let minute = Number.NaN
  let local = { hour: 0, weekday: 0 }
  // Formatting costs more than the whole decision; hour and weekday only change on the minute.
  return (now: number) => {
    const nowMinute = Math.floor(now / 60_000)
    if (nowMinute !== minute) {
      const parts = Object.fromEntries(format.formatToParts(now).map((part) => [part.type, part.value]))
      local = { hour: Number(parts['hour']), weekday: WEEKDAYS.indexOf(parts['weekday'] ?? '') }
      minute = nowMinute
    }
    return local
  }
}
