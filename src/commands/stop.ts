import { readConfig } from '../config.ts'
import { createControlClient, isNodeListening } from '../server/control-client.ts'
import type { RunCommand } from './command.types.ts'

/** Ends the running turn, out of band. Without a node there is nothing to stop, which is not a fault. */
export const runStop: RunCommand = async ({ home, json, io }) => {
  const { config } = readConfig({ home })
  const socket = config.home.controlSocket
  const running = await isNodeListening(socket)
  const stopped = running && (await createControlClient(socket).stop())
  if (json) io.out(`${JSON.stringify({ running, stopped })}\n`)
  else
    io.out(stopped ? 'Stopped.\n' : running ? 'No turn is running.\n' : `No node is running in ${config.home.root}.\n`)
  return 0
}
