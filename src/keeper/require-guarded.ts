import { lstatSync, readdirSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { NodeError } from '../utils/node-error.ts'

const OTHERS_WRITE = 0o022
const OTHERS_ANYTHING = 0o077
const STICKY = 0o1000

/**
 * Refuses a place that others than root could put something else in: each folder on the way must be root's, and writable for
 * root alone or sticky, so that an entry of root's stays where it is.
 * @throws {NodeError} KEEPER_FAILED naming the folder and its mend.
 */
export const requireGuarded = (path: string): void => {
  for (let folder = dirname(path); ; folder = dirname(folder)) {
    const { uid, mode } = lstatSync(folder)
    const isClosed = (mode & OTHERS_WRITE) === 0 || (mode & STICKY) !== 0
    if (uid !== 0 || !isClosed) {
      throw new NodeError('KEEPER_FAILED', `others than root can replace what lies in ${folder}`, {
        hint: `chown root ${folder} && chmod +t ${folder}`,
      })
    }
    if (folder === dirname(folder)) return
  }
}

/**
 * Refuses a folder for secrets that anybody else made, can look into, or has put something into: a key that somebody else
 * chose is known to them, and a link leads where they want it.
 * @throws {NodeError} KEEPER_FAILED naming the entry and its mend.
 */
export const requirePrivate = (folder: string): void => {
  const own = lstatSync(folder)
  if (!own.isDirectory() || own.uid !== process.getuid?.() || (own.mode & OTHERS_ANYTHING) !== 0)
    throw notPrivate(folder)
  for (const name of readdirSync(folder)) {
    const path = join(folder, name)
    const found = lstatSync(path)
    const isPlain = found.isDirectory() || (found.isFile() && found.nlink === 1)
    if (!isPlain || found.uid !== own.uid || (found.mode & OTHERS_WRITE) !== 0) throw notPrivate(path)
  }
}

const notPrivate = (path: string): NodeError =>
  new NodeError('KEEPER_FAILED', `${path} was not made by this keeper alone, or others can get at it`, {
    hint: 'look at what it holds and move it elsewhere; restore data/keeper from a backup when there is one',
  })
