import type { FileRequest } from '../file-worker.types.ts'

const isText = (value: unknown): boolean => typeof value === 'string'
const isFlag = (value: unknown): boolean => typeof value === 'boolean'
const isLineNumberOrNull = (value: unknown): boolean => value === null || Number.isSafeInteger(value)
const isTextOrNull = (value: unknown): boolean => value === null || isText(value)

const FIELDS: Readonly<Record<string, Readonly<Record<string, (value: unknown) => boolean>>>> = {
  read: { path: isText, offset: isLineNumberOrNull, limit: isLineNumberOrNull },
  write: { path: isText, content: isText },
  store: { path: isText, base64: isText },
  edit: { path: isText, oldString: isText, newString: isText, replaceAll: isFlag },
  glob: { pattern: isText, path: isText },
  keep: { path: isText, content: isText, bytesMax: (value) => Number.isSafeInteger(value) },
  grep: { pattern: isText, path: isText, glob: isTextOrNull },
}

/** Checks a request by hand: the worker has no packages. @throws {TypeError} on anything that the node would not send. */
export const parseRequest = (document: unknown): FileRequest => {
  if (!isFileRequest(document)) throw new TypeError('not a request of the node')
  return document
}

const isFileRequest = (value: unknown): value is FileRequest => {
  if (!isRecord(value) || !Number.isSafeInteger(value['id'])) return false
  const operation = value['operation']
  if (!isRecord(operation) || typeof operation['kind'] !== 'string') return false
  const fields = Object.hasOwn(FIELDS, operation['kind']) ? FIELDS[operation['kind']] : undefined
  return fields !== undefined && Object.entries(fields).every(([name, isValid]) => isValid(operation[name]))
}

const isRecord = (value: unknown): value is Record<string, unknown> => typeof value === 'object' && value !== null
