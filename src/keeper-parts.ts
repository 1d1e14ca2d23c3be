/** Composes the keeper of a home: for its own process, and for the commands that need no request. */
import { join } from 'node:path'
import { loadRules } from './agent/constraint-store.ts'
import { type Lease, takeLease } from './agent/lease.ts'
import { createRuleAcceptance } from './constraint-acceptance/rule-acceptance.ts'
import { createKeeper, type Keeper, type KeeperLog } from './keeper/keeper.ts'
import { makeKeyFolder } from './keeper/keeper-key.ts'
import { requireGuarded, requirePrivate } from './keeper/require-guarded.ts'
import type { AcceptRule } from './keeper/rule-book.ts'
import { systemClock } from './utils/clock.ts'
import { NodeError } from './utils/node-error.ts'

export type KeeperFolders = {
  /** Folder of the rules. */
  readonly constraints: string
  /** Folder of the keeper's key. */
  readonly keys: string
  /** Folder of the rules that plaited ships. */
  readonly seeds: string
}

/** As the node judges a rule; `existing` are read anew, since they grow. */
const createAccept = (constraints: string): AcceptRule => {
  const { acceptRule } = createRuleAcceptance()
  return ({ name, source, examples }) => {
    try {
      const accepted = acceptRule({ file: name, source, examples }, loadRules(constraints).rules)
      return accepted.ok ? accepted : { ok: false, reason: `${accepted.reason} (${accepted.entry})` }
    } catch (error) {
      if (error instanceof NodeError) return { ok: false, reason: error.message }
      throw error
    }
  }
}

/** Another keeper of one user lives for one request; one that listens is not waited for longer than it takes to say so. */
const LOCK_WAIT_MS = 5000
const LOCK_POLL_MS = 50

export type OpenKeeper = Keeper & { readonly close: () => void }

/**
 * Opens the keeper, alone: another that is at work is waited for. Freed with the process.
 * @throws {NodeError} HOME_LOCKED when another keeper goes on working, and as `createKeeper`.
 */
export const openKeeper = async (
  folders: KeeperFolders,
  options: { readonly isSeparate: boolean; readonly log: KeeperLog },
): Promise<OpenKeeper> => {
  if (options.isSeparate) {
    requireGuarded(folders.constraints)
    requireGuarded(folders.keys)
  }
  makeKeyFolder(folders.keys)
  if (options.isSeparate) requirePrivate(folders.keys)
  const lease = await waitForLease(join(folders.keys, 'keeper.sqlite'))
  try {
    const keeper = createKeeper({
      ...{ folder: folders.constraints, keyFolder: folders.keys, seeds: folders.seeds },
      ...{ clock: systemClock, accept: createAccept(folders.constraints), atPoint: () => {}, ...options },
    })
    return { ...keeper, close: lease.release }
  } catch (error) {
    lease.release()
    throw error
  }
}

const waitForLease = async (path: string): Promise<Lease> => {
  const giveUpAt = systemClock.now() + LOCK_WAIT_MS
  for (;;) {
    try {
      return takeLease(path)
    } catch (error) {
      const isLocked = error instanceof NodeError && error.code === 'HOME_LOCKED'
      if (!isLocked || systemClock.now() >= giveUpAt) throw error
      await Bun.sleep(LOCK_POLL_MS)
    }
  }
}
