/** Where the keeper of a home is, and how it is asked. */
import { existsSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { installSeedRules } from './agent/constraint-store.ts'
import type { DecisionHead } from './constraint-history/decision-head.ts'
import { placeFaultOf } from './constraint-history/place-fault.ts'
import type { Home } from './home.ts'
import { createKeeperClient, type KeeperClient, processLine, socketLine } from './keeper/keeper-client.ts'
import { hasKey } from './keeper/keeper-key.ts'
import { readLastHead } from './keeper/sign-head.ts'
import type { KeeperFolders } from './keeper-parts.ts'
import { SEED_RULES } from './parts.ts'
import { NodeError } from './utils/node-error.ts'

const PROJECT = join(import.meta.dir, '..')
const KEEPER = Bun.fileURLToPath(import.meta.resolve('./keeper-main.ts'))
/** Nothing of the caller's folder or environment may steer the process that holds the key. */
const BUN_FLAGS = ['--no-install', '--no-macros', '--no-env-file', `--config=${join(PROJECT, 'bunfig.toml')}`]

/**
 * `enforced`: the rules belong to another user, whose keeper listens on a socket. `advisory`: one user has both, who could
 * change the rules without asking, and the history then tells of it.
 */
export type Ratchet = 'enforced' | 'advisory'

export const keeperSocket = (home: Home): string => join(home.run, 'keeper.sock')

export const keeperFolders = (home: Home): KeeperFolders => ({
  ...{ constraints: home.constraints, keys: join(home.data, 'keeper'), seeds: SEED_RULES },
})

export const readRatchet = (home: Home): Ratchet =>
  isOthers(home.constraints) || existsSync(keeperSocket(home)) ? 'enforced' : 'advisory'

/** Gives a new home the shipped rules. One whose keeper has a key has had rules: that they are gone is for the audit to tell. */
export const provideRules = (home: Home): void => {
  if (!hasKey(keeperFolders(home).keys)) installSeedRules(home.constraints, SEED_RULES, { state: home.state })
}

/**
 * The end of the decision chain that the keeper signed last, as it keeps it itself; null before the first.
 * @throws {NodeError} as `KeeperClient`, KEEPER_FAILED when the keeper's record is damaged.
 */
export const readKeeperHead = async (home: Home): Promise<DecisionHead | null> => {
  if (readRatchet(home) === 'enforced') return (await reachKeeper(home).publicKeys()).decisionHead
  return readLastHead(keeperFolders(home).keys)
}

/** A client; nothing is started or connected before it is used. */
export const reachKeeper = (home: Home): KeeperClient => {
  if (readRatchet(home) === 'enforced') return createKeeperClient(socketLine(keeperSocket(home)))
  const { constraints, keys, seeds } = keeperFolders(home)
  const folders = ['--constraints', constraints, '--keys', keys, '--seeds', seeds]
  const line = processLine([process.execPath, ...BUN_FLAGS, KEEPER, ...folders])
  return createKeeperClient(async (frame, timeoutMs) => {
    // A keeper without a key would take a home without rules for a new one; only the node can tell that it is none.
    const fault = placeFaultOf(constraints)
    if (fault !== null) throw new NodeError('KEEPER_FAILED', fault.what, { hint: fault.mend })
    return line(frame, timeoutMs)
  })
}

/**
 * Has the keeper sign the rules of a home that has no history yet; it does so for the shipped ones, at its start.
 * @throws {NodeError} as `KeeperClient`.
 */
export const beginHistory = async (home: Home): Promise<void> => {
  if (!existsSync(join(home.constraints, '.git'))) await reachKeeper(home).publicKeys()
}

/**
 * Whether this process may do what the keeper does for nobody: root where the keeper is another user than the node, the
 * owner's own user elsewhere. @throws {NodeError} CONTROL_REFUSED.
 */
export const requireKeeperRights = (home: Home): Ratchet => {
  if (isOthers(home.constraints)) {
    throw new NodeError('CONTROL_REFUSED', 'only root on the machine of the node may do this', {
      hint: 'run it there as root, for example: docker exec -u root CONTAINER plaited constrain retire NAME --reason TEXT',
    })
  }
  // Root, and a node of another user: what is root's here is out of its reach.
  return isOthers(home.state) || existsSync(keeperSocket(home)) ? 'enforced' : 'advisory'
}

const isOthers = (path: string): boolean => {
  const owner = statSync(path, { throwIfNoEntry: false })?.uid
  return owner !== undefined && owner !== process.getuid?.()
}
