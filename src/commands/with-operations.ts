/** The operations of the node in this home: of the running one when it answers, else of one made for this command. */
import { type Config, readConfig } from '../config.ts'
import { createNode } from '../node.ts'
import type { Operations } from '../operations.ts'
import { createControlClient, isNodeListening } from '../server/control-client.ts'
import type { Invocation } from './command.types.ts'

export const withOperations = async <T>(
  { home }: Pick<Invocation, 'home'>,
  use: (operations: Operations, config: Config) => Promise<T>,
): Promise<T> => {
  const { config, secrets } = readConfig({ home })
  if (await isNodeListening(config.home.controlSocket))
    return use(createControlClient(config.home.controlSocket), config)
  const node = await createNode({ config, secrets })
  try {
    return await use(node.operations, config)
  } finally {
    await node.close()
  }
}
