import { readConfig } from '../config.ts'
import { createNode } from '../node.ts'
import type { Operations } from '../operations.ts'
import { createControlClient, isNodeListening } from '../server/control-client.ts'
import { startControlServer } from '../server/control-server.ts'
import { NodeError } from '../utils/node-error.ts'
import { runChatLoop } from './chat-loop.ts'
import type { Invocation, Io, RunCommand } from './command.types.ts'

/** Attaches to the running node, or is the node for as long as the chat lasts. */
export const runChat: RunCommand = async (invocation) => {
  const model = invocation.values['model']
  const { config, secrets } = readConfig({
    home: invocation.home,
    model: typeof model === 'string' ? model : undefined,
  })
  const socket = config.home.controlSocket
  if (await isNodeListening(socket)) {
    if (model !== undefined) {
      throw new NodeError('USAGE', 'a node is running in this home, and it chose its model', {
        hint: 'leave out --model to talk to it',
      })
    }
    const operations = createControlClient(socket)
    await greet(operations, invocation.io)
    await runChatLoop(operations, invocation)
    return 0
  }
  await runNodeWithChat(await createNode({ config, secrets }), socket, invocation)
  return 0
}

/** Serves the node and the chat until the input ends; a node that fails ends the chat. */
export const runNodeWithChat = async (
  node: Awaited<ReturnType<typeof createNode>>,
  socket: string,
  { io, signal }: Pick<Invocation, 'io' | 'signal'>,
  chat: (operations: Operations) => Promise<void> = (operations) => runChatLoop(operations, { io, signal }),
): Promise<void> => {
  const end = new AbortController()
  const control = startControlServer(socket, node.operations)
  try {
    const served = node.serve(end.signal)
    await greet(node.operations, io)
    await Promise.race([chat(node.operations), served])
    end.abort()
    await served
  } finally {
    end.abort()
    await control.close()
    await node.close()
  }
}

const greet = async (operations: Operations, io: Io): Promise<void> => {
  const { model, scripted, sandbox } = await operations.status()
  if (scripted)
    io.error('plaited: no AI model is configured; a script answers. Set ANTHROPIC_API_KEY to talk to one.\n')
  else if (io.isTerminal) io.error(`plaited: ${model}\n`)
  if (sandbox.mode === 'unavailable') io.error(`plaited: tools refuse to run: ${sandbox.reason}\n  ${sandbox.mend}\n`)
}
