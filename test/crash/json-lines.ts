import { closeSync, existsSync, fsyncSync, openSync, readFileSync, truncateSync, writeSync } from 'node:fs'

/** Appends a value as one line and makes it durable. */
export const appendJsonLine = (path: string, value: unknown): void => {
  const file = openSync(path, 'a')
  try {
    writeSync(file, `${JSON.stringify(value)}\n`)
    fsyncSync(file)
  } finally {
    closeSync(file)
  }
}

/** All values, oldest first. A last line that its writer died over was never written; nobody may write meanwhile. */
export const readJsonLines = (path: string): readonly unknown[] => {
  if (!existsSync(path)) return []
  const bytes = readFileSync(path)
  const end = bytes.lastIndexOf('\n') + 1
  if (end < bytes.length) truncateSync(path, end)
  return bytes
    .toString('utf8', 0, end)
    .split('\n')
    .filter(Boolean)
    .map((line): unknown => JSON.parse(line))
}
