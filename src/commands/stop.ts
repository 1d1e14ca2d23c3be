import { existsSync } from 'node:fs'
import { takeLease } from '../agent/lease.ts'
import { readConfig } from '../config.ts'
import { describeStop } from '../describe.ts'
import type { Home } from '../home.ts'
import { createControlClient, isNodeListening } from '../server/control-client.ts'
import { NodeError } from '../utils/node-error.ts'
import type { RunCommand } from './command.types.ts'

/** Ends the running turn, out of band. Without a node there is nothing to stop, which is not a fault. */
export const runStop: RunCommand = async ({ home: given, json, io }) => {
  const { home } = readConfig({ home: given }).config
  const running = await isNodeListening(home.controlSocket)
  if (!running && isHeld(home)) {
    throw new NodeError('NOT_RUNNING', `a node holds ${home.root} and does not answer: it may still be working`, {
      hint: "find it with 'pgrep -af src/cli.ts' and end it with kill -9; nothing that was acknowledged is lost",
    })
  }
  const report = running ? await createControlClient(home.controlSocket).stop('word') : null
  if (json) io.out(`${JSON.stringify({ running, ...(report ?? { stopped: false, dismissed: 0, frozen: false }) })}\n`)
  else io.out(`${report ? describeStop(report) : `No node is running in ${home.root}.`}\n`)
  return 0
}

const isHeld = ({ lease }: Home): boolean => {
  if (!existsSync(lease)) return false
  try {
    takeLease(lease).release()
    return false
  } catch (error) {
    if (error instanceof NodeError && error.code === 'HOME_LOCKED') return true
    throw error
  }
}
