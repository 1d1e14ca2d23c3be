/** Words that the node answers itself, without the model: they work when the model does not. */

import { describeLog, describeStatus, describeUndo } from './describe.ts'
import type { Operations } from './operations.ts'
import { NodeError } from './utils/node-error.ts'

export type ControlWord = 'stop' | 'status' | 'undo' | 'log' | 'help'

/** Turns that `log` shows in a chat. */
const LOG_TURNS_SHOWN = 10

const WORDS: ReadonlyMap<string, ControlWord> = new Map([
  ['stop', 'stop'],
  ['status', 'status'],
  ['undo', 'undo'],
  ['undo the last change', 'undo'],
  ['log', 'log'],
  ['help', 'help'],
])

const HELP = `I answer these words myself, without the model:
  stop     end the running turn at once
  status   what runs, what was spent, which sandbox
  undo     take back the last turn's changes
  log      the last turns that changed something
Everything else goes to the model.`

/** Only a whole message counts: `/stop`, `STOP!`, `undo`; "please do not stop" is for the model. */
export const parseControlWord = (text: string): ControlWord | null =>
  WORDS.get(
    text
      .trim()
      .toLowerCase()
      .replace(/^\//, '')
      .replace(/[.!]+$/, ''),
  ) ?? null

/** Runs inside the lane, between turns: `undo` must be one that does not wait for the lane. Contract: does not reject for operating faults. */
export const answerControlWord = async (
  word: ControlWord,
  operations: Pick<Operations, 'status' | 'undo' | 'log'>,
): Promise<string> => {
  try {
    switch (word) {
      case 'stop':
        return 'Nothing is running.'
      case 'status':
        return describeStatus(await operations.status())
      case 'undo':
        return describeUndo(await operations.undo())
      case 'log':
        return describeLog(await operations.log(LOG_TURNS_SHOWN))
      case 'help':
        return HELP
    }
  } catch (error) {
    if (!(error instanceof NodeError)) throw error
    return `${error.message}${error.hint ? ` (${error.hint})` : ''}`
  }
}
