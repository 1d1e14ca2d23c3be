import { parseTemplateWords } from '../../../constraint-spec/template-words.ts'

/** A command of the scripted model, as the owner types it. */
export type Command =
  | { readonly kind: 'write'; readonly path: string; readonly text: string }
  | { readonly kind: 'append'; readonly path: string; readonly text: string }
  | { readonly kind: 'read'; readonly path: string }
  | { readonly kind: 'list'; readonly path: string | null }
  | { readonly kind: 'find'; readonly words: string }
  | { readonly kind: 'run'; readonly command: string }
  | { readonly kind: 'pay'; readonly amount: string; readonly payee: string }
  | { readonly kind: 'rule'; readonly words: string }
  | { readonly kind: 'recall'; readonly words: string }
  | { readonly kind: 'remember'; readonly text: string }
  | { readonly kind: 'undo' }

/** What the script understands, in the order in which it says so. */
export const COMMAND_FORMS: readonly string[] = [
  'write PATH: TEXT',
  'append PATH: TEXT',
  'read PATH',
  'list [PATH]',
  'find WORDS',
  'run COMMAND',
  'pay AMOUNT to PAYEE',
  'never RULE',
  'recall WORDS',
  'remember TEXT',
  'undo the last change',
]

const SEPARATOR = ' && then '

/**
 * Commands joined by ` && then `; null when any part is not a command, so that a message which was not meant for the
 * script is not carried out by half.
 */
export const parseCommands = (message: string): readonly Command[] | null => {
  const commands: Command[] = []
  for (const part of message.split(SEPARATOR)) {
    const command = parseCommand(part.trimStart())
    if (!command) return null
    commands.push(command)
  }
  return commands
}

/** `\n`, `\t` and `\\` become what they stand for; any other backslash stays. */
export const unescapeText = (text: string): string =>
  text.replace(/\\([nt\\])/g, (_, letter: string) => (letter === 'n' ? '\n' : letter === 't' ? '\t' : '\\'))

const parseCommand = (part: string): Command | null => {
  const line = part.trimEnd()
  if (line === 'undo the last change') return { kind: 'undo' }
  if (line === 'list') return { kind: 'list', path: null }
  if (parseTemplateWords(line) !== null) return { kind: 'rule', words: line }
  const [, verb, rest] = /^([a-z]+) ([\s\S]+)$/.exec(part) ?? []
  if (verb === undefined || rest === undefined || rest.trim() === '') return null
  return verb === 'write' || verb === 'append' ? parseTextCommand(verb, rest) : parseArgumentCommand(verb, rest.trim())
}

/** PATH ends at the first `: `. A message that ends with the colon had an empty TEXT, and lost the space on its way. */
const parseTextCommand = (kind: 'write' | 'append', rest: string): Command | null => {
  const [, path, text] = /^([^\n]+?): ([\s\S]*)$/.exec(rest) ?? /^([^\n]+):()$/.exec(rest) ?? []
  return path === undefined || text === undefined ? null : { kind, path: path.trim(), text: unescapeText(text) }
}

const parseArgumentCommand = (verb: string, argument: string): Command | null => {
  switch (verb) {
    case 'read':
    case 'list':
      return argument.includes('\n') ? null : { kind: verb, path: argument }
    case 'find':
    case 'recall':
      return { kind: verb, words: argument }
    case 'run':
      return { kind: 'run', command: argument }
    case 'never':
      return { kind: 'rule', words: `never ${argument}` }
    case 'remember':
      return { kind: 'remember', text: unescapeText(argument) }
    case 'pay': {
      const [, amount, payee] = /^\$?(\S+) to (\S[\s\S]*)$/.exec(argument) ?? []
      return amount === undefined || payee === undefined ? null : { kind: 'pay', amount, payee }
    }
    default:
      return null
  }
}
