/** The operations of the node in this home, whoever can answer them. */
import { type Config, readConfig } from '../config.ts'
import { createNode, type NodeOptions } from '../node.ts'
import { createNodeLog } from '../node-log.ts'
import { type NodeRecord, openNodeRecord } from '../node-record.ts'
import type { Operations } from '../operations.ts'
import { createControlClient, isNodeListening } from '../server/control-client.ts'
import { NodeError } from '../utils/node-error.ts'
import type { Invocation } from './command.types.ts'

type Place = Pick<Invocation, 'home' | 'io'>

/** Those of the running node when it answers, else of one made for this command. */
export const withOperations = async <T>(
  place: Place,
  use: (operations: Operations, config: Config) => Promise<T>,
): Promise<T> => {
  const settings = readSettings(place)
  const { config } = settings
  if (await isNodeListening(config.home.controlSocket))
    return use(createControlClient(config.home.controlSocket), config)
  return withNode(settings, (operations) => use(operations, config))
}

/**
 * The record of the node: told by the running node when it answers, else read beside whoever holds the home. Takes no
 * lease, except to make a home that is not there yet.
 */
export const withRecord = async <T>(place: Place, use: (record: NodeRecord) => Promise<T>): Promise<T> => {
  const settings = readSettings(place)
  const { controlSocket } = settings.config.home
  if (await isNodeListening(controlSocket)) return use(createControlClient(controlSocket))
  const record = openNodeRecord(settings) ?? (await withNode(settings, async () => openNodeRecord(settings)))
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

const withNode = async <T>(options: NodeOptions, use: (operations: Operations) => Promise<T>): Promise<T> => {
  const node = await createNode(options)
  try {
    return await use(node.operations)
  } finally {
    await node.close()
  }
}
