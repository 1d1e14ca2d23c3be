/** The rules that owners most often want, as specs with their examples. What each covers is told by `describeSpec`. */
import type { PermissionType } from '../agent/permission-vocabulary.ts'
import { formatMicros } from '../utils/micros.ts'
import type { Condition, RuleExample, RuleSpec } from './rule-spec.schemas.ts'

/** What a rule about an activity looks like: its event, an ordinary one, and words for its sentence. */
export type Activity = {
  readonly event: PermissionType
  readonly detail: RuleExample['detail']
  /** For names of rules. */
  readonly name: string
  /** `No ... are made`: the plural as the subject of a sentence, with its verb. */
  readonly happens: string
  readonly one: string
}

export const ACTIVITIES = {
  payments: {
    event: 'permission:payment:send',
    detail: { amount: '1', payTo: 'someone' },
    name: 'payment',
    happens: 'payments are made',
    one: 'a payment',
  },
  commands: {
    event: 'permission:bash:exec',
    detail: { cmd: 'ls' },
    name: 'command',
    happens: 'commands are run',
    one: 'a command',
  },
  writes: {
    event: 'permission:file:write',
    detail: { path: '/workspace/notes.md' },
    name: 'write',
    happens: 'files are changed',
    one: 'changing a file',
  },
  reads: {
    event: 'permission:file:read',
    detail: { path: '/workspace/notes.md' },
    name: 'read',
    happens: 'files are read',
    one: 'reading a file',
  },
  fetches: {
    event: 'permission:net:fetch',
    detail: { url: 'https://example.com/' },
    name: 'fetch',
    happens: 'addresses are fetched',
    one: 'fetching an address',
  },
  pushes: {
    event: 'permission:git:push',
    detail: { remote: 'origin', refs: ['refs/heads/main'] },
    name: 'push',
    happens: 'commits are pushed',
    one: 'pushing commits',
  },
} as const satisfies Record<string, Activity>

/** No payment is over an amount. */
export const maximumAmount = (micros: number): RuleSpec => ({
  name: `payment-max-${slug(formatMicros(micros))}-usd`,
  sentence: `No payment is over ${formatMicros(micros)} USD.`,
  event: 'permission:payment:send',
  blockWhenAll: [{ field: 'amountMicros', op: 'over', value: micros }],
  examples: {
    mustBlock: [payment({ amountMicros: micros + 1 }), payment({ amountMicros: micros * 2 + 1_000_000 })],
    mustAllow: [payment({ amountMicros: micros }), payment({ amountMicros: 0 })],
  },
})

/** The payments of a day are no more than an amount together. */
export const dayBudget = (micros: number): RuleSpec => ({
  name: `payment-day-max-${slug(formatMicros(micros))}-usd`,
  sentence: `The payments of one day are at most ${formatMicros(micros)} USD together.`,
  event: 'permission:payment:send',
  blockWhenAll: [{ field: 'dayMicros', op: 'totalOver', value: micros }],
  examples: {
    mustBlock: [payment({ amountMicros: micros + 1 }), payment({ amountMicros: 1, dayMicros: micros })],
    mustAllow: [payment({ amountMicros: micros, dayMicros: 0 }), payment({ amountMicros: 0, dayMicros: micros })],
  },
})

/** Something never happens. */
export const never = (activity: Activity): RuleSpec => ({
  name: `no-${activity.name}`,
  sentence: `No ${activity.happens}.`,
  event: activity.event,
  blockWhenAll: [],
  examples: { mustBlock: [ordinary(activity)], mustAllow: [messageToOwner] },
})

/** Only the listed hosts are fetched from. */
export const hostAllowList = (hosts: readonly string[]): RuleSpec => ({
  name: shorten(`fetch-only-${hosts.map(slug).join('-')}`),
  sentence: sentenceOver(hosts, (listed) => `Nothing is fetched but from ${listed}.`),
  event: 'permission:net:fetch',
  blockWhenAll: [{ field: 'host', op: 'isNoHostOf', value: [...hosts] }],
  examples: {
    mustBlock: [fetching('other.invalid'), ...hosts.map((host) => fetching(`${bare(host)}.evil.invalid`)).slice(0, 4)],
    mustAllow: hosts.slice(0, 4).map((host) => fetching(host.replace('*', 'www'))),
  },
})

