import { lstatSync } from 'node:fs'
import { dirname } from 'node:path'
import { NodeError } from '../utils/node-error.ts'

const OTHERS_WRITE = 0o022
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
