/** The operations of the node in this home, whoever can answer them. */
import { type Config, readConfig } from '../config.ts'
import { createNode, type NodeOptions, type PlaitedNode } from '../node.ts'
import { createNodeLog } from '../node-log.ts'
import { type NodeRecord, openNodeRecord } from '../node-record.ts'
import type { Operations } from '../operations.ts'
import { createControlClient, isNodeListening } from '../server/control-client.ts'
import { systemClock } from '../utils/clock.ts'
import { NodeError } from '../utils/node-error.ts'
import type { Invocation } from './command.types.ts'

/** How long a command waits for a home that is held by one that does not answer: a start takes well below a second. */
const LOCK_WAIT_MS = 5000
const LOCK_POLL_MS = 100

type Place = Pick<Invocation, 'home' | 'io'> & {
  /** For a command that knows what to do while the home is locked. */
  readonly lockWaitMs?: number
}

/** Those of the running node when it answers, else of one made for this command. */
export const withOperations = async <T>(
  place: Place,
  use: (operations: Operations, config: Config) => Promise<T>,
): Promise<T> => {
  const settings = readSettings(place)
  return withReached(settings, (operations) => use(operations, settings.config), place.lockWaitMs)
}

/**
 * The record of the node: told by the running node when it answers, else read beside whoever holds the home. Takes no
 * lease, except to make a home that is not there yet.
 */
export const withRecord = async <T>(place: Place, use: (record: NodeRecord) => Promise<T>): Promise<T> => {
  const settings = readSettings(place)
  const { controlSocket } = settings.config.home
  if (await isNodeListening(controlSocket)) return use(createControlClient(controlSocket))
  const record = openNodeRecord(settings) ?? (await withReached(settings, async () => openNodeRecord(settings)))
  if (record === null) throw new NodeError('INTERNAL', 'a new home holds no record')
  try {
    return await use(record)
  } finally {
    record.close()
  }
}

const readSettings = ({ home, io }: Place): NodeOptions => {
  const settings = readConfig({ home })
  return { ...settings, log: createNodeLog(settings, { write: io.error, level: 'silent' }) }
}

const withReached = async <T>(
  options: NodeOptions,
  use: (operations: Operations) => Promise<T>,
  lockWaitMs?: number,
): Promise<T> => {
  const { operations, node } = await reachNode(options, lockWaitMs)
  try {
    return await use(operations)
  } finally {
    await node?.close()
  }
}

/**
 * The node that has this home: the one that answers, or one made now (`node`, the caller's to close). Commands that start
 * together meet here: one gets the home, the others wait until it answers or is done.
 * @throws {NodeError} HOME_LOCKED when whoever holds the home neither answers nor lets go of it; and as `createNode`.
 */
export const reachNode = async (
  options: NodeOptions,
  lockWaitMs: number = LOCK_WAIT_MS,
): Promise<{ readonly operations: Operations; readonly node: PlaitedNode | null }> => {
  const { controlSocket } = options.config.home
  const giveUpAt = systemClock.now() + lockWaitMs
  for (;;) {
    if (await isNodeListening(controlSocket)) return { operations: createControlClient(controlSocket), node: null }
    try {
      const node = await createNode(options)
      return { operations: node.operations, node }
    } catch (error) {
      const isLocked = error instanceof NodeError && error.code === 'HOME_LOCKED'
      if (!isLocked || systemClock.now() >= giveUpAt) throw error
      await Bun.sleep(LOCK_POLL_MS)
    }
  }
}
