/**
 * The node that a chat talks to. Chats that start together in one home share one node: the first is the node, the others
 * attach to it. A chat that is the node stays until everyone who waits for a reply has it. When a node ends while another
 * chat is attached, that chat takes its message, under the same id, to the next node, which may be its own: the inbox
 * knows the message if it was stored before, so it is answered once.
 */
import type { NodeOptions, PlaitedNode } from '../node.ts'
import { logControlFault, type NodeLog } from '../node-log.ts'
import type { Operations } from '../operations.ts'
import { startControlServer } from '../server/control-server.ts'
import { NodeError } from '../utils/node-error.ts'
import type { ChatOperations } from './chat-loop.ts'
import { reachNode } from './with-operations.ts'

/** How often one message is taken to another node. */
const RESENDS_MAX = 5

export type ServedNode = {
  readonly node: PlaitedNode
  readonly socket: string
  readonly log: NodeLog
  readonly signal: AbortSignal
}

type Service = {
  /** Settles when the node has ended; rejects when its state can no longer be written. */
  readonly served: Promise<void>
  /** Waits for the replies of others who talk to this node, unless the signal has aborted; then ends it. */
  readonly close: () => Promise<void>
}

/** Answers the chat and whoever reaches the control socket; a signal ends the running turn. */
const serveNode = ({ node, socket, log, signal }: ServedNode): Service => {
  const end = new AbortController()
  signal.addEventListener('abort', () => end.abort())
  if (signal.aborted) end.abort()
  const guests = createGuests(node.operations)
  const control = startControlServer(socket, guests.operations, logControlFault(log))
  const served = node.serve(end.signal)
  served.catch(() => {}) // `close` and whoever talks see it
  return {
    served,
    close: async () => {
      try {
        await Promise.race([guests.answered(), served])
        end.abort()
        await served
      } finally {
        await control.close()
        await node.close()
      }
    },
  }
}

/** The operations as the control socket hands them on, and when none of its messages waits for a reply. */
const createGuests = (operations: Operations) => {
  let talking = 0
  const answered = Promise.withResolvers<void>()
  let isLeaving = false
  const say: Operations['say'] = async (...message) => {
    talking++
    try {
      return await operations.say(...message)
    } finally {
      talking--
      if (isLeaving && talking === 0) answered.resolve()
    }
  }
  return {
    operations: { ...operations, say },
    answered: (): Promise<void> => {
      isLeaving = true
      if (talking === 0) answered.resolve()
      return answered.promise
    },
  }
}

/** Serves the node for as long as `chat` lasts; a node that fails ends the chat. */
export const runNodeWithChat = async (
  served: ServedNode,
  chat: (operations: Operations) => Promise<void>,
): Promise<void> => {
  const service = serveNode(served)
  try {
    await Promise.race([chat(served.node.operations), service.served])
  } finally {
    await service.close()
  }
}

type Reached = { readonly operations: Operations; readonly service: Service | null }

export type ChatNode = {
  readonly operations: ChatOperations
  /** The node that answers now. */
  readonly reach: () => Promise<Reached>
  /** Rejects when this chat is the node and the node fails. */
  readonly failed: Promise<never>
  readonly close: () => Promise<void>
}

/** `onMove` hears of every node after the first. */
export const createChatNode = (
  options: NodeOptions & { readonly log: NodeLog },
  { signal, onMove }: { readonly signal: AbortSignal; readonly onMove: (operations: Operations) => Promise<void> },
): ChatNode => {
  const failure = Promise.withResolvers<never>()
  failure.promise.catch(() => {}) // before anyone races it
  let reached: Promise<Reached> | null = null

  const connect = async (): Promise<Reached> => {
    const { operations, node } = await reachNode(options)
    if (node === null) return { operations, service: null }
    const service = serveNode({ node, socket: options.config.home.controlSocket, log: options.log, signal })
    service.served.catch(failure.reject)
    return { operations, service }
  }
  const reach = (): Promise<Reached> => (reached ??= connect())

  const say: Operations['say'] = async (...message) => {
    for (let resends = 0; ; resends++) {
      const { operations, service } = await reach()
      try {
        return await operations.say(...message)
      } catch (error) {
        const isGone = error instanceof NodeError && error.code === 'NOT_RUNNING' && service === null
        if (!isGone || signal.aborted || resends >= RESENDS_MAX) throw error
        reached = null
        await onMove((await reach()).operations)
      }
    }
  }

  return {
    operations: {
      say,
      stop: async (cause) => (await reach()).operations.stop(cause),
      openQuestions: async () => (await reach()).operations.openQuestions(),
      declineQuestion: async (key) => (await reach()).operations.declineQuestion(key),
    },
    reach,
    failed: failure.promise,
    close: async () => {
      await (await reached?.catch(() => null))?.service?.close()
    },
  }
}
