/** The command line: finds the command, parses its options, turns faults into one clear message and an exit code. */
import { parseArgs } from 'node:util'
import { version } from '../package.json' with { type: 'json' }
import { readableFault } from './agent/persistence.ts'
import type { CommandEntry, Io } from './commands/command.types.ts'
import { COMMANDS, LATER_COMMANDS } from './commands/command-table.ts'
import { NodeError, type NodeErrorCode } from './utils/node-error.ts'

const EXIT_FAILED = 1
const EXIT_USAGE = 2
/** EX_CONFIG of sysexits.h: a supervisor must not restart, someone must change something. */
const EXIT_CONFIG = 78

const EXIT_CODES: Partial<Readonly<Record<NodeErrorCode, number>>> = {
  USAGE: EXIT_USAGE,
  EVENT_MALFORMED: EXIT_USAGE,
  CONFIG_INVALID: EXIT_CONFIG,
  HOME_UNUSABLE: EXIT_CONFIG,
  RULES_UNREADABLE: EXIT_CONFIG,
  RULE_ILLEGAL: EXIT_CONFIG,
}

const COMMON_OPTIONS = {
  home: { type: 'string' },
  json: { type: 'boolean' },
  help: { type: 'boolean', short: 'h' },
} as const

const NAME_WIDTH = 10

const helpText =
  (): string => `plaited: a personal agent node that answers only you and asks your rules before every action

usage: plaited COMMAND [--home DIR] [--json] [--help] | plaited help COMMAND | plaited version

${COMMANDS.map(({ name, summary }) => `  ${name.padEnd(NAME_WIDTH)} ${summary}`).join('\n')}

Start with 'plaited demo'. Exit codes: 0 done, 1 refused or failed, 2 usage, 78 configuration.
`

const isHelp = (word: string | undefined): boolean => word === '--help' || word === '-h'

const main = async (argv: readonly string[], io: Io): Promise<number> => {
  const wantsJson = beforeTerminator(argv).includes('--json')
  const [name = 'help', ...rest] = argv[0] === '--json' ? [...argv.slice(1), '--json'] : argv
  try {
    if (name === 'help' || isHelp(name)) return printHelp(rest, { wantsJson, io })
    if (name === 'version' || name === '--version') return printVersion(rest, { wantsJson, io })
    return await runCommand(findCommand(name), rest, io)
  } catch (error) {
    return reportError(readableFault(error, 'the state of this home (data/events.sqlite)'), wantsJson, io)
  }
}

/** What stands behind `--` belongs to the command that is run in the sandbox. */
const beforeTerminator = (argv: readonly string[]): readonly string[] => {
  const end = argv.indexOf('--')
  return end < 0 ? argv : argv.slice(0, end)
}

type Answer = { readonly wantsJson: boolean; readonly io: Io }

const describeCommand = ({ name, summary, usage }: CommandEntry) => ({ name, summary, usage: `plaited ${usage}` })

const printHelp = (rest: readonly string[], { wantsJson, io }: Answer): number => {
  const { positionals } = parseOptions({ usage: 'help [COMMAND] [--json]', positionalsMax: 1 }, rest)
  const [name] = positionals
  if (name !== undefined) printUsage(findCommand(name), { wantsJson, io })
  else io.out(wantsJson ? `${JSON.stringify({ commands: COMMANDS.map(describeCommand) })}\n` : helpText())
  return 0
}

const printUsage = (entry: CommandEntry, { wantsJson, io }: Answer): void => {
  const { usage, summary } = describeCommand(entry)
  io.out(wantsJson ? `${JSON.stringify(describeCommand(entry))}\n` : `usage: ${usage}\n\n${summary}\n`)
}

const printVersion = (rest: readonly string[], { wantsJson, io }: Answer): number => {
  parseOptions({ usage: 'version [--json]' }, rest)
  const versions = { plaited: version, bun: Bun.version }
  io.out(wantsJson ? `${JSON.stringify(versions)}\n` : `plaited ${versions.plaited} (Bun ${versions.bun})\n`)
  return 0
}

const findCommand = (name: string): CommandEntry => {
  const entry = COMMANDS.find((command) => command.name === name)
  if (!entry) throw unknownCommand(name)
  return entry
}

