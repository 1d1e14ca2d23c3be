/**
 * The sentences that need no model: each form is one template. Whatever else is said is for a model to turn into a spec;
 * here it is refused with the forms, rather than guessed at.
 */
import { parseMicros } from '../utils/micros.ts'
import { parseRuleSpec, type RuleSpec } from './rule-spec.schemas.ts'
import {
  ACTIVITIES,
  type Activity,
  askAlways,
  askWhenTainted,
  commandDeny,
  dayBudget,
  hostAllowList,
  maximumAmount,
  never,
  pathDeny,
  quietHours,
} from './spec-templates.ts'

/** Characters of a sentence: a long path and some words. */
const WORDS_CHARACTERS_MAX = 1000

type Groups = Readonly<Record<string, string | undefined>>

type Form = {
  /** As it is shown to whoever wrote something else. */
  readonly example: string
  readonly pattern: RegExp
  /** null: the words fit and the values do not. */
  readonly build: (groups: Groups) => RuleSpec | null
}

const MONEY = String.raw`(?:\$|usd |us\$)?(?<amount>\d+(?:\.\d+)?) ?(?:\$|usd|dollars?)?`
const ACTIVITY = '(?<activity>payments?|commands?|writes?|reads?|fetch(?:es)?|pushe?s?)'
const HOUR = (name: string): string => String.raw`(?<${name}>\d{1,2}(?::\d{2})? ?(?:am|pm)?)`
const ANY = '(?:any |a )?'

const form = (example: string, pattern: string, build: Form['build']): Form => ({
  example,
  pattern: new RegExp(`^${pattern}$`, 'i'),
  build,
})

const checked = (spec: RuleSpec): RuleSpec | null => (parseRuleSpec(spec).ok ? spec : null)

const buildMaximum = ({ amount = '' }: Groups): RuleSpec | null => {
  const micros = parseMicros(amount)
  return micros === null ? null : checked(maximumAmount(micros))
}

const buildDayBudget = ({ amount = '' }: Groups): RuleSpec | null => {
  const micros = parseMicros(amount)
  return micros === null ? null : checked(dayBudget(micros))
}

const buildQuiet = ({ activity = '', from = '', to = '' }: Groups): RuleSpec | null => {
  const [start, end] = [hourOf(from), hourOf(to)]
  return start === null || end === null ? null : checked(quietHours(activityOf(activity), { from: start, to: end }))
}

/** A shell's signs, quotes, and words about several: taken as a name, they would make a rule that covers nothing. */
const NO_PATH = /^~|["'`*?$]| (?:and|or) | files?$|^to$/i

const buildPath = (given: string, activity: typeof ACTIVITIES.writes | typeof ACTIVITIES.reads): RuleSpec | null => {
  if (NO_PATH.test(given)) return null
  const path = given.startsWith('/') ? given : `/workspace/${given.replace(/^\.\//, '')}`
  return checked(pathDeny(path.length > 1 ? path.replace(/\/$/, '') : path, activity))
}

/** `a, b and c` as its parts. */
const listOf = (text: string): readonly string[] =>
  text.split(/,\s*(?:and |or )?| and | or /).map((each) => each.trim())

/** Full hours only: an event says which hour it is. */
const hourOf = (text: string): number | null => {
  const [, digits = '', minutes = '00', half] = /^(\d{1,2})(?::(\d{2}))? ?(am|pm)?$/i.exec(text) ?? []
  const hour = Number(digits)
  if (digits === '' || minutes !== '00') return null
  if (half === undefined) return hour < 24 ? hour : hour === 24 ? 0 : null
  return hour < 1 || hour > 12 ? null : (hour % 12) + (half.toLowerCase() === 'pm' ? 12 : 0)
}

const activityOf = (word: string): Activity => {
  const found = Object.values(ACTIVITIES).find(({ name }) => word.toLowerCase().startsWith(name))
  if (found === undefined) throw new RangeError(`no activity is called ${word}`)
  return found
}

const FORMS: readonly Form[] = [
  form(
    'at most $5 of payments per day',
    `(?:at most|no more than) ${MONEY} (?:of|in|on) payments? (?:per|a|each|every) day`,
    buildDayBudget,
  ),
  form(
    'never pay more than $5 per day',
    `never (?:pay|spend) (?:more than|over) ${MONEY} (?:per|a|each|every) day`,
    buildDayBudget,
  ),
  form(
    'never allow payments over $3',
    `(?:never|no) (?:allow |make )?${ANY}payments? (?:over|above|of more than|larger than) ${MONEY}`,
    buildMaximum,
  ),
  form('never pay more than $3', `never pay (?:more than|over|above) ${MONEY}`, buildMaximum),
  form(
    'never write to /workspace/secrets',
    String.raw`never (?:write(?: to)?|change|touch|edit) (?:files in )?(?<path>\S.*)`,
    ({ path = '' }) => buildPath(path, ACTIVITIES.writes),
  ),
  form(
    'never read /workspace/secrets',
    String.raw`never (?:read(?: from)?|open) (?:files in )?(?<path>\S.*)`,
    ({ path = '' }) => buildPath(path, ACTIVITIES.reads),
  ),
  form('never run curl', String.raw`never (?:run|use|execute) (?<programs>\S.*)`, ({ programs = '' }) =>
    checked(commandDeny(listOf(programs))),
  ),
  form('only fetch from example.com', String.raw`only fetch from (?<hosts>\S.*)`, ({ hosts = '' }) =>
    checked(hostAllowList(listOf(hosts.toLowerCase()))),
  ),
  form(
    'no payments between 22:00 and 07:00',
    `(?:no|never|never allow|never make) ${ANY}${ACTIVITY} (?:between|from) ${HOUR('from')} (?:and|to|until|till) ${HOUR('to')}`,
    buildQuiet,
  ),
  form(
    'ask before every payment',
    `(?:always )?ask(?: me)? before (?:every |each |any |all |a )?${ACTIVITY}`,
    ({ activity = '' }) => checked(askAlways(activityOf(activity))),
  ),
  form(
    'ask before every payment when text from elsewhere was read',
    `ask(?: me)? before (?:every |each |any |all |a )?${ACTIVITY} (?:when tainted|(?:when|once|after) (?:untrusted text|text from elsewhere) (?:was|has been) read)`,
    ({ activity = '' }) => checked(askWhenTainted(activityOf(activity))),
  ),
  form('no payments', `(?:no|never|never allow|never make) ${ANY}${ACTIVITY}(?: at all| ever)?`, ({ activity = '' }) =>
    checked(never(activityOf(activity))),
  ),
]

/** One example of each form, for whoever wrote something else. */
export const TEMPLATE_FORMS: readonly string[] = FORMS.map(({ example }) => example)

/** The spec that a sentence means; null when it has none of the forms, or its values do not fit. */
export const parseTemplateWords = (words: string): RuleSpec | null => {
  if (words.length > WORDS_CHARACTERS_MAX) return null
  const plain = words
    .trim()
    .replaceAll(/\s+/g, ' ')
    .replace(/(?<=[^ .])[.!]$/, '')
  for (const { pattern, build } of FORMS) {
    const match = pattern.exec(plain)
    if (match) return build(match.groups ?? {})
  }
  return null
}
