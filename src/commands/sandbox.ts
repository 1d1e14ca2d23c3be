import type { SandboxOutcome, ToolOperation } from '../agent/agent.types.ts'
import { resolveWorkspacePath } from '../agent/permission-event.ts'
import { showMatch } from '../agent/show-matches.ts'
import { escapeUnsafeCharacters } from '../utils/escape-unsafe-characters.ts'
import { NodeError } from '../utils/node-error.ts'
import type { Invocation, Io, RunCommand } from './command.types.ts'
import { parseCount } from './parse-count.ts'
import { withOperations } from './with-operations.ts'

/** As `env` and `docker run`: the sandbox itself failed, whatever the command would have said. */
const EXIT_SANDBOX_FAILED = 125
/** As coreutils' `timeout`: the command was killed at its limit. */
const EXIT_KILLED = 124
const TIMEOUT_MS_DEFAULT = 120_000
const TIMEOUT_MS_MAX = 600_000

const USAGE = 'plaited sandbox exec [--timeout MS] -- CMD... | sandbox read PATH | sandbox write PATH TEXT'

/** What the bash and file tools do, without the rules: to see for oneself what the sandbox holds back. */
export const runSandbox: RunCommand = async (invocation) => {
  const operation = parseOperation(invocation)
  try {
    const outcome = await withOperations(invocation, (operations) => operations.execute(operation))
    return printOutcome(outcome, invocation.io)
  } catch (error) {
    const sandboxFailed =
      error instanceof NodeError && (error.code === 'SANDBOX_FAILED' || error.code === 'SANDBOX_UNAVAILABLE')
    if (!sandboxFailed) throw error
    invocation.io.error(`plaited: ${error.message}\n${error.hint ? `  ${error.hint}\n` : ''}`)
    return EXIT_SANDBOX_FAILED
  }
}

const parseOperation = ({ positionals, values }: Pick<Invocation, 'positionals' | 'values'>): ToolOperation => {
  const [verb, ...rest] = positionals
  const [path = '', text = ''] = rest
  if (verb === 'exec' && rest.length > 0) {
    const timeoutMs = parseCount(values['timeout'], {
      option: '--timeout',
      fallback: TIMEOUT_MS_DEFAULT,
      min: 1,
      max: TIMEOUT_MS_MAX,
    })
    return { kind: 'bash', command: rest.map(quoteForShell).join(' '), timeoutMs }
  }
  if (verb === 'read' && rest.length === 1)
    return { kind: 'read', path: resolveWorkspacePath(path), offset: null, limit: null }
  if (verb === 'write' && rest.length === 2) return { kind: 'write', path: resolveWorkspacePath(path), content: text }
  throw new NodeError('USAGE', 'sandbox knows: exec, read, write', { hint: USAGE })
}

const quoteForShell = (word: string): string => `'${word.replaceAll("'", `'\\''`)}'`

const printOutcome = (outcome: SandboxOutcome, io: Io): number => {
  if (outcome.kind === 'failed') {
    io.error(`plaited: ${outcome.message}\n`)
    return 1
  }
  if (outcome.kind === 'text') {
    io.out(process.stdout.isTTY ? escapeUnsafeCharacters(outcome.text) : outcome.text)
    if (outcome.truncated) io.error('plaited: cut at the output limit\n')
    return 0
  }
  if (outcome.kind === 'matches') {
    io.out(outcome.matches.map(showMatch).join('\n'))
    return 0
  }
  process.stdout.write(outcome.stdout)
  process.stderr.write(outcome.stderr)
  if (outcome.truncated) io.error('plaited: output cut at its limit\n')
  if (outcome.killedBy === null) return outcome.exitCode ?? EXIT_SANDBOX_FAILED
  io.error(`plaited: killed: ${outcome.killedBy} limit\n`)
  return EXIT_KILLED
}