const unknownCommand = (name: string): NodeError =>
  LATER_COMMANDS.includes(name)
    ? new NodeError('NOT_AVAILABLE_YET', `'${name}' is planned and not built yet`, {
        hint: "'plaited help' lists what there is",
      })
    : new NodeError('USAGE', `there is no command '${name}'`, { hint: "'plaited help' lists the commands" })

const runCommand = async (entry: CommandEntry, rest: readonly string[], io: Io): Promise<number> => {
  const { values, positionals } = entry.raw ? parseRaw(rest) : parseOptions(entry, rest)
  const json = values['json'] === true
  if (values['help'] === true) {
    printUsage(entry, { wantsJson: json, io })
    return 0
  }
  if (json && entry.refusesJson) throw usageFault(`${entry.name} has no --json`, entry)
  const run = await entry.load()
  const abort = new AbortController()
  // A command that does not look at the signal is simply ended by it.
  const signals = entry.endsAtSignal ? (['SIGINT', 'SIGTERM', 'SIGHUP'] as const) : []
  for (const signal of signals) process.once(signal, () => abort.abort())
  const home = values['home']
  return run({
    positionals,
    values,
    home: typeof home === 'string' ? home : undefined,
    json,
    io,
    signal: abort.signal,
  })
}

type Options = Readonly<Record<string, string | boolean | undefined>>
type Parsed = { readonly values: Options; readonly positionals: readonly string[] }
type Form = Pick<CommandEntry, 'usage' | 'options' | 'positionalsMax'>

const parseRaw = (rest: readonly string[]): Parsed => ({ values: { help: rest.some(isHelp) }, positionals: rest })

/** @throws {NodeError} USAGE for an option or a word that the command does not take. */
const parseOptions = (form: Form, rest: readonly string[]): Parsed => {
  const { values, positionals } = parseWords(form, rest)
  const extra = positionals[form.positionalsMax ?? 0]
  if (extra !== undefined && values['help'] !== true) throw usageFault(`unexpected ${JSON.stringify(extra)}`, form)
  return { values, positionals }
}

const parseWords = (form: Form, rest: readonly string[]): Parsed => {
  try {
    const { values, positionals } = parseArgs({
      args: [...rest],
      options: { ...COMMON_OPTIONS, ...form.options },
      allowPositionals: true,
    })
    return { values: values as Options, positionals }
  } catch (error) {
    const [message = ''] = (error instanceof Error ? error.message : String(error)).split('\n', 1)
    throw usageFault(message, form, error)
  }
}

const usageFault = (message: string, { usage }: Pick<CommandEntry, 'usage'>, cause?: unknown): NodeError =>
  new NodeError('USAGE', message, { hint: `usage: plaited ${usage}`, cause })

const reportError = (error: unknown, wantsJson: boolean, io: Io): number => {
  const known = error instanceof NodeError
  const code = known ? error.code : 'INTERNAL'
  const message = error instanceof Error ? error.message : String(error)
  const hint = known ? error.hint : 'this is a fault of plaited itself: please report it with the lines above'
  if (wantsJson) io.out(`${JSON.stringify({ error: { code, message, hint } })}\n`)
  if (!known && error instanceof Error) io.error(`${error.stack}\n`)
  if (!wantsJson || !known) io.error(`plaited: ${message}\n${hint ? `  ${hint}\n` : ''}`)
  return EXIT_CODES[code] ?? EXIT_FAILED
}

const processIo: Io = {
  out: (text) => void process.stdout.write(text),
  error: (text) => void process.stderr.write(text),
  stdin: process.stdin,
  isTerminal: process.stdin.isTTY === true && process.stdout.isTTY === true,
}

// `plaited log | head`: a reader that has seen enough ends the command quietly.
process.stdout.on('error', (error: NodeJS.ErrnoException) => process.exit(error.code === 'EPIPE' ? 0 : EXIT_FAILED))
// Nobody reads the log any more: that ends no node, and its exit code says how the work went.
process.stderr.on('error', () => {})
process.exitCode = await main(Bun.argv.slice(2), processIo)
