import type { LoggedEvent } from '../operations.ts'
import { formatInstant } from '../utils/clock.ts'
import { escapeUnsafeCharacters, printableJson } from '../utils/escape-unsafe-characters.ts'
import type { RunCommand } from './command.types.ts'
import { parseCount } from './parse-count.ts'
import { withOperations } from './with-operations.ts'

/** Rows fetched at a time. */
const PAGE_ROWS = 500
/** How often `--follow` looks for more. */
const FOLLOW_INTERVAL_MS = 250
/** Characters of a payload shown on a line; `--json` shows all. */
const PAYLOAD_CHARACTERS_MAX = 160

/** With `--json` one document per line, because `--follow` has no end. */
export const runEvents: RunCommand = (invocation) => {
  const { io, json, values, signal } = invocation
  let after = parseCount(values['after'], { option: '--after', fallback: 0, min: 0, max: Number.MAX_SAFE_INTEGER })
  return withOperations(invocation, async (operations) => {
    while (!signal.aborted) {
      const events = await operations.events({ after, limit: PAGE_ROWS })
      for (const event of events) io.out(`${json ? printableJson(event) : describeEvent(event)}\n`)
      after = events.at(-1)?.seq ?? after
      if (events.length === PAGE_ROWS) continue
      if (values['follow'] !== true) break
      await Bun.sleep(FOLLOW_INTERVAL_MS)
    }
    return 0
  })
}

const describeEvent = ({ seq, at, turn, type, payload }: LoggedEvent): string => {
  const text = escapeUnsafeCharacters(printableJson(payload))
  const shown = text.length > PAYLOAD_CHARACTERS_MAX ? `${text.slice(0, PAYLOAD_CHARACTERS_MAX)}...` : text
  return `${String(seq).padStart(6)}  ${formatInstant(at)}  ${(turn ?? '-').padEnd(13)}  ${type.padEnd(16)}  ${shown}`
}
