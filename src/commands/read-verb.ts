import { NodeError } from '../utils/node-error.ts'
import type { Invocation } from './command.types.ts'

/** What stands behind a verb, such as `FILE` in `constrain add FILE`. */
export type VerbForm = {
  /** As its usage shows it. */
  readonly takes: string
  readonly wordsMin: number
  readonly wordsMax: number
  /** Options of the command that this verb has. */
  readonly options?: readonly string[]
}

/** Every verb has these. */
const COMMON_OPTIONS = ['home', 'json']

/** The verb of a command and the words behind it. @throws {NodeError} USAGE for what the verb does not take. */
export const readVerb = <Verb extends string>(
  command: string,
  { positionals: [verb, ...words], values }: Pick<Invocation, 'positionals' | 'values'>,
  forms: Readonly<Record<Verb, VerbForm>>,
): { readonly verb: Verb; readonly words: readonly string[] } => {
  if (!isVerb(forms, verb)) {
    const message = verb === undefined ? `${command} needs a verb` : `${command} does not know ${JSON.stringify(verb)}`
    throw new NodeError('USAGE', message, { hint: `it knows ${Object.keys(forms).join(', ')}` })
  }
  const { takes, wordsMin, wordsMax, options = [] } = forms[verb]
  const called = `${command} ${verb}`
  const option = Object.keys(values).find((name) => ![...COMMON_OPTIONS, ...options].includes(name))
  const faults = [
    ...(option === undefined ? [] : [`${called} has no --${option}`]),
    ...(words.length < wordsMin ? [`${called} needs ${takes}`] : []),
    ...words.slice(wordsMax).map((word) => `${called} does not take ${JSON.stringify(word)}`),
  ]
  const [fault] = faults
  if (fault !== undefined) throw new NodeError('USAGE', fault, { hint: `usage: plaited ${called} ${takes}`.trimEnd() })
  return { verb, words }
}

const isVerb = <Verb extends string>(forms: Readonly<Record<Verb, VerbForm>>, word: string | undefined): word is Verb =>
  word !== undefined && Object.hasOwn(forms, word)
