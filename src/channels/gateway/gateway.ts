/**
 * A gateway for other programs of the owner on this machine: `POST /pair` turns the code that was shown at the start into a
 * token, `POST /webhook` hands in a message and waits for its reply, `GET /health` says ok. A message is a turn of its own.
 *
 * A reply that takes too long, or whose asker has hung up, is not lost: the request is answered 202 with the message's id,
 * the turn goes on, and the reply is put into the mailbox of its asker and comes along with the answer to its next
 * request, as `earlier`. A question of the turn is an answer too, with the status `question`: the request is over, the turn
 * waits for a further one that brings the code, and its reply comes along as `earlier`. What could not be stored is answered 503 and forgotten: asking again is safe then.
 */
import { randomUUID } from 'node:crypto'
import { z } from 'zod'
import {
  type LocalHandler,
  type LocalListener,
  type LocalResponse,
  startLocalListener,
} from '../../net/local-listener.ts'
import { createQueue } from '../../utils/queue.ts'
import type { Timing } from '../../utils/timing.ts'
import { ChannelError } from '../channel-error.ts'
import type {
  Channel,
  ChannelCapabilities,
  ChannelEnvironment,
  ChannelFactory,
  IncomingMessage,
  OutgoingMessage,
} from '../channels.types.ts'
import { parseSettings } from '../register-channel.ts'
import { createGatewayTokens } from './gateway-tokens.ts'
import { createMailbox, type Mailbox } from './mailbox.ts'
import { openPairing } from './pairing.ts'

/** Below the 100 s and more that HTTP clients and proxies commonly wait for an answer. */
const REPLY_TIME_MAX_MS = 90_000
/** Requests that wait for a reply at once. */
const WAITING_MAX = 32
const MESSAGE_CHARACTERS_MAX = 100_000
const DEFAULT_PORT = '42617'

/** Behind a question, for whoever has to answer it by a program. */
const HOW_TO_ANSWER =
  'I wait for that code: POST /webhook with {"message": "the code"}, or "no", and the same token. What comes of it follows as "earlier" in the answer to a later request.'

const CAPABILITIES: ChannelCapabilities = {
  ...{ graphemesMax: null, bytesMax: null, markdown: true, links: false, files: false, reactions: false },
  ...{ replyTo: true, edit: false, idempotencyKey: false },
}

const settingsSchema = z.object({
  GATEWAY_PORT: z
    .string()
    .regex(/^\d{1,5}$/, 'must be a port number')
    .transform(Number)
    .refine((port) => port <= 65_535, 'must be at most 65535')
    .prefault(DEFAULT_PORT),
})
const webhookSchema = z.object({ message: z.string().trim().min(1).max(MESSAGE_CHARACTERS_MAX) })

export const createGatewayChannel: ChannelFactory = (environment) => {
  const parsed = parseSettings(settingsSchema, environment.settings)
  if ('missing' in parsed) return parsed
  const mailbox = createMailbox(environment.store)
  const desk = createDesk(mailbox, environment.timing)
  let listener: LocalListener | null = null
  const listen = () => {
    try {
      listener ??= startGateway(environment, { port: parsed.settings.GATEWAY_PORT, mailbox, ask: desk.ask })
    } catch (error) {
      const mend = 'stop the other program, or set GATEWAY_PORT to a free port (0 picks one)'
      throw new ChannelError('unreachable', error instanceof Error ? error.message : String(error), { hint: mend })
    }
  }
  return {
    name: 'gateway',
    capabilities: CAPABILITIES,
    identity: () => ({ id: 'gateway' }),
    listens: { variable: 'GATEWAY_PORT', host: '127.0.0.1', port: parsed.settings.GATEWAY_PORT },
    poll: async function* ({ signal }) {
      listen()
      yield { messages: [], cursor: null } // it listens: that is all there is to be well
      for await (const message of desk.messages(signal)) yield { messages: [message], cursor: null }
    },
    send: async (message) => {
      desk.reply(message)
      return { id: message.key }
    },
    close: async () => {
      desk.close()
      await listener?.close()
    },
  } satisfies Channel
}

type Ask = (senderId: string, text: string, gone: AbortSignal) => Promise<LocalResponse>

