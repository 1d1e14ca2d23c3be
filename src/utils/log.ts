/**
 * The log: one JSON line per entry, `{at, level, event, ...fields}`, for whoever runs the node. Its lines are printable
 * ASCII, bounded in length, and free of the secrets it was given (`redact.ts`). Logging never throws and never fails the
 * work that it tells of: the journal is the record, the log only says what went on.
 */
import { type Clock, formatInstant } from './clock.ts'
import { createLogValue } from './log-value.ts'
import { createRedactor } from './redact.ts'

/** From nothing to everything. */
export const LOG_LEVELS = ['silent', 'error', 'warn', 'info', 'debug'] as const
export type LogLevel = (typeof LOG_LEVELS)[number]

/** `PIPE_BUF` of Linux: a shorter line never mixes with that of another process on the same pipe. */
const LINE_BYTES_MAX = 4096

export type LogFields = Readonly<Record<string, unknown>>

type Write<Events> = <Event extends keyof Events & string>(event: Event, fields: Events[Event]) => void

/** `Events` names every event with its fields, so that an entry without a declaration does not compile. */
export type Log<Events> = Readonly<Record<Exclude<LogLevel, 'silent'>, Write<Events>>> & {
  readonly level: LogLevel
  /** The same log with fields that each of its entries carries. */
  readonly bind: (fields: LogFields) => Log<Events>
}

export type LogOptions = {
  /** Receives whole lines, with their line break. */
  readonly write: (line: string) => void
  readonly clock: Clock
  readonly secrets: readonly string[]
  readonly level: LogLevel
}

/** Contract of every method: does not throw. */
export const createLog = <Events>({ write, clock, secrets, level }: LogOptions): Log<Events> => {
  const toValue = createLogValue(createRedactor(secrets))

  const render = (head: LogFields, fields: LogFields): string => {
    const members = Object.entries(head).map(([name, value]) => member(name, value))
    let bytes = members.join().length
    let cut = 0
    for (const [name, value] of Object.entries(fields)) {
      if (value === undefined || Object.hasOwn(head, name)) continue
      const text = member(name, value)
      bytes += text.length + 1
      if (bytes > FIELDS_BYTES_MAX) cut++
      else members.push(text)
    }
    return `{${[...members, ...(cut > 0 ? [member('cut', cut)] : [])].join()}}\n`
  }

  const bound = (base: readonly LogFields[]): Log<Events> => {
    const method = (own: LogLevel): Write<Events> => {
      if (LOG_LEVELS.indexOf(own) > LOG_LEVELS.indexOf(level)) return () => {}
      return (event, fields) => {
        try {
          write(render({ at: formatInstant(clock.now()), level: own, event }, merge([...base, fields].map(toValue))))
        } catch {
          // Whoever reads the log has gone, or the disk is full. What was to be told is in the journal.
        }
      }
    }
    return {
      level,
      ...{ debug: method('debug'), info: method('info'), warn: method('warn'), error: method('error') },
      bind: (fields) => bound([...base, fields]),
    }
  }
  return bound([])
}

const merge = (parts: readonly unknown[]): LogFields =>
  Object.assign({}, ...parts.map((part) => (typeof part === 'object' ? part : { fields: part })))

/** Room for `,"cut":` and its number, the braces and the line break. */
const FIELDS_BYTES_MAX = LINE_BYTES_MAX - 32

const member = (name: string, value: unknown): string => `${toAscii(name)}:${toAscii(value)}`

/** What is not printable, or could be taken for something else, is escaped as JSON escapes it. */
const toAscii = (value: unknown): string =>
  (JSON.stringify(value) ?? 'null').replace(
    /[^\x20-\x7e]/g,
    (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`,
  )
