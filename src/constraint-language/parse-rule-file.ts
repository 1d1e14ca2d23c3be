/**
 * A rule file is the common subset of TypeScript and JavaScript: an import from 'plaited', constants, and exported
 * `bThread([bSync({ ... }), ...], true)`. Its text is read here and never run, imported or transpiled: acorn parses it, a list
 * of allowed syntax refuses the rest, and a compiler turns each predicate into closures of ours.
 *
 * Since a rule only blocks, never ends and changes nothing, adding one can only forbid more: that is the ratchet.
 */
import { type Comment, type Identifier, type Program, parse, type Statement, type VariableDeclarator } from 'acorn'
import { checkSource } from './check-source.ts'
import { checkSyntax } from './check-syntax.ts'
import { createCompiler } from './compile-expression.ts'
import { declare } from './compile-function.ts'
import { compileRule } from './compile-rule.ts'
import { type Binding, type Budget, createVocabulary, type Vocabulary } from './compiled.ts'
import { finish } from './finish.ts'
import { COMPILED_NODES_MAX, EXPORTS_MAX, FAULTS_MAX, STEPS_MAX, TABLE_WORK_MAX } from './limits.ts'
import { Refusal, refuse } from './refusal.ts'
import type { EventFields, Rule, RuleFileFault } from './rule.types.ts'
import { sentenceOf } from './rule-sentence.ts'

const FILE_NAME = /^[a-z0-9-]{1,64}$/

export type RuleFileResult =
  | { readonly ok: true; readonly rules: readonly Rule[] }
  | { readonly ok: false; readonly faults: readonly RuleFileFault[] }

/**
 * Reads one rule file. `file` is its base name without extension; `fields` are the events that exist. Never throws on any
 * source: what is not a rule comes back as faults, each with its place and the mend.
 */
export const parseRuleFile = ({
  file,
  source,
  fields,
}: {
  readonly file: string
  readonly source: string
  readonly fields: EventFields
}): RuleFileResult => {
  const reading = createReading(file, source, createVocabulary(fields))
  const faults = faultsOf(reading)
  return faults.length === 0 ? { ok: true, rules: reading.rules } : { ok: false, faults }
}

type Reading = {
  readonly file: string
  readonly source: string
  readonly vocabulary: Vocabulary
  readonly budget: Budget
  readonly names: Map<string, Binding>
  readonly comments: Comment[]
  readonly rules: Rule[]
}

const createReading = (file: string, source: string, vocabulary: Vocabulary): Reading => ({
  file,
  source,
  vocabulary,
  budget: {
    nodesLeft: COMPILED_NODES_MAX,
    stepsLeft: STEPS_MAX,
    tableWork: { left: TABLE_WORK_MAX },
    patterns: new Map(),
  },
  names: new Map(),
  comments: [],
  rules: [],
})

const faultsOf = (reading: Reading): readonly RuleFileFault[] => {
  const { file, source } = reading
  if (!FILE_NAME.test(file)) return [atTop(`the file name \`${file}\``, 'use 1 to 64 of a-z, 0-9 and -')]
  const unsafe = checkSource(source)
  if (unsafe !== null) return [unsafe]
  const program = parseProgram(source, reading.comments)
  if ('message' in program) return [program]
  const refused = checkSyntax(program, source)
  if (refused.length > 0) return refused
  const faults = program.body
    .flatMap((statement) => faultOf(reading, statement as Statement) ?? [])
    .slice(0, FAULTS_MAX)
  if (faults.length > 0) return faults
  if (reading.rules.length > 0) return []
  return [atTop('the file exports no rule', 'write `export const name = bThread([bSync({ block: ... })], true)`')]
}

const atTop = (message: string, fix: string): RuleFileFault => ({ line: 1, column: 1, message, fix })

/** The stack ended before a limit did. */
const TOO_DEEP = atTop('the text is nested too deeply', 'use fewer brackets, operators and helpers')

const parseProgram = (source: string, comments: Comment[]): Program | RuleFileFault => {
  try {
    return parse(source, {
      ecmaVersion: 'latest',
      sourceType: 'module',
      locations: true,
      allowHashBang: false,
      onComment: comments,
    })
  } catch (error) {
    if (error instanceof RangeError) return TOO_DEEP
    if (!isSyntaxError(error)) throw error
    return {
      line: error.loc.line,
      column: error.loc.column + 1,
      message: error.message.replace(/ \(\d+:\d+\)$/, ''),
      fix: 'check brackets and commas near here; rules have no type annotations',
    }
  }
}

const isSyntaxError = (error: unknown): error is SyntaxError & { loc: { line: number; column: number } } =>
  error instanceof SyntaxError && 'loc' in error

const faultOf = (reading: Reading, statement: Statement | Program['body'][number]): RuleFileFault | null => {
  try {
    readStatement(reading, statement)
    return null
  } catch (error) {
    if (error instanceof Refusal) return error.fault
    if (error instanceof RangeError) return TOO_DEEP
    throw error
  }
}

const readStatement = (reading: Reading, statement: Program['body'][number]): void => {
  if (statement.type === 'ImportDeclaration') {
    for (const { local } of statement.specifiers) reading.names.set(local.name, { kind: 'import' })
    return
  }
  if (statement.type === 'VariableDeclaration') {
    for (const declarator of statement.declarations) readConstant(reading, declarator)
    return
  }
  const declaration = statement.type === 'ExportNamedDeclaration' ? statement.declaration : null
  const [declarator, ...rest] = declaration?.type === 'VariableDeclaration' ? declaration.declarations : []
  if (declarator === undefined || rest.length > 0) {
    refuse(statement, 'this statement is not part of a rule file', 'write imports, constants, and one rule per export')
    return
  }
  const { id, init } = readDeclarator(declarator)
  declare(reading.names, id, { kind: 'rule' })
  if (reading.rules.length === EXPORTS_MAX) refuse(statement, `more than ${EXPORTS_MAX} rules`, 'use several files')
  const key = `${reading.file}#${id.name}`
  const sentence = sentenceOf(statement, { name: id.name, comments: reading.comments, source: reading.source })
  const syncs = compileRule(createCompiler({ ...reading, key }), init, reading.names)
  reading.rules.push({ key, sentence, syncs })
}

const readConstant = (reading: Reading, declarator: VariableDeclarator): void => {
  const { id, init } = readDeclarator(declarator)
  if (init.type === 'ArrowFunctionExpression') {
    declare(reading.names, id, { kind: 'helper', arrow: init, names: new Map(reading.names) })
    return
  }
  const compiler = createCompiler({ ...reading, key: `${reading.file}#${id.name}` })
  const scope = { names: reading.names, types: reading.vocabulary.types, depth: 0 }
  const constant = compiler.compile(init, scope)
  declare(reading.names, id, { kind: 'value', compile: (node, at) => finish(compiler, node, at, constant) })
}

const readDeclarator = ({ id, init }: VariableDeclarator): { id: Identifier; init: NonNullable<typeof init> } =>
  id.type === 'Identifier' && init ? { id, init } : refuse(id, 'a constant needs a name and a value', 'write both')
