/** What the node sends to a model service for a first "hi", read off the wire of a twin of the service. */
import { randomBytes } from 'node:crypto'
import { createMessagesApi } from '../agent/model/scripted/messages-api.ts'
import { answerScript } from '../agent/model/scripted/script.ts'
import type { Measurement } from './bench.types.ts'
import { createRow } from './create-row.ts'
import { withServedNode } from './lab.ts'

const BYTES_MAX = 8192
/** Any whose price is known: the node calls no other. */
const MODEL = 'claude-sonnet-5-5'

export const requestMeasurement: Measurement = {
  names: ['request-bytes-hi'],
  take: async (lab) => {
    const { config } = await lab.home()
    const bodies: string[] = []
    const bearer = randomBytes(32).toString('base64url')
    const api = createMessagesApi({
      bearer,
      answer: answerScript,
      onRequest: ({ bodyText }) => bodies.push(bodyText),
    })
    try {
      const settings = {
        config: { ...config, model: MODEL, modelBaseUrl: api.url },
        secrets: { anthropicApiKey: bearer },
      }
      await withServedNode(settings, async ({ say }) => {
        for (const messageId of ['bench-hi-1', 'bench-hi-2']) await say({ messageId, text: 'hi' }, () => {})
      })
    } finally {
      await api.close()
    }
    const [first, second] = bodies
    if (first === undefined || second === undefined) throw new Error('the model was not called for each message')
    const prefix = prefixOf(first)
    return [
      createRow({
        name: 'request-bytes-hi',
        unit: 'bytes',
        samples: [Buffer.byteLength(first)],
        goal: {
          valueMax: BYTES_MAX,
          claim: { text: 'prefix byte-stable', holds: prefix === prefixOf(second) },
        },
        note: `${Buffer.byteLength(prefix)} bytes of it come before the messages`,
      }),
    ]
  },
}

/** Everything before the messages: model, limits, system prompt, tools. What of it changes is paid for again. */
const prefixOf = (body: string): string => {
  const end = body.indexOf('"messages":[')
  if (end < 0) throw new Error('a request without messages')
  return body.slice(0, end)
}
