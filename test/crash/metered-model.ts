/**
 * The scripted model with a price, and a meter on the other side of the wire: what the service has served is written down
 * before its answer leaves, outside the home, so that the ledger can be held against it.
 */
import { randomUUID } from 'node:crypto'
import { z } from 'zod'
import { createAnthropicModel } from '../../src/agent/model/anthropic.ts'
import type { Model, ModelPrice } from '../../src/agent/model/model.types.ts'
import { createMessagesApi } from '../../src/agent/model/scripted/messages-api.ts'
import { answerScript } from '../../src/agent/model/scripted/script.ts'
import { openStateForReading } from '../../src/agent/persistence.ts'
import { appendJsonLine, readJsonLines } from './json-lines.ts'

/** One micro-dollar per token, so that a cost is a count. */
const PRICE: ModelPrice = { input: 1_000_000, output: 1_000_000, cacheRead: 1_000_000, cacheWrite: 1_000_000 }
/** As the twin counts. */
const CHARACTERS_PER_TOKEN = 4

const servedSchema = z.strictObject({ ref: z.string(), micros: z.int() })

/** What the service has served, oldest first: the request's reference in the journal, and its bill. */
export const readServed = (path: string): readonly z.output<typeof servedSchema>[] =>
  readJsonLines(path).map((line) => servedSchema.parse(line))

export const createMeteredModel = (statePath: string, servedPath: string): Model => {
  const state = openStateForReading(statePath)
  const newestRequest = state?.database.query<{ ref: string }, []>(
    `select ref from events where type = 'model.request' order by seq desc limit 1`,
  )
  const bearer = randomUUID()
  const api = createMessagesApi({
    bearer,
    answer: (request) => {
      const step = answerScript(request)
      const ref = newestRequest?.get()?.ref ?? 'no request is in the journal'
      const content = step.kind === 'reply' ? step.content : []
      appendJsonLine(servedPath, { ref, micros: tokensOf(request) + tokensOf(content) })
      return step
    },
  })
  const connected = { apiKey: bearer, baseUrl: api.url, provider: 'twin', model: 'twin-1', price: PRICE } as const
  return {
    ...createAnthropicModel({ ...connected, dialect: 'anthropic' }),
    scripted: true,
    close: async () => {
      await api.close()
      state?.close()
    },
  }
}

const tokensOf = (value: unknown): number => Math.ceil(JSON.stringify(value).length / CHARACTERS_PER_TOKEN)
