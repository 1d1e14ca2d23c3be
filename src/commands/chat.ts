import { readConfig } from '../config.ts'
import { createNode, type PlaitedNode } from '../node.ts'
import { createNodeLog, logControlFault, type NodeLog } from '../node-log.ts'
import type { Operations } from '../operations.ts'
import { createControlClient, isNodeListening } from '../server/control-client.ts'
import { startControlServer } from '../server/control-server.ts'
import { NodeError } from '../utils/node-error.ts'
import { runChatLoop } from './chat-loop.ts'
import type { Io, RunCommand } from './command.types.ts'

/** Attaches to the running node, or is the node for as long as the chat lasts. */
export const runChat: RunCommand = async (invocation) => {
  const model = invocation.values['model']
  const settings = readConfig({
    home: invocation.home,
    model: typeof model === 'string' ? model : undefined,
  })
  const { config } = settings
  const socket = config.home.controlSocket
  if (await isNodeListening(socket)) {
    if (model !== undefined) {
      throw new NodeError('USAGE', 'a node is running in this home, and it chose its model', {
        hint: 'leave out --model to talk to it',
      })
    }
    const operations = createControlClient(socket)
    await greet(operations, invocation.io)
    return (await runChatLoop(operations, invocation)) ? 0 : 1
  }
  const log = createNodeLog(settings, { write: invocation.io.error, level: 'silent' })
  const node = await createNode({ ...settings, log })
  let answeredAll = false
  await runNodeWithChat({ node, socket, log, signal: invocation.signal }, async (operations) => {
    await greet(operations, invocation.io)
    answeredAll = await runChatLoop(operations, invocation)
  })
  return answeredAll ? 0 : 1
}

export type ServedNode = {
  readonly node: PlaitedNode
  readonly socket: string
  readonly log: NodeLog
  readonly signal: AbortSignal
}

/** Serves the node for as long as `chat` lasts; a node that fails ends the chat, a signal ends the running turn. */
export const runNodeWithChat = async (
  { node, socket, log, signal }: ServedNode,
  chat: (operations: Operations) => Promise<void>,
): Promise<void> => {
  const end = new AbortController()
  signal.addEventListener('abort', () => end.abort())
  if (signal.aborted) end.abort()
  const control = startControlServer(socket, node.operations, logControlFault(log))
  try {
    const served = node.serve(end.signal)
    await Promise.race([chat(node.operations), served])
    end.abort()
    await served
  } finally {
    await control.close()
    await node.close()
  }
}

const greet = async (operations: Operations, io: Io): Promise<void> => {
  const { model, scripted, sandbox } = await operations.status()
  if (scripted) io.error('plaited: a script answers, no AI model. To talk to one, set ANTHROPIC_API_KEY.\n')
  else if (io.isTerminal) io.error(`plaited: ${model}\n`)
  if (sandbox.mode === 'unavailable') io.error(`plaited: tools refuse to run: ${sandbox.reason}\n  ${sandbox.mend}\n`)
}
