/** The words behind a command's name: options that it has, values once each, and no more words than it takes. */
import { type ParseArgsConfig, parseArgs } from 'node:util'
import { NodeError } from '../utils/node-error.ts'
import type { CommandEntry, Options } from './command.types.ts'

const COMMON_OPTIONS = {
  home: { type: 'string' },
  json: { type: 'boolean' },
  help: { type: 'boolean', short: 'h' },
} as const

export type Form = Omit<CommandEntry, 'summary' | 'load'>
export type Parsed = { readonly values: Options; readonly positionals: readonly string[] }

export const usageOf = ({ name, takes = '', usesNoHome, refusesJson, raw }: Form): string => {
  const common = raw ? [] : [usesNoHome ? '' : '[--home DIR]', refusesJson ? '' : '[--json]']
  return ['plaited', name, ...common, takes].filter((part) => part !== '').join(' ')
}

/** @throws {NodeError} USAGE for an option or a word that the command does not take. */
export const parseOptions = (form: Form, words: readonly string[]): Parsed => {
  const options: Declared = { ...COMMON_OPTIONS, ...form.options }
  // Not strict: Node's own messages say neither what the command takes nor what to write instead.
  const { tokens } = parseArgs({ args: [...words], options, allowPositionals: true, strict: false, tokens: true })
  const values = new Map<string, string | true>()
  const faults: string[] = []
  for (const token of tokens) {
    if (token.kind !== 'option') continue
    const declared = Object.hasOwn(options, token.name) ? options[token.name] : undefined
    if (declared === undefined) faults.push(`${form.name} has no ${token.rawName}`)
    else faults.push(...valueFaults(token, declared.type === 'string'))
    if (declared?.type === 'string' && values.has(token.name)) faults.push(`${token.rawName} is given twice`)
    values.set(token.name, token.value ?? true)
  }
  const positionals = tokens.flatMap((token) => (token.kind === 'positional' ? [token.value] : []))
  if (!values.has('help')) faults.push(...unwanted(form, values, positionals))
  const [fault] = faults
  if (fault !== undefined) throw new NodeError('USAGE', fault, { hint: `usage: ${usageOf(form)}` })
  return { values: Object.fromEntries(values), positionals }
}

type Declared = NonNullable<ParseArgsConfig['options']>
type Given = {
  readonly rawName: string
  readonly value?: string | undefined
  readonly inlineValue?: boolean | undefined
}

const valueFaults = ({ rawName, value, inlineValue }: Given, takesValue: boolean): readonly string[] => {
  if (!takesValue) return value === undefined ? [] : [`${rawName} takes no value`]
  const looksLikeOption = value !== undefined && !inlineValue && /^-./.test(value)
  return value === undefined || looksLikeOption
    ? [`${rawName} needs a value; one that begins with - is written ${rawName}=VALUE`]
    : []
}

const unwanted = (
  { name, refusesJson, positionalsMax = 0 }: Form,
  values: ReadonlyMap<string, unknown>,
  positionals: readonly string[],
): readonly string[] => [
  ...(refusesJson && values.has('json') ? [`${name} has no --json`] : []),
  ...positionals.slice(positionalsMax).map((word) => `${name} does not take ${JSON.stringify(word)}`),
]
