import { escapeUnsafeCharacters } from '../utils/escape-unsafe-characters.ts'
import { formatMicros } from '../utils/micros.ts'

/** Characters of one text within a description, and of the whole. */
const TEXT_CHARACTERS_MAX = 60
const EVENT_CHARACTERS_MAX = 400

/** An event on one line, for a person: `payment:send {"amount":"4","payTo":"bob"}`. Long texts and lists are cut, and it shows. */
export const describeEvent = (type: string, detail: unknown): string => {
  const line = `${type.replace(/^permission:/, '')} ${escapeUnsafeCharacters(JSON.stringify(shorten(detail)))}`
  return line.length <= EVENT_CHARACTERS_MAX ? line : `${line.slice(0, EVENT_CHARACTERS_MAX)}...`
}

const shorten = (value: unknown): unknown => {
  if (typeof value === 'string' && value.length > TEXT_CHARACTERS_MAX) {
    return `${value.slice(0, TEXT_CHARACTERS_MAX / 2)}... (${value.length} characters)`
  }
  if (Array.isArray(value)) {
    return value.length > 8 ? [...value.slice(0, 3).map(shorten), `... (${value.length} members)`] : value.map(shorten)
  }
  if (typeof value !== 'object' || value === null) return value
  return Object.fromEntries(
    Object.entries(value).map(([key, member]) =>
      key === 'amountMicros' && typeof member === 'number' ? ['amount', formatMicros(member)] : [key, shorten(member)],
    ),
  )
}
