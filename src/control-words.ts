/** Words that the node answers itself, without the model: they work when the model does not. */

import { CODE_LENGTH, isConfirmationCode, parseConfirmationCode } from './agent/confirmation-code.ts'
import type { BudgetExtension } from './agent/ledger.types.ts'
import type { OpenQuestion } from './agent/questions.ts'
import {
  describeBudget,
  describeDiff,
  describeLog,
  describeQuestions,
  describeRestore,
  describeStatus,
  describeUndo,
} from './describe.ts'
import { type Operations, parseRestore } from './operations.ts'
import { parseMicros } from './utils/micros.ts'
import { NodeError } from './utils/node-error.ts'

export type ControlWord =
  | 'stop'
  | 'resume'
  | 'status'
  | 'questions'
  | 'no'
  | `confirm ${string}`
  /** Meant as an answer to what is asked, and none that counts. */
  | 'unclear'
  | 'undo'
  | `undo ${string}`
  | 'redo'
  | `restore ${string}@${string}`
  | 'log'
  | 'diff'
  | `diff ${string}`
  | 'help'
  | 'budget'
  | `budget +${string}`

/** What is asked in the channel that the word came from. */
export type AskedHere = {
  readonly open: () => readonly OpenQuestion[]
  /** Answers with what then happens; null when nothing open has this code. */
  readonly confirm: (code: string) => Promise<string | null>
  /** No to the calls that are asked about; to the proposed rules when there are none. What was declined. */
  readonly deny: () => readonly OpenQuestion[]
}

/** Turns that `log` shows in a chat. */
const LOG_TURNS_SHOWN = 10

const WORDS: ReadonlyMap<string, ControlWord> = new Map([
  ['stop', 'stop'],
  ['resume', 'resume'],
  ['status', 'status'],
  ['questions', 'questions'],
  ['undo', 'undo'],
  ['undo the last change', 'undo'],
  ['redo', 'redo'],
  ['log', 'log'],
  ['diff', 'diff'],
  ['budget', 'budget'],
  ['help', 'help'],
])

const HELP = `I answer these words myself, without the model:
  stop       end the running turn at once and drop what waits; twice within a minute freezes me
  resume     let me work again after that
  status     what runs, what was spent, which sandbox
  questions  what I have asked you and wait for
  undo       take back the last turn's changes; "undo TURN" takes back that turn
  redo       take back the last undo
  restore    "restore FILE@TURN" brings a file back to what it was after that turn
  log        the last turns that changed something
  diff       what the last turn changed, line by line; "diff TURN" shows that turn
  budget     what is spent; "budget +2 today" or "budget +10 this month" raises a cap
Everything else goes to the model; said while I work, it steers what I do.`

const EXTENSION_FORMS = 'Say "budget +2 today" or "budget +10 this month".'

