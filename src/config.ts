/**
 * Configuration: the environment, and `HOME/config.env` for what is not in the environment. The only reader of either.
 * Secrets travel apart from the rest and are never logged. All faults are reported at once.
 */
import { existsSync, readFileSync, realpathSync, statSync } from 'node:fs'
import { homedir } from 'node:os'
import { basename, dirname, join, resolve } from 'node:path'
import { z } from 'zod'
import type { SandboxLimits, SandboxMode } from './agent/sandbox/sandbox.types.ts'
import { parseSandboxLimits, SANDBOX_LIMITS } from './agent/sandbox/sandbox-limits.ts'
import { CHANNEL_ADAPTERS } from './channel-adapters.ts'
import { type Home, homePaths } from './home.ts'
import { LOG_LEVELS, type LogLevel } from './utils/log.ts'
import { MICROS_PER_UNIT, parseMicros } from './utils/micros.ts'
import { NodeError } from './utils/node-error.ts'
import { quoteShell } from './utils/quote-shell.ts'

/** Bytes that `config.env` may have. */
const CONFIG_FILE_BYTES_MAX = 64 * 1024
/** Longest value of a variable, in characters. */
const VALUE_CHARACTERS_MAX = 4096

const PORT_MAX = 65_535

/** A cap beyond this is a slip: it would hold nothing back. */
const CAP_MICROS_MAX = 1_000_000 * MICROS_PER_UNIT

const DEFAULT_MODEL = 'claude-sonnet-5-5'
/** Uid and gid of tool calls when the node itself runs as root. */
const DEFAULT_SANDBOX_USER = '10001:10000'

/** The local channel may be named too; it is always there. */
const LOCAL_PROVIDER = 'cli'

/** What the owner most likely meant, for the hint. */
const namespacedForm = (id: string): string => {
  if (/^\d+$/.test(id)) return `must name its provider: github:${id} or telegram:${id}, not the number alone`
  if (id.includes('@') && !id.includes(':'))
    return 'must not be an e-mail address, which proves nothing: write atproto:did:... or github:123'
  return 'must name its provider: atproto:did:..., github:123'
}

const providerNames = (list: string): readonly string[] => [
  ...new Set(
    list
      .split(',')
      .map((name) => name.trim())
      .filter((name) => name !== ''),
  ),
]

const isTimezone = (zone: string): boolean => {
  try {
    new Intl.DateTimeFormat('en', { timeZone: zone })
    return true
  } catch {
    return false
  }
}

const text = z.string().max(VALUE_CHARACTERS_MAX)

const usd = text.refine((amount) => (parseMicros(amount) ?? Number.POSITIVE_INFINITY) <= CAP_MICROS_MAX, {
  message: 'must be an amount in USD such as 5 or 0.50, at most 1000000',
})

const ADAPTER_NAMES = CHANNEL_ADAPTERS.map(({ name }) => name)

