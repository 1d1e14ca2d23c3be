/** The command line: finds the command, parses its options, turns faults into one clear message and an exit code. */
import { parseArgs } from 'node:util'
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

usage: plaited COMMAND [--home DIR] [--json] [--help]

${COMMANDS.map(({ name, summary }) => `  ${name.padEnd(NAME_WIDTH)} ${summary}`).join('\n')}

Start with 'plaited demo'. Exit codes: 0 done, 1 refused or failed, 2 usage, 78 configuration.
`

const main = async (argv: readonly string[], io: Io): Promise<number> => {
  const [name = 'help', ...rest] = argv
  const wantsJson = rest.includes('--json')
  try {
    if (name === 'help' || name === '--help' || name === '-h') return printHelp(wantsJson, io)
    const entry = COMMANDS.find((command) => command.name === name)
    if (!entry) throw unknownCommand(name)
    return await runCommand(entry, rest, io)
  } catch (error) {
    return reportError(error, wantsJson, io)
  }
}

const printHelp = (wantsJson: boolean, io: Io): number => {
  const commands = COMMANDS.map(({ name, summary, usage }) => ({ name, summary, usage: `plaited ${usage}` }))
  io.out(wantsJson ? `${JSON.stringify({ commands })}\n` : helpText())
  return 0
}

const unknownCommand = (name: string): NodeError =>
  LATER_COMMANDS.includes(name)
    ? new NodeError('NOT_AVAILABLE_YET', `'${name}' is planned and not built yet`, {
        hint: "'plaited help' lists what there is",
      })
    : new NodeError('USAGE', `there is no command '${name}'`, { hint: "'plaited help' lists the commands" })

const runCommand = async (entry: CommandEntry, rest: readonly string[], io: Io): Promise<number> => {
  const { values, positionals } = entry.raw ? { values: {}, positionals: [...rest] } : parseOptions(entry, rest)
  if (values['help'] === true) {
    io.out(`usage: plaited ${entry.usage}\n\n${entry.summary}\n`)
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
    json: values['json'] === true,
    io,
    signal: abort.signal,
  })
}

const parseOptions = (entry: CommandEntry, rest: readonly string[]) => {
  try {
    const { values, positionals } = parseArgs({
      args: [...rest],
      options: { ...COMMON_OPTIONS, ...entry.options },
      allowPositionals: true,
    })
    return { values: values as Record<string, string | boolean | undefined>, positionals }
  } catch (error) {
    const [message = ''] = (error instanceof Error ? error.message : String(error)).split('\n', 1)
    throw new NodeError('USAGE', message, {
      hint: `usage: plaited ${entry.usage}`,
      cause: error,
    })
  }
}

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