const startGateway = (
  { store, links, clock, announce }: ChannelEnvironment,
  { port, mailbox, ask }: { readonly port: number; readonly mailbox: Mailbox; readonly ask: Ask },
): LocalListener => {
  const tokens = createGatewayTokens(store, links)
  const pairing = openPairing(clock)
  const pair: LocalHandler = ({ header }) => {
    const outcome = pairing.redeem(header('x-pairing-code') ?? '')
    if (outcome === 'void') announce('gateway: five wrong pairing codes; start the node again for a new one')
    if (outcome !== 'paired') return refuse(403, 'refused')
    const { token, dropped } = tokens.issue()
    for (const subject of dropped) mailbox.remove(subject)
    const [id] = token.split('.')
    announce(`gateway: paired a program as gateway:${id}; to take it back: plaited unlink gateway gateway:${id}`)
    return { status: 200, body: { paired: true, token } }
  }
  const webhook: LocalHandler = async ({ header, readJson, gone }) => {
    const senderId = tokens.verify(header('authorization'))
    if (senderId === null) return refuse(401, 'unauthorized')
    const body = webhookSchema.safeParse(await readJson())
    return body.success ? ask(senderId, body.data.message, gone) : refuse(400, 'malformed')
  }
  const listener = startLocalListener({
    port,
    routes: {
      'GET /health': () => ({ status: 200, body: { status: 'ok' } }),
      'POST /pair': pair,
      'POST /webhook': webhook,
    },
    onFault: (error) => announce(`gateway: a request failed: ${error instanceof Error ? error.message : error}`),
  })
  announce(`gateway: ${listener.url}, to be paired once within 10 minutes with\nX-Pairing-Code: ${pairing.code}`)
  return listener
}

type Settled = { readonly response: string; readonly status?: 'question' }

type Speaker = {
  /** null: without a reply. */
  readonly settle: (settled: Settled | null) => void
  isStored: boolean
}

/** Between those who ask and the conversation. */
const createDesk = (mailbox: Mailbox, timing: Timing) => {
  const queue = createQueue<IncomingMessage>()
  const speakers = new Map<string, Speaker>()
  let isOpen = true

  const ask: Ask = async (senderId, text, gone) => {
    if (!isOpen) return refuse(503, 'closing')
    if (speakers.size >= WAITING_MAX) return refuse(429, 'busy')
    const id = randomUUID()
    const { promise, resolve } = Promise.withResolvers<Settled | null>()
    const speaker: Speaker = {
      isStored: false,
      settle: (outcome) => {
        speakers.delete(id) // with it, so that a reply that comes now goes to the mailbox
        resolve(outcome)
      },
    }
    const leave = () => speaker.settle(null)
    const over = new AbortController()
    void timing.wait(REPLY_TIME_MAX_MS, over.signal).then(leave)
    gone.addEventListener('abort', leave, { once: true })
    speakers.set(id, speaker)
    if (gone.aborted) leave()
    queue.push({ id, senderId, text, followUp: true })
    const settled = await promise
    over.abort()
    if (settled === null)
      return speaker.isStored ? { status: 202, body: { status: 'working', id } } : refuse(503, 'not_taken')
    const earlier = mailbox.take(senderId)
    return { status: 200, body: { id, ...settled, ...(earlier.length > 0 && { earlier }) } }
  }

  return {
    ask,
    messages: async function* (signal: AbortSignal) {
      isOpen = true
      signal.addEventListener('abort', () => (isOpen = false), { once: true })
      for await (const message of queue.drain(signal)) {
        const speaker = speakers.get(message.id)
        if (!speaker) continue // it was told that its message was not taken
        yield message
        speaker.isStored = true // the core asks for the next one when this one is
      }
    },
    reply: ({ key, kind, to, replyTo, answers, text }: OutgoingMessage): void => {
      const isQuestion = kind === 'question'
      const settled: Settled = isQuestion
        ? { status: 'question', response: `${text}\n${HOW_TO_ANSWER}` }
        : { response: text }
      const asked = isQuestion && replyTo !== null ? [replyTo] : answers
      const waiting = asked.flatMap((id) => speakers.get(id) ?? [])
      for (const speaker of waiting) speaker.settle(settled)
      if (waiting.length === 0) mailbox.put(to, { id: asked[0] ?? key, response: settled.response })
    },
    close: (): void => {
      isOpen = false
      for (const speaker of speakers.values()) speaker.settle(null)
    },
  }
}

const refuse = (status: number, error: string): LocalResponse => ({ status, body: { error } })