/** Every variable, with its meaning: README's table and `plaited help` are made from this. */
export const variables = {
  PLAITED_HOME: text.optional().describe('folder that holds everything; `--home` wins'),
  PLAITED_MODEL: text.default(DEFAULT_MODEL).describe('model name, or `scripted` for the script without a model'),
  PLAITED_HOST: text.default('127.0.0.1').describe('address of the public HTTP listener'),
  PLAITED_PORT: text
    .regex(/^\d{1,5}$/, 'must be a port number')
    .default('3000')
    .transform(Number)
    .refine((port) => port <= PORT_MAX, `must be at most ${PORT_MAX}`)
    .describe('port of the public HTTP listener'),
  PLAITED_TIMEZONE: text
    .refine(isTimezone, 'is not a time zone such as Europe/Berlin')
    .default('UTC')
    .describe('time zone of days, hours and caps'),
  PLAITED_CAP_CALL_USD: usd.default('0.50').describe('the most that one model call may cost'),
  PLAITED_CAP_TURN_USD: usd.default('1').describe('the most that one turn may cost'),
  PLAITED_CAP_DAY_USD: usd.default('5').describe('the most that a day may cost; `budget +2 today` raises it'),
  PLAITED_CAP_MONTH_USD: usd
    .default('50')
    .describe('the most that a month may cost; `budget +10 this month` raises it'),
  PLAITED_SANDBOX: z
    .enum(['full', 'shared-proc'], 'must be full or shared-proc')
    .default('full')
    .describe('`shared-proc` where a container masks /proc: weaker, commands see outside processes'),
  PLAITED_SANDBOX_LIMITS: text
    .transform((given, context) => {
      const parsed = parseSandboxLimits(given)
      if (parsed.ok) return parsed.limits
      for (const message of parsed.faults) context.addIssue({ code: 'custom', message })
      return z.NEVER
    })
    .optional()
    .describe('limits of calls and workspace, such as `wall=5m,memory=4GiB`; `sandbox limits` lists them'),
  PLAITED_SANDBOX_UID: text
    .regex(/^0*[1-9]\d{0,8}:0*[1-9]\d{0,8}$/, 'must be UID:GID, and neither may be 0, which is root')
    .default(DEFAULT_SANDBOX_USER)
    .describe('UID:GID of tool calls when the node runs as root'),
  PLAITED_LOG: z
    .enum(LOG_LEVELS, `must be one of ${LOG_LEVELS.join(', ')}`)
    .optional()
    .describe('log on stderr: `silent`, `error`, `warn`, `info` or `debug`; unset, only `start` logs: `info`'),
  OWNER_ID: text
    .regex(/^[a-z]+:[\x21-\x7e]+$/, { error: ({ input }) => namespacedForm(String(input)) })
    .transform((id) => (id.startsWith('did:') ? `atproto:${id}` : id))
    .optional()
    .describe('who the owner is on channels that reach beyond this machine'),
  CHANNEL_PROVIDER: text
    .transform(providerNames)
    .superRefine((names, context) => {
      const known = [LOCAL_PROVIDER, ...ADAPTER_NAMES]
      for (const name of names.filter((given) => !known.includes(given))) {
        context.addIssue({
          code: 'custom',
          message: `names ${JSON.stringify(name)}, which is none of ${known.join(', ')}`,
        })
      }
    })
    .optional()
    .describe(`channels, with commas: \`${ADAPTER_NAMES.join('`, `')}\`; \`doctor\` says what each needs`),
  ANTHROPIC_API_KEY: text
    .regex(/^[\x21-\x7e]+$/, 'holds characters that no key has (a space or a line break?)')
    .optional()
    .describe('key of the model service; without it a script answers'),
} as const

const schema = z.object(variables)

/** Variables of the adapters: each adapter judges its own, when it is loaded. */
const adapterVariables: ReadonlyMap<string, { readonly secret: boolean }> = new Map(
  CHANNEL_ADAPTERS.flatMap(({ settings }) =>
    Object.entries(settings).map(([name, { secret = false }]) => [name, { secret }] as const),
  ),
)

export type Config = {
  readonly home: Home
  /** null: no key, so a script answers. */
  readonly model: string | null
  readonly host: string
  readonly port: number
  readonly timezone: string
  /** Spending caps in micro-dollars. */
  readonly caps: {
    readonly callMicros: number
    readonly turnMicros: number
    readonly dayMicros: number
    readonly monthMicros: number
  }
  /** null when the node does not run as root: tool calls then keep its uid. */
  readonly dropTo: { readonly uid: number; readonly gid: number } | null
  readonly sandboxMode: SandboxMode
  readonly sandboxLimits: SandboxLimits
  readonly ownerId: string | null
  /** Channels besides the local one, in the order in which they were named. */
  readonly channels: readonly string[]
  /** Variables of the adapters that are no secrets, as they were given. */
  readonly channelSettings: Readonly<Record<string, string>>
  /** null: each command has its own default. */
  readonly logLevel: LogLevel | null
}

export type Secrets = {
  readonly anthropicApiKey: string | null
  /** Variables of the adapters that are secrets. */
  readonly channelSettings: Readonly<Record<string, string>>
}

