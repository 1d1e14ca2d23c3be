/** A node in a process of its own whose model service is the one at the given address. Its argument is a `CanaryPlan`. */
import { createAnthropicModel } from '../src/agent/model/anthropic.ts'
import { readConfig } from '../src/config.ts'
import { createNode } from '../src/node.ts'
import { createNodeLog, logControlFault } from '../src/node-log.ts'
import { startControlServer } from '../src/server/control-server.ts'

export type CanaryPlan = { readonly home: string; readonly modelUrl: string }

const FREE = { input: 0, output: 0, cacheRead: 0, cacheWrite: 0 }

const { home, modelUrl } = JSON.parse(Bun.argv[2] ?? '') as CanaryPlan
const settings = readConfig({ home })
const log = createNodeLog(settings, { write: (line) => void process.stderr.write(line), level: 'debug' })
const node = await createNode({
  ...settings,
  log,
  makeModel: async (_, { anthropicApiKey }) =>
    createAnthropicModel({
      ...{ apiKey: anthropicApiKey ?? '', baseUrl: modelUrl, provider: 'anthropic', model: 'twin', price: FREE },
    }),
})
const control = startControlServer(settings.config.home.controlSocket, node.operations, logControlFault(log))
const end = new AbortController()
process.on('SIGTERM', () => end.abort())
process.stdout.write('ready\n')
await node.serve(end.signal)
await control.close()
await node.close()
