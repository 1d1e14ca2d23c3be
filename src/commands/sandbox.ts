import type { SandboxOutcome, ToolOperation } from '../agent/agent.types.ts'
import { resolveWorkspacePath } from '../agent/permission-event.ts'
import { describeLimits } from '../agent/sandbox/sandbox-limits.ts'
import { showMatch } from '../agent/show-matches.ts'
import { readConfig } from '../config.ts'
import { escapeUnsafeCharacters, printableJson } from '../utils/escape-unsafe-characters.ts'
import { NodeError } from '../utils/node-error.ts'
import type { Invocation, Io, RunCommand } from './command.types.ts'
import { parseCount } from './parse-count.ts'
import { readVerb } from './read-verb.ts'
import { withOperations } from './with-operations.ts'

/** As `env` and `docker run`: the sandbox itself failed, whatever the command would have said. */
const EXIT_SANDBOX_FAILED = 125
/** As coreutils' `timeout`: the command was killed at its limit. */
const EXIT_KILLED = 124
const TIMEOUT_MS_DEFAULT = 120_000
const TIMEOUT_MS_MAX = 600_000

const VERBS = {
  exec: { takes: '[--timeout MS] -- CMD...', wordsMin: 1, wordsMax: Number.POSITIVE_INFINITY, options: ['timeout'] },
  read: { takes: 'PATH', wordsMin: 1, wordsMax: 1 },
  write: { takes: 'PATH TEXT', wordsMin: 2, wordsMax: 2 },
  limits: { takes: '', wordsMin: 0, wordsMax: 0 },
}

/** What the bash and file tools do, without the rules: to see for oneself what the sandbox holds back. */
export const runSandbox: RunCommand = async (invocation) => {
  const { verb, words } = readVerb('sandbox', invocation, VERBS)
  if (verb === 'limits') return printLimits(invocation)
  const operation = toOperation(verb, words, invocation.values)
  try {
    const outcome = await withOperations(invocation, (operations) => operations.execute(operation))
    return invocation.json ? printDocument(outcome, invocation.io) : printOutcome(outcome, invocation.io)
  } catch (error) {
    const sandboxFailed =
      error instanceof NodeError && (error.code === 'SANDBOX_FAILED' || error.code === 'SANDBOX_UNAVAILABLE')
    if (!sandboxFailed) throw error
    if (invocation.json) invocation.io.out(`${printableJson({ error: pick(error) })}\n`)
    else invocation.io.error(`plaited: ${error.message}\n${error.hint ? `  ${error.hint}\n` : ''}`)
    return EXIT_SANDBOX_FAILED
  }
}

/** The limits in force, as PLAITED_SANDBOX_LIMITS names them. */
const printLimits = ({ home, json, io }: Invocation): number => {
  const { sandboxLimits } = readConfig({ home }).config
  io.out(json ? `${JSON.stringify(sandboxLimits)}\n` : `${describeLimits(sandboxLimits)}\n`)
  return 0
}

const toOperation = (
  verb: 'exec' | 'read' | 'write',
  words: readonly string[],
  { timeout }: Invocation['values'],
): ToolOperation => {
  const [path = '', content = ''] = words
  if (verb === 'read') return { kind: 'read', path: resolveWorkspacePath(path), offset: null, limit: null }
  if (verb === 'write') return { kind: 'write', path: resolveWorkspacePath(path), content }
  const range = { option: '--timeout', fallback: TIMEOUT_MS_DEFAULT, min: 1, max: TIMEOUT_MS_MAX }
  return { kind: 'bash', command: words.map(quoteWord).join(' '), timeoutMs: parseCount(timeout, range) }
}

/** Always quoted: a bare `A=b`, `if` or `time` would be the shell's own. */
const quoteWord = (word: string): string => `'${word.replaceAll("'", `'\\''`)}'`

const pick = ({ code, message, hint }: NodeError) => ({ code, message, hint })

/** Output that is not UTF-8 has its bad bytes replaced: a document is text. */
const printDocument = (outcome: SandboxOutcome, io: Io): number => {
  const decoder = new TextDecoder()
  const document =
    outcome.kind === 'process'
      ? { ...outcome, stdout: decoder.decode(outcome.stdout), stderr: decoder.decode(outcome.stderr) }
      : outcome
  io.out(`${printableJson(document)}\n`)
  return exitCodeOf(outcome)
}

const exitCodeOf = (outcome: SandboxOutcome): number => {
  if (outcome.kind === 'failed') return 1
  if (outcome.kind !== 'process') return 0
  return outcome.killedBy === null ? (outcome.exitCode ?? EXIT_SANDBOX_FAILED) : EXIT_KILLED
}

const printOutcome = (outcome: SandboxOutcome, io: Io): number => {
  if (outcome.kind === 'failed') {
    io.error(`plaited: ${outcome.message}\n`)
    return exitCodeOf(outcome)
  }
  if (outcome.kind === 'text') {
    io.out(process.stdout.isTTY ? escapeUnsafeCharacters(outcome.text) : outcome.text)
    if (outcome.truncated) io.error('plaited: cut at the output limit\n')
    return exitCodeOf(outcome)
  }
  if (outcome.kind === 'matches') {
    io.out(outcome.matches.map(showMatch).join('\n'))
    return exitCodeOf(outcome)
  }
  process.stdout.write(outcome.stdout)
  process.stderr.write(outcome.stderr)
  if (outcome.truncated) io.error('plaited: output cut at its limit, this is its end\n')
  if (outcome.killedBy !== null) io.error(`plaited: killed: ${outcome.killedBy} limit\n`)
  if (outcome.truncated || outcome.killedBy !== null) for (const note of outcome.notes) io.error(`plaited: ${note}\n`)
  return exitCodeOf(outcome)
}
