import type { NodeRecord } from '../node-record.ts'
import type { LoggedEvent } from '../operations.ts'
import { formatInstant } from '../utils/clock.ts'
import { printableJson } from '../utils/escape-unsafe-characters.ts'
import { NodeError } from '../utils/node-error.ts'
import { systemTiming } from '../utils/timing.ts'
import type { RunCommand } from './command.types.ts'
import { parseCount } from './parse-count.ts'
import { requireTurn } from './require-turn.ts'
import { withRecord } from './with-operations.ts'

/** Rows fetched at a time. */
const PAGE_ROWS = 500
/** How often `--follow` looks for more. */
const FOLLOW_INTERVAL_MS = 250
/** Characters of a payload shown on a line; `--json` shows all. */
const PAYLOAD_CHARACTERS_MAX = 160

/** With `--json` one document per line, because `--follow` has no end. It outlives the node: it goes on with the record. */
export const runEvents: RunCommand = async (invocation) => {
  const { io, json, values, signal } = invocation
  const turn = typeof values['turn'] === 'string' ? values['turn'] : null
  const follows = values['follow'] === true
  let after = parseCount(values['after'], { option: '--after', fallback: 0, min: 0, max: Number.MAX_SAFE_INTEGER })

  const print = async (record: NodeRecord): Promise<void> => {
    if (turn !== null && !follows) await requireTurn(record, turn)
    while (!signal.aborted) {
      const events = await record.events({ after, limit: PAGE_ROWS, turn })
      for (const event of events) io.out(`${json ? printableJson(event) : describeEvent(event)}\n`)
      after = events.at(-1)?.seq ?? after
      if (events.length === PAGE_ROWS) continue
      if (!follows) return
      await systemTiming.wait(FOLLOW_INTERVAL_MS, signal)
    }
  }

  do {
    try {
      await withRecord(invocation, print)
    } catch (error) {
      if (!(follows && error instanceof NodeError && error.code === 'NOT_RUNNING')) throw error
      await systemTiming.wait(FOLLOW_INTERVAL_MS, signal)
    }
  } while (follows && !signal.aborted)
  return 0
}

const describeEvent = ({ seq, at, turn, type, payload }: LoggedEvent): string => {
  const text = printableJson(payload)
  const shown = text.length > PAYLOAD_CHARACTERS_MAX ? `${text.slice(0, PAYLOAD_CHARACTERS_MAX)}...` : text
  return `${String(seq).padStart(6)}  ${formatInstant(at)}  ${(turn ?? '-').padEnd(13)}  ${type.padEnd(16)}  ${shown}`
}
