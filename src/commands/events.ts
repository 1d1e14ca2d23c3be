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

/**
 * With `--json` one document, an event on each of its lines; with `--follow`, which has no end, one document per line.
 * That outlives the node: it goes on with the record.
 */
export const runEvents: RunCommand = async (invocation) => {
  const { io, json, values, signal } = invocation
  const turn = typeof values['turn'] === 'string' ? values['turn'] : null
  const follows = values['follow'] === true
  let after = parseCount(values['after'], { option: '--after', fallback: 0, min: 0, max: Number.MAX_SAFE_INTEGER })

  const isDocument = json && !follows
  let written = 0
  const write = (event: LoggedEvent): void => {
    const line = json ? printableJson(event) : describeEvent(event)
    io.out(isDocument ? `${written === 0 ? '' : ','}\n${line}` : `${line}\n`)
    written++
  }

  const print = async (record: NodeRecord): Promise<void> => {
    if (turn !== null && !follows) await requireTurn(record, turn)
    do {
      const events = await record.events({ after, limit: PAGE_ROWS, turn })
      if (isDocument && written === 0) io.out('{"events":[') // not before the first page: a fault is a document, too
      for (const event of events) write(event)
      after = events.at(-1)?.seq ?? after
      if (events.length === PAGE_ROWS) continue
      if (!follows) return
      await systemTiming.wait(FOLLOW_INTERVAL_MS, signal)
    } while (!signal.aborted)
  }

  do {
    try {
      await withRecord(invocation, print)
    } catch (error) {
      if (!(follows && error instanceof NodeError && error.code === 'NOT_RUNNING')) throw error
      await systemTiming.wait(FOLLOW_INTERVAL_MS, signal)
    }
  } while (follows && !signal.aborted)
  if (isDocument) io.out('\n]}\n')
  return 0
}

const describeEvent = ({ seq, at, turn, type, payload }: LoggedEvent): string => {
  const text = printableJson(payload)
  const shown = text.length > PAYLOAD_CHARACTERS_MAX ? `${text.slice(0, PAYLOAD_CHARACTERS_MAX)}...` : text
  return `${String(seq).padStart(6)}  ${formatInstant(at)}  ${(turn ?? '-').padEnd(13)}  ${type.padEnd(16)}  ${shown}`
}