/** A file or folder is not written to, or not read. */
export const pathDeny = (folder: string, activity: typeof ACTIVITIES.writes | typeof ACTIVITIES.reads): RuleSpec => ({
  name: shorten(`no-${activity.name}-${slug(folder)}`),
  sentence: sentenceOver([folder], (listed) => `No ${activity.happens} in ${listed}.`),
  event: activity.event,
  blockWhenAll: [{ field: 'path', op: 'isInside', value: folder }],
  examples: {
    mustBlock: [folder, folder === '/' ? '/a/b' : `${folder}/a/b`].map((path) => ({
      ...ordinary(activity),
      detail: { path },
    })),
    mustAllow: folder === '/' ? [messageToOwner] : [{ ...ordinary(activity), detail: { path: `${folder}-other` } }],
  },
})

/** A program is not run. */
export const commandDeny = (programs: readonly string[]): RuleSpec => ({
  name: shorten(`no-command-${programs.map(slug).join('-')}`),
  sentence: sentenceOver(programs, (listed) => `No command runs ${listed}.`),
  event: 'permission:bash:exec',
  blockWhenAll: [{ field: 'programs', op: 'runsAnyOf', value: [...programs] }],
  examples: {
    mustBlock: programs.slice(0, 4).flatMap((name) => [command(`${name} x`), command(`sudo ${name}`)]),
    mustAllow: programs.includes('printf') ? [messageToOwner] : [command('printf x'), messageToOwner],
  },
})

/** Something does not happen between two hours of the day. */
export const quietHours = (activity: Activity, hours: { readonly from: number; readonly to: number }): RuleSpec => ({
  name: `no-${activity.name}-from-${hours.from}-until-${hours.to}`,
  sentence: `No ${activity.happens} from ${hours.from}:00 until ${hours.to}:00.`,
  event: activity.event,
  blockWhenAll: [{ field: 'hour', op: 'isBetween', value: { ...hours } }],
  examples: {
    mustBlock: [hours.from, (hours.to + 23) % 24].map((hour) => ordinary(activity, { hour })),
    mustAllow: [hours.to, (hours.from + 23) % 24].map((hour) => ordinary(activity, { hour })),
  },
})

/** The owner confirms each one. */
export const askAlways = (activity: Activity): RuleSpec => ({
  name: `ask-before-${activity.name}`,
  sentence: `The owner is asked before ${activity.one}.`,
  event: activity.event,
  blockWhenAll: [UNCONFIRMED],
  examples: { mustBlock: [ordinary(activity)], mustAllow: [ordinary(activity, { confirmed: CONFIRMED })] },
})

/** The owner confirms each one that comes after text from elsewhere was read. */
export const askWhenTainted = (activity: Activity): RuleSpec => ({
  name: `ask-before-tainted-${activity.name}`,
  sentence: `The owner is asked before ${activity.one} once text from elsewhere was read.`,
  event: activity.event,
  blockWhenAll: [{ field: 'tainted', op: 'is', value: true }, UNCONFIRMED],
  examples: {
    mustBlock: [ordinary(activity, { taint: ['owner', 'web:example.com'] })],
    mustAllow: [
      ordinary(activity, { taint: ['owner', 'system'] }),
      ordinary(activity, { taint: ['web:example.com'], confirmed: CONFIRMED }),
    ],
  },
})

const UNCONFIRMED: Condition = { field: 'confirmed', op: 'is', value: null }
const CONFIRMED = { by: 'owner', at: 0, digest: 'example' }

const ordinary = ({ event, detail }: Activity, more: RuleExample['detail'] = {}): RuleExample => ({
  type: event,
  detail: { ...detail, ...more },
})
const payment = (detail: RuleExample['detail']): RuleExample => ({ type: 'permission:payment:send', detail })
const command = (cmd: string): RuleExample => ({ type: 'permission:bash:exec', detail: { cmd } })
const fetching = (host: string): RuleExample => ({
  type: 'permission:net:fetch',
  detail: { url: `https://${host}/` },
})
const messageToOwner: RuleExample = {
  type: 'permission:channel:send',
  detail: { channel: 'cli', recipient: 'owner', isOwner: true },
}

const bare = (host: string): string => host.replace(/^\*\./, '')

/** A sentence that names what is listed, or only how much of it when that would be too long to read. */
const sentenceOver = (listed: readonly string[], say: (list: string) => string): string => {
  const plain = listed.every((each) => /^[\w./@:*+-]+$/.test(each) && !each.includes('*/'))
  const sentence = say(listed.join(', '))
  return plain && sentence.length <= 200
    ? sentence
    : say(listed.length === 1 ? 'one place that it names' : `${listed.length} that it names`)
}

const slug = (text: string): string =>
  text
    .toLowerCase()
    .replaceAll(/[^a-z0-9]+/g, '-')
    .replaceAll(/^-|-$/g, '') || 'all'

const shorten = (name: string): string => name.slice(0, 64).replace(/-$/, '')
