/** The operations of a node that runs in another process, over its control socket. */
import type { SandboxOutcome } from '../agent/agent.types.ts'
import type { ChannelProgress } from '../channels/channels.types.ts'
import type { Operations } from '../operations.ts'
import { NodeError } from '../utils/node-error.ts'
import type { Fault } from './control-protocol.ts'

/** How long a node may take to answer the first knock. */
const KNOCK_TIMEOUT_MS = 2000

type Answer = { readonly ok: true; readonly value: unknown } | { readonly ok: false; readonly error: Fault }

const toError = ({ code, message, hint }: Fault): NodeError => new NodeError(code, message, hint ? { hint } : {})

const gone = (cause: unknown): NodeError =>
  new NodeError('NOT_RUNNING', 'the node stopped answering', {
    hint: "start it again; 'plaited events' shows how far it came",
    cause,
  })

/** True when a node answers on the socket. */
export const isNodeListening = async (socket: string): Promise<boolean> => {
  try {
    await fetch('http://node/knock', { unix: socket, signal: AbortSignal.timeout(KNOCK_TIMEOUT_MS) })
    return true
  } catch {
    return false
  }
}

/** The same owner wrote both ends, so the answers are trusted to have their types. */
export const createControlClient = (socket: string): Operations => {
  const post = async (path: string, body: unknown): Promise<Response> => {
    try {
      return await fetch(`http://node${path}`, { unix: socket, method: 'POST', body: JSON.stringify(body) })
    } catch (error) {
      throw gone(error)
    }
  }
  const call = async <T>(path: string, body: unknown = {}): Promise<T> => {
    const response = await post(path, body)
    const answer = (await response.json().catch((error: unknown) => {
      throw gone(error)
    })) as Answer
    if (!answer.ok) throw toError(answer.error)
    return answer.value as T
  }
  return {
    status: () => call('/status'),
    stop: (cause) => call('/stop', { cause }),
    resume: () => call('/resume'),
    link: () => call('/link'),
    links: () => call('/links'),
    unlink: (channel, senderId) => call('/unlink', { channel, senderId }),
    undo: (turn) => call('/undo', { turn }),
    redo: () => call('/redo'),
    restore: (file) => call('/restore', file),
    log: (limit) => call('/log', { limit }),
    diff: (turn) => call('/diff', { turn }),
    events: (query) => call('/events', query),
    auditDecisions: () => call('/audit'),
    proposeRule: (rule) => call('/propose-rule', rule),
    confirmRule: (code) => call('/confirm-rule', { code }),
    declineRule: (codeOrName) => call('/decline-rule', { codeOrName }),
    openQuestions: () => call('/open-questions'),
    declineQuestion: (key) => call('/decline-question', { key }),
    budget: (extension) => call('/budget', { extension }),
    execute: async (operation) => decodeOutcome(await call('/execute', operation)),
    say: async (message, progress) => {
      const response = await post('/say', message)
      for await (const line of readLines(response)) {
        const event = JSON.parse(line) as SayLine
        if (event.kind === 'progress') progress(event.progress)
        if (event.kind === 'error') throw toError(event.error)
        if (event.kind === 'reply') {
          await call('/heard', { messageId: message.messageId })
          return event.text
        }
      }
      throw gone(null)
    },
  }
}

type SayLine =
  | { readonly kind: 'progress'; readonly progress: ChannelProgress }
  | { readonly kind: 'reply'; readonly text: string }
  | { readonly kind: 'error'; readonly error: Fault }

async function* readLines(response: Response): AsyncGenerator<string> {
  const decoder = new TextDecoder()
  let rest = ''
  try {
    for await (const chunk of response.body ?? []) {
      const lines = (rest + decoder.decode(chunk, { stream: true })).split('\n')
      rest = lines.pop() ?? ''
      yield* lines
    }
  } catch (error) {
    throw gone(error)
  }
}

type EncodedOutcome =
  | Exclude<SandboxOutcome, { kind: 'process' }>
  | (Omit<Extract<SandboxOutcome, { kind: 'process' }>, 'stdout' | 'stderr'> & { stdout: string; stderr: string })

const decodeOutcome = (outcome: EncodedOutcome): SandboxOutcome =>
  outcome.kind === 'process'
    ? { ...outcome, stdout: Buffer.from(outcome.stdout, 'base64'), stderr: Buffer.from(outcome.stderr, 'base64') }
    : outcome
