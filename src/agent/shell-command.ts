/**
 * What a shell command would run, as far as reading it can tell: a help for rules, never a boundary. A word that only
 * the shell will know (`$x`, `$(...)`, braces) is null and marks its command dynamic; a glob keeps its text (`/*`).
 * Scripts handed to another shell (`bash -c '...'`, `eval '...'`) are read too. The sandbox is what contains a command.
 */
import { forEachChild, parse, type SyntaxNode, type Word } from 'unbash'

/** Scripts within scripts are read this deep; deeper ones mark the command dynamic. */
const NESTED_SCRIPTS_MAX = 4
/** Commands kept of one script; more than this is reported as a parse error, which rules may block. */
const COMMANDS_MAX = 256

/**
 * Expansions (`$(`, `${`, `<(`, `>(`) in one script, counted in its text before it is parsed: the parser takes time
 * quadratic in how deep they nest, 1 s for the longest command full of them, 25 ms for this many.
 */
const EXPANSIONS_MAX = 256

const SHELLS = new Set(['sh', 'bash', 'dash', 'zsh', 'ksh', 'busybox'])

export type ParsedCommand = {
  readonly argv: readonly (string | null)[]
  readonly dynamic: boolean
  /** How the command came to run. */
  readonly via: 'direct' | 'substitution' | 'nested-shell'
}

export type ShellCommand = {
  readonly commands: readonly ParsedCommand[]
  /** Base names of what is run, each once; behind `sudo`, `xargs` and the like every word that may name a program. */
  readonly programs: readonly string[]
  readonly redirects: readonly { readonly op: string; readonly target: string | null }[]
  readonly dynamic: boolean
  readonly parseError: string | null
}

type Findings = {
  readonly commands: ParsedCommand[]
  readonly redirects: { op: string; target: string | null }[]
  parseError: string | null
}

/** Reads a bash script. Never throws: what cannot be read comes back as `parseError` and `dynamic`. */
export const parseShellCommand = (script: string): ShellCommand => {
  const findings: Findings = { commands: [], redirects: [], parseError: null }
  readScript(script, findings, { via: 'direct', depth: 0 })
  const programs = new Set<string>()
  for (const { argv } of findings.commands) for (const name of programsOf(argv)) programs.add(name)
  return {
    commands: findings.commands,
    programs: [...programs],
    redirects: findings.redirects,
    dynamic: findings.parseError !== null || findings.commands.some((command) => command.dynamic),
    parseError: findings.parseError,
  }
}

type Place = { readonly via: ParsedCommand['via']; readonly depth: number }

const EXPANSION_START = /\$[({]|[<>]\(/g

const readScript = (script: string, findings: Findings, place: Place): void => {
  if ((script.match(EXPANSION_START)?.length ?? 0) > EXPANSIONS_MAX) {
    findings.parseError ??= `more than ${EXPANSIONS_MAX} expansions`
    return
  }
  try {
    visit(parse(script), findings, place)
  } catch (error) {
    findings.parseError ??= error instanceof Error ? error.message : String(error)
  }
}

const visit = (node: SyntaxNode, findings: Findings, place: Place): void => {
  if ('errors' in node && node.errors?.[0]) findings.parseError ??= node.errors[0].message
  if (node.type === 'Redirect') {
    findings.redirects.push({ op: node.operator, target: node.target ? literalOf(node.target) : null })
  }
  if (node.type === 'Command' && node.name) {
    const words = [node.name, ...node.suffix.filter((part): part is Word => part.type === 'Word')]
    addCommand(words.map(literalOf), findings, place)
  }
  const isSubstitution = node.type === 'CommandExpansion' || node.type === 'ProcessSubstitution'
  const inner: Place = isSubstitution ? { ...place, via: 'substitution' } : place
  forEachChild(node, (child) => visit(child, findings, inner))
}

const addCommand = (argv: readonly (string | null)[], findings: Findings, place: Place): void => {
  if (findings.commands.length >= COMMANDS_MAX) {
    findings.parseError ??= `more than ${COMMANDS_MAX} commands`
    return
  }
  findings.commands.push({ argv, dynamic: argv.includes(null), via: place.via })
  const nested = nestedScript(argv)
  if (nested === null) return
  if (place.depth >= NESTED_SCRIPTS_MAX) findings.parseError ??= `scripts nested deeper than ${NESTED_SCRIPTS_MAX}`
  else readScript(nested, findings, { via: 'nested-shell', depth: place.depth + 1 })
}

/** The script that `sh -c` or `eval` is given, also behind `sudo`, `env` and the like; null when there is none. */
const nestedScript = (argv: readonly (string | null)[]): string | null => {
  if (argv[0] === 'eval') return argv.slice(1).join(' ')
  const shellAt = argv.findIndex((word) => word !== null && SHELLS.has(baseName(word)))
  if (shellAt < 0) return null
  let at = argv.findIndex((word, index) => index > shellAt && word !== null && /^-[a-zA-Z]*c[a-zA-Z]*$/.test(word))
  if (at < 0) return null
  // More options may stand before the script, and those that end in o take a word.
  for (let word = argv[at]; word && /^[-+]/.test(word); word = argv[at]) at += /[oO]$/.test(word) ? 2 : 1
  return argv[at] ?? null
}

/** Programs that run the program named after them, some of them as a script in one word. */
const WRAPPERS = new Set(
  'sudo doas su runuser env nohup nice ionice time timeout xargs parallel exec command builtin busybox setsid stdbuf flock chroot watch ssh script'.split(
    ' ',
  ),
)

/** Options differ from wrapper to wrapper, so that the value of one is taken for a program too. */
const programsOf = (argv: readonly (string | null)[]): readonly string[] => {
  const [first, ...rest] = argv
  if (!first) return []
  const name = baseName(first)
  if (name === 'find')
    return [name, ...rest.flatMap((word, at) => (FIND_RUNS.has(word) ? programsOf(rest.slice(at + 1)) : []))]
  if (!WRAPPERS.has(name)) return [name]
  const words = rest.flatMap((word) => word?.split(/[\s;|&()]+/) ?? [])
  return [name, ...words.flatMap((word) => (word !== '' && !/^-|^\w+=/.test(word) ? [baseName(word)] : []))]
}

const FIND_RUNS: ReadonlySet<string | null> = new Set(['-exec', '-execdir', '-ok', '-okdir'])

const baseName = (path: string): string => path.slice(path.lastIndexOf('/') + 1)

type Part = NonNullable<Word['parts']>[number]

const literalOf = (word: Word): string | null => (word.parts?.every(isLiteral) === false ? null : word.value)

const isLiteral = (part: Part): boolean => {
  if (part.type === 'DoubleQuoted' || part.type === 'LocaleString') return part.parts.every(isLiteral)
  return part.type === 'Literal' || part.type === 'SingleQuoted' || part.type === 'AnsiCQuoted' || part.type === 'Glob'
}