/** Only a whole message counts: `/stop`, `STOP!`, `undo`; "please do not stop" is for the model. */
export const parseControlWord = (text: string): ControlWord | null => {
  const given = text
    .trim()
    .replace(/^\//, '')
    .replace(/[.!]+$/, '')
  const word = given.toLowerCase().replace(/ +/g, ' ')
  const code = parseConfirmationCode(text)
  if (code !== null) return `confirm ${code}`
  return WORDS.get(word) ?? (isExtensionWord(word) || isTurnWord(word) ? word : parseRestoreWord(given))
}

/** Only what is shaped like the id of a turn: "undo the header" is for the model. */
const isTurnWord = (word: string): word is `${'undo' | 'diff'} ${string}` => /^(undo|diff) t[0-9a-f]{12}$/.test(word)

/** The name of the file keeps its case and may hold blanks and an @. */
const parseRestoreWord = (text: string): ControlWord | null => {
  const [, path, turn] = /^restore +([^\n]{1,4096})@(t[0-9a-f]{12})$/i.exec(text) ?? []
  return path && turn ? `restore ${path}@${turn.toLowerCase()}` : null
}

/** What changes the workspace must not run beside a turn, nor twice; all others are answered at once. */
export const needsLane = (word: ControlWord): boolean => /^(undo|redo|restore)\b/.test(word)

/** What else is an answer while something is asked; null: it is not one, and for the model as ever. */
export const parseAnswer = (text: string): 'no' | 'unclear' | `confirm ${string}` | null => {
  if (/^\W*(no|nope|nah|n|no,? thanks|no,? thank you)\W*$/i.test(text)) return 'no'
  if (/^\W*(y|yes|yep|yeah|ok|okay|sure|confirm)\W*$/i.test(text)) return 'unclear'
  const letters = text
    .toLowerCase()
    .replace(/^\W*(yes|ok|okay|confirm)\W/, '')
    .replaceAll(/[^\p{L}\p{N}]/gu, '')
  if (isConfirmationCode(letters)) return `confirm ${letters}`
  return NEARLY_A_CODE.test(letters) ? 'unclear' : null
}

/** A code with a letter too few, too many, or mistyped: no word of a language has so few vowels, with some exceptions. */
const NEARLY_A_CODE = /^(?=.{6,10}$)[^aeiou]*[aeiou]?[^aeiou]*$/

/** What begins so is about money and never for the model, also when it is none of the forms: the answer names them. */
const isExtensionWord = (word: string): word is `budget +${string}` => /^budget \+[^\n]{0,40}$/.test(word)

/** `+2 today`, `+2.50 USD this month`; null for everything else. */
export const parseExtension = (text: string): BudgetExtension | null => {
  const [, amount = '', period] = /^\+([\d.]+)(?: usd)? (today|(?:this )?month)$/i.exec(text) ?? []
  const micros = parseMicros(amount)
  return micros ? { span: period?.toLowerCase() === 'today' ? 'day' : 'month', micros } : null
}

/**
 * `undo` runs in the lane, between turns, so it must be one that does not wait for the lane. Contract: does not reject for
 * operating faults.
 */
export const answerControlWord = async (
  word: ControlWord,
  operations: Pick<Operations, 'status' | 'undo' | 'redo' | 'restore' | 'log' | 'diff' | 'budget' | 'resume'> & {
    readonly questions: AskedHere
  },
): Promise<string> => {
  try {
    switch (word) {
      case 'stop':
        return 'Nothing is running.'
      case 'questions':
        return describeQuestions(operations.questions.open())
      case 'no':
        return denyAsked(operations.questions)
      case 'unclear':
        return `I wait for an answer: the code of ${CODE_LENGTH} letters that I sent, and nothing else, or no. I did not pass this on.`
      case 'resume':
        return (await operations.resume()) ? 'I work again. Say what to do.' : 'I was not frozen.'
      case 'status':
        return describeStatus(await operations.status())
      case 'undo':
        return describeUndo(await operations.undo(null))
      case 'redo':
        return describeUndo(await operations.redo())
      case 'log':
        return describeLog(await operations.log(LOG_TURNS_SHOWN))
      case 'diff':
        return describeDiff(null, await operations.diff(null))
      case 'help':
        return HELP
      case 'budget':
        return describeBudget(await operations.budget(null))
      default:
        return await answerWordWithArguments(word, operations)
    }
  } catch (error) {
    if (!(error instanceof NodeError)) throw error
    return `${error.message}${error.hint ? ` (${error.hint})` : ''}`
  }
}

const answerWordWithArguments = async (
  word: `confirm ${string}` | `undo ${string}` | `diff ${string}` | `restore ${string}` | `budget +${string}`,
  operations: Pick<Operations, 'undo' | 'diff' | 'restore' | 'budget'> & { readonly questions: AskedHere },
): Promise<string> => {
  const argument = word.slice(word.indexOf(' ') + 1)
  if (word.startsWith('confirm ')) return confirmCode(argument, operations.questions)
  if (word.startsWith('undo ')) return describeUndo(await operations.undo(argument))
  if (word.startsWith('diff ')) return describeDiff(argument, await operations.diff(argument))
  const file = word.startsWith('restore ') ? parseRestore(argument) : null
  return file ? describeRestore(await operations.restore(file)) : extendBudget(argument, operations)
}

/** Where several things were asked, a no says what it was to. */
const denyAsked = ({ open, deny }: AskedHere): string => {
  const asked = open().length
  const denied = deny()
  if (asked <= 1) return asked === 1 ? 'Then I do not.' : describeQuestions([])
  const left = asked - denied.length
  const rest = left === 0 ? '' : `\nI still wait for your word on ${left} more: say 'questions'.`
  return `Then I do not:\n${describeQuestions(denied)}${rest}`
}

const confirmCode = async (code: string, { confirm }: AskedHere): Promise<string> =>
  (await confirm(code)) ?? 'Nothing that is open has that code.'

const extendBudget = async (words: string, { budget }: Pick<Operations, 'budget'>): Promise<string> => {
  const extension = parseExtension(words)
  if (!extension) return `I did not understand that, so nothing was raised. ${EXTENSION_FORMS}`
  return `Raised.\n${describeBudget(await budget(extension))}`
}
