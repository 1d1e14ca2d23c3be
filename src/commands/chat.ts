import { fstatSync } from 'node:fs'
import { modelName, readConfig } from '../config.ts'
import { createNodeLog } from '../node-log.ts'
import type { Operations } from '../operations.ts'
import { NodeError } from '../utils/node-error.ts'
import { runChatLoop } from './chat-loop.ts'
import { createChatNode } from './chat-node.ts'
import type { Io, RunCommand } from './command.types.ts'

/** Attaches to the running node, or is the node for as long as the chat lasts. */
export const runChat: RunCommand = async ({ home, values, io, signal }) => {
  refuseFolder(io)
  const model = typeof values['model'] === 'string' ? values['model'] : undefined
  const settings = readConfig({ home, model })
  const log = createNodeLog(settings, { write: io.error, level: 'silent' })
  const onMove = (operations: Operations) => {
    io.error('plaited: the node that answered has ended; this chat goes on\n')
    return greet(operations, { io, settings })
  }
  const node = createChatNode({ ...settings, log }, { signal, onMove })
  try {
    const { operations, service } = await node.reach()
    if (model !== undefined && service === null) await refuseOtherModel(operations, modelName(settings.config))
    await greet(operations, { io, settings })
    return (await Promise.race([runChatLoop(node.operations, { io, signal }), node.failed])) ? 0 : 1
  } finally {
    await node.close()
  }
}

/** `plaited chat < folder`: reading it fails only later, and as a fault that says nothing. */
const refuseFolder = ({ stdin }: Io): void => {
  if (!('fd' in stdin && typeof stdin.fd === 'number' && fstatSync(stdin.fd).isDirectory())) return
  throw new NodeError('USAGE', 'a folder is piped in, and a chat needs lines of text', {
    hint: 'pipe in a file, such as: plaited chat < messages.txt',
  })
}

const refuseOtherModel = async (operations: Operations, wanted: string): Promise<void> => {
  const { model } = await operations.status()
  if (model === wanted) return
  throw new NodeError('USAGE', `a node is running in this home, and it chose its model: ${model}`, {
    hint: 'leave out --model to talk to it',
  })
}

type Settings = ReturnType<typeof readConfig>

/** What makes a model answer instead of a script. */
const modelMend = ({ config, secrets }: Settings): string => {
  if (secrets.anthropicApiKey === null) return 'set ANTHROPIC_API_KEY'
  return config.model === null ? 'leave out the model named scripted' : 'start the node that answers anew, with the key'
}

const greet = async (
  operations: Operations,
  { io, settings }: { readonly io: Io; readonly settings: Settings },
): Promise<void> => {
  const { model, scripted, sandbox, ruleFaults, retired } = await operations.status()
  if (scripted) io.error(`plaited: a script answers, no AI model. To talk to one, ${modelMend(settings)}.\n`)
  else if (io.isTerminal) io.error(`plaited: ${model}\n`)
  for (const fault of ruleFaults ?? []) io.error(`plaited: no tool runs, the rules are not what was signed: ${fault}\n`)
  for (const { rule, reason } of retired) io.error(`plaited: the rule ${rule} was retired: ${reason}\n`)
  if (sandbox.mode === 'unavailable') io.error(`plaited: tools refuse to run: ${sandbox.reason}\n  ${sandbox.mend}\n`)
}