/** What must never leave the process but to its service. */
export const secretValues = ({ anthropicApiKey, channelSettings }: Secrets): readonly string[] => [
  ...(anthropicApiKey === null ? [] : [anthropicApiKey]),
  ...Object.values(channelSettings),
]

export type Environment = Readonly<Record<string, string | undefined>>

/** Folder that the caller was in before the launcher changed to the project. */
export const callerFolder = (environment: Environment = process.env): string =>
  environment['PLAITED_CALLER_CWD'] ?? process.cwd()

export const isRoot = (): boolean => process.getuid?.() === 0

/**
 * Reads the configuration.
 * @throws {NodeError} CONFIG_INVALID naming each variable, what is wrong, and where it came from.
 */
export const readConfig = (
  options: { readonly home?: string | undefined; readonly model?: string | undefined },
  environment: Environment = process.env,
): { readonly config: Config; readonly secrets: Secrets } => {
  const home = readHome(options.home, environment)
  const fromFile = readConfigFile(home.configFile)
  const given = Object.fromEntries(
    Object.keys(variables).map((name) => [name, emptyToAbsent(environment[name]) ?? emptyToAbsent(fromFile[name])]),
  )
  const parsed = schema.safeParse(options.model === undefined ? given : { ...given, PLAITED_MODEL: options.model })
  if (!parsed.success) {
    const faults = parsed.error.issues.map((issue) => `${String(issue.path[0])} ${issue.message}`)
    throw new NodeError('CONFIG_INVALID', faults.join('; '), {
      hint: `change it in the environment or in ${home.configFile}`,
    })
  }
  const values = parsed.data
  if (options.model !== undefined && options.model !== 'scripted' && values.ANTHROPIC_API_KEY === undefined) {
    throw new NodeError('CONFIG_INVALID', `--model ${options.model} needs ANTHROPIC_API_KEY, which is not set`, {
      hint: `set it in the environment or in ${home.configFile}, or write --model scripted`,
    })
  }
  const adapters = readAdapterVariables(environment, fromFile)
  const scripted = values.PLAITED_MODEL === 'scripted' || values.ANTHROPIC_API_KEY === undefined
  const [uid, gid] = values.PLAITED_SANDBOX_UID.split(':').map(Number)
  return {
    config: {
      home,
      model: scripted ? null : values.PLAITED_MODEL.replace(/^anthropic:/, ''),
      host: values.PLAITED_HOST,
      port: values.PLAITED_PORT,
      timezone: values.PLAITED_TIMEZONE,
      caps: {
        callMicros: toMicros(values.PLAITED_CAP_CALL_USD),
        turnMicros: toMicros(values.PLAITED_CAP_TURN_USD),
        dayMicros: toMicros(values.PLAITED_CAP_DAY_USD),
        monthMicros: toMicros(values.PLAITED_CAP_MONTH_USD),
      },
      dropTo: isRoot() ? { uid: uid ?? 0, gid: gid ?? 0 } : null,
      sandboxMode: values.PLAITED_SANDBOX,
      sandboxLimits: values.PLAITED_SANDBOX_LIMITS ?? SANDBOX_LIMITS,
      ownerId: values.OWNER_ID ?? null,
      channels: (values.CHANNEL_PROVIDER ?? []).filter((name) => name !== LOCAL_PROVIDER),
      channelSettings: adapters.settings,
      logLevel: values.PLAITED_LOG ?? null,
    },
    secrets: { anthropicApiKey: values.ANTHROPIC_API_KEY ?? null, channelSettings: adapters.secrets },
  }
}

const readAdapterVariables = (
  environment: Environment,
  fromFile: Readonly<Record<string, string>>,
): { readonly settings: Readonly<Record<string, string>>; readonly secrets: Readonly<Record<string, string>> } => {
  const settings: Record<string, string> = {}
  const secrets: Record<string, string> = {}
  for (const [name, { secret }] of adapterVariables) {
    const value = emptyToAbsent(environment[name]) ?? emptyToAbsent(fromFile[name])
    if (value !== undefined) (secret ? secrets : settings)[name] = value
  }
  return { settings, secrets }
}

