/** The command line: finds the command, parses its options, turns faults into one clear message and an exit code. */
import { version } from '../package.json' with { type: 'json' }
import { readableFault } from './agent/persistence.ts'
import type { CommandEntry, Io } from './commands/command.types.ts'
import { COMMANDS, LATER_COMMANDS } from './commands/command-table.ts'
import { type Parsed, parseOptions, usageOf } from './commands/parse-options.ts'
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

const NAME_WIDTH = 10

const USAGE = 'usage: plaited COMMAND [--home DIR] [--json] [--help] | plaited help COMMAND | plaited version'

const helpText =
  (): string => `plaited: a personal agent node that answers only you and asks your rules before every action

${USAGE}

${COMMANDS.map(({ name, summary }) => `  ${name.padEnd(NAME_WIDTH)} ${summary}`).join('\n')}

Start with 'plaited demo'. Exit codes: 0 done, 1 refused or failed, 2 usage, 78 configuration.
`

const isHelp = (word: string | undefined): boolean => word === '--help' || word === '-h'

const main = async (argv: readonly string[], io: Io): Promise<number> => {
  const wantsJson = beforeTerminator(argv).includes('--json')
  const beginsWithJson = argv[0] === '--json'
  const [name = 'help', ...words] = beginsWithJson ? argv.slice(1) : argv
  const rest = beginsWithJson ? ['--json', ...words] : words
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

const describeCommand = (entry: CommandEntry) => ({
  name: entry.name,
  summary: entry.summary,
  usage: usageOf(entry),
})

const printHelp = (rest: readonly string[], { wantsJson, io }: Answer): number => {
  const { positionals } = parseOptions({ name: 'help', takes: '[COMMAND]', positionalsMax: 1, usesNoHome: true }, rest)
  const [name] = positionals
  if (name !== undefined) printUsage(findCommand(name), { wantsJson, io })
  else io.out(wantsJson ? `${JSON.stringify({ commands: COMMANDS.map(describeCommand) })}\n` : helpText())
  return 0
}

const printUsage = (entry: CommandEntry, { wantsJson, io }: Answer): void => {
  const described = describeCommand(entry)
  io.out(wantsJson ? `${JSON.stringify(described)}\n` : `usage: ${described.usage}\n\n${described.summary}\n`)
}

const printVersion = (rest: readonly string[], { wantsJson, io }: Answer): number => {
  parseOptions({ name: 'version', usesNoHome: true }, rest)
  const versions = { plaited: version, bun: Bun.version }
  io.out(wantsJson ? `${JSON.stringify(versions)}\n` : `plaited ${versions.plaited} (Bun ${versions.bun})\n`)
  return 0
}

const findCommand = (name: string): CommandEntry => {
  const entry = COMMANDS.find((command) => command.name === name)
  if (!entry) throw unknownCommand(name)
  return entry
}

const unknownCommand = (name: string): NodeError => {
  if (LATER_COMMANDS.includes(name)) {
    return new NodeError('NOT_AVAILABLE_YET', `'${name}' is planned and not built yet`, {
      hint: "'plaited help' lists what there is",
    })
  }
  return name.startsWith('-')
    ? new NodeError('USAGE', `a command is missing before ${name}`, { hint: USAGE })
    : new NodeError('USAGE', `there is no command '${name}'`, { hint: "'plaited help' lists the commands" })
}

const runCommand = async (entry: CommandEntry, rest: readonly string[], io: Io): Promise<number> => {
  const { values, positionals } = entry.raw ? parseRaw(rest) : parseOptions(entry, rest)
  const json = values['json'] === true
  if (values['help'] === true) {
    printUsage(entry, { wantsJson: json, io })
    return 0
  }
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

const parseRaw = (rest: readonly string[]): Parsed => ({
  values: rest.some(isHelp) ? { help: true } : {},
  positionals: rest,
})

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
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code === 'EPIPE') process.exit(0)
  process.stderr.write(`plaited: cannot write the answer: ${error.message}\n  make room where the output goes\n`)
  process.exit(EXIT_FAILED)
})
// Nobody reads the log any more: that ends no node, and its exit code says how the work went.
process.stderr.on('error', () => {})
process.exitCode = await main(Bun.argv.slice(2), processIo)
