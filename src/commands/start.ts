import { modelName, readConfig } from '../config.ts'
import { runService } from '../main.ts'
import { createNodeLog } from '../node-log.ts'
import { isNodeListening } from '../server/control-client.ts'
import { NodeError } from '../utils/node-error.ts'
import type { RunCommand } from './command.types.ts'

export const runStart: RunCommand = async ({ home, values, io, json, signal }) => {
  const model = values['model']
  const settings = readConfig({ home, model: typeof model === 'string' ? model : undefined })
  const { config } = settings
  if (await isNodeListening(config.home.controlSocket)) {
    throw new NodeError('HOME_LOCKED', `a node is already running in ${config.home.root}`, {
      hint: "'plaited status' shows it; name another folder with --home to run a second one",
    })
  }
  const log = createNodeLog(settings, { write: io.error, level: 'info' })
  const announce = (text: string): void => io.error(`${text}\n`)
  await runService({ ...settings, log, announce }, signal, ({ url, channels }) => {
    if (json)
      return io.out(
        `${JSON.stringify({ url, home: config.home.root, model: modelName(config), sandbox: config.sandboxMode, pid: process.pid })}\n`,
      )
    const weaker = config.sandboxMode === 'full' ? '' : `, WEAKER sandbox: ${config.sandboxMode}`
    const choices = `model: ${modelName(config)}${weaker}`
    const named = channels.length === 0 ? 'No channel is configured:' : `Channels: ${channels.join(', ')};`
    io.out(`plaited serves ${url} from ${config.home.root} (${choices}). ${named}\n`)
    io.out("  talk to it with 'plaited chat'; end it with Ctrl-C.\n")
  })
  return 0
}