/** Stands for bytes that are no UTF-8 in what Bun hands on: the folder that was meant cannot be named any more. */
const NO_UTF8 = '\u{fffd}'

/** Where the home is, without looking into it. @throws {NodeError} USAGE or CONFIG_INVALID when it names no folder. */
export const readHome = (given: string | undefined, environment: Environment = process.env): Home => {
  if (given === '') throw new NodeError('USAGE', '--home names no folder', { hint: 'is a variable empty?' })
  const asked = given ?? emptyToAbsent(environment['PLAITED_HOME']) ?? defaultHome()
  const path = resolve(callerFolder(environment), asked)
  if (!path.includes(NO_UTF8)) return homePaths(withoutLinks(path))
  throw new NodeError('CONFIG_INVALID', `the name of the home, ${path}, is not UTF-8`, {
    hint: 'name a folder with --home, or in PLAITED_HOME, whose whole path is UTF-8',
  })
}

/** One home has one name, whichever link leads to it; what does not exist yet is taken as it is called. */
const withoutLinks = (path: string): string => {
  if (existsSync(path)) return realpathSync(path)
  const parent = dirname(path)
  return parent === path ? path : join(withoutLinks(parent), basename(path))
}

/** A dropped uid cannot enter /root, so root keeps its home elsewhere. */
const defaultHome = (): string => {
  if (isRoot()) return '/var/lib/plaited'
  try {
    return join(homedir(), '.plaited')
  } catch (cause) {
    throw new NodeError('CONFIG_INVALID', 'this user has no home folder, neither in HOME nor in /etc/passwd', {
      hint: 'name the folder that holds everything with --home, or in PLAITED_HOME',
      cause,
    })
  }
}

/** An amount that the schema has accepted. */
const toMicros = (amount: string): number => parseMicros(amount) ?? 0

const emptyToAbsent = (value: string | undefined): string | undefined => (value === '' ? undefined : value)

const readConfigFile = (path: string): Readonly<Record<string, string>> => {
  if (!existsSync(path)) return {}
  const invalid = (message: string, hint: string) => new NodeError('CONFIG_INVALID', `${path}: ${message}`, { hint })
  const found = statSync(path)
  if (!found.isFile()) throw invalid('is not a regular file', 'make it a file with one NAME=value per line')
  const { mode, size } = found
  if ((mode & 0o077) !== 0) throw invalid('other users can read it', `run: chmod 600 ${quoteShell(path)}`)
  if (size > CONFIG_FILE_BYTES_MAX)
    throw invalid(`is over ${CONFIG_FILE_BYTES_MAX} bytes`, 'keep one NAME=value per line')
  const values: Record<string, string> = {}
  for (const [index, raw] of readLines(path, invalid).entries()) {
    const line = raw.trim()
    if (line === '' || line.startsWith('#')) continue
    const match = /^([A-Z][A-Z0-9_]*)=(.*)$/.exec(line)
    if (!match) throw invalid(`line ${index + 1} is not NAME=value`, 'quotes and export are not needed')
    const [, name = '', value = ''] = match
    if (name === 'PLAITED_HOME') throw invalid(`line ${index + 1}: ${name} cannot be set in the home`, 'use --home')
    if (!Object.hasOwn(variables, name) && !adapterVariables.has(name)) {
      throw invalid(
        `line ${index + 1}: ${name} is not a setting`,
        `the settings are ${[...Object.keys(variables), ...adapterVariables.keys()].join(', ')}`,
      )
    }
    values[name] = value.replace(/^(["'])(.*)\1$/, '$2')
  }
  return values
}

const readLines = (path: string, invalid: (message: string, hint: string) => NodeError): readonly string[] => {
  try {
    return readFileSync(path, 'utf8').split('\n')
  } catch (error) {
    throw invalid(error instanceof Error ? error.message : String(error), 'make it a file that this user can read')
  }
}

/** As the owner sees it. */
export const modelName = (config: Config): string => (config.model === null ? 'scripted' : `anthropic:${config.model}`)
