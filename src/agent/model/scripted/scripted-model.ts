import { randomBytes } from 'node:crypto'
import { createAnthropicModel } from '../anthropic.ts'
import type { Model, ModelPrice } from '../model.types.ts'
import { createMessagesApi } from './messages-api.ts'
import { answerScript } from './script.ts'

const BEARER_BYTES = 32

/** Known, and nothing: no model is paid. */
const FREE: ModelPrice = { input: 0, output: 0, cacheRead: 0, cacheWrite: 0 }

/**
 * The model of the demo: the real adapter and SDK, pointed at a twin of the Messages API in this process that answers
 * from the script. Its token counts are estimates and its price is zero. `close` ends the twin.
 */
export const createScriptedModel = async (): Promise<Model> => {
  const bearer = randomBytes(BEARER_BYTES).toString('base64url')
  const api = createMessagesApi({ bearer, answer: answerScript })
  const model = createAnthropicModel({
    apiKey: bearer,
    baseUrl: api.url,
    provider: 'scripted',
    model: 'scripted',
    price: FREE,
    dialect: 'anthropic',
  })
  return { ...model, name: 'scripted', scripted: true, close: api.close }
}
