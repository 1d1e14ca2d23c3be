/** Any value as one that a log line can hold: bounded, free of secrets, without running code of the value. */
import { isSecretField, REDACTED, type Redactor } from './redact.ts'

/** Longer strings are cut: a log names things, it does not hold them. */
const STRING_CHARACTERS_MAX = 1024
const MEMBERS_MAX = 32
const DEPTH_MAX = 5

/** Contract of what it returns: does not throw, and its result goes through `JSON.stringify` as it is. */
export const createLogValue = (redact: Redactor): ((value: unknown) => unknown) => {
  const toText = (text: string): string => {
    const clean = redact(text)
    return clean.length <= STRING_CHARACTERS_MAX
      ? clean
      : `${clean.slice(0, STRING_CHARACTERS_MAX)}...[${clean.length} characters]`
  }

  const toMembers = (source: object, place: Place): Readonly<Record<string, unknown>> => {
    const names = Object.keys(source)
    const members = names.slice(0, MEMBERS_MAX).map((name): [string, unknown] => {
      const value: unknown = Reflect.get(source, name)
      return [toText(name), isSecretField(name, value) ? REDACTED : toValue(value, place)]
    })
    return Object.fromEntries([...members, ...(names.length > MEMBERS_MAX ? [['...', names.length]] : [])])
  }

  const toObject = (value: object, { depth, above }: Place): unknown => {
    if (above.includes(value)) return '[cyclic]'
    if (depth > DEPTH_MAX) return '[deep]'
    const place = { depth: depth + 1, above: [...above, value] }
    if (ArrayBuffer.isView(value) || value instanceof ArrayBuffer) return `[${value.byteLength} bytes]`
    if (value instanceof Error) return toMembers(describeError(value), place)
    if (!Array.isArray(value)) return toMembers(value, place)
    const items = value.slice(0, MEMBERS_MAX).map((item) => toValue(item, place) ?? null)
    return value.length > MEMBERS_MAX ? [...items, `[${value.length} items]`] : items
  }

  const toValue = (value: unknown, place: Place): unknown => {
    switch (typeof value) {
      case 'object':
        try {
          return value === null ? null : toObject(value, place)
        } catch {
          return '[unreadable]' // a getter or a proxy threw; what it hides is not worth a failure
        }
      case 'boolean':
      case 'undefined':
        return value
      case 'number': {
        const text = String(value)
        return Number.isFinite(value) && redact(text) === text ? value : toText(text)
      }
      case 'string':
      case 'bigint':
        return toText(String(value))
      default:
        return `[${typeof value}]`
    }
  }
  return (value) => toValue(value, { depth: 0, above: [] })
}

type Place = { readonly depth: number; readonly above: readonly object[] }

/** An error that has a code is a fault of operation; of any other one the place in the program is wanted. */
const describeError = (error: Error): Readonly<Record<string, unknown>> => {
  const { name, message, cause, stack } = error
  const code = 'code' in error ? error.code : undefined
  return { name, message, ...(code === undefined ? { stack } : { code }), ...(cause === undefined ? {} : { cause }) }
}
