/**
 * The Bot API over plain HTTP: a method is a path, its parameters are JSON, its faults are told in the words of the port.
 * The Bot API wants the token in the path, so that no address may ever reach a message, a log or a `cause`; descriptions
 * of the service are cleared of it as well. Nothing is repeated here: rests and repeats are the core's.
 */
import type { z } from 'zod'
import { SafeFetchError, type SafeResponse, safeFetch } from '../../net/safe-fetch.ts'
import { ChannelError } from '../channel-error.ts'
import { answerSchema, fileSchema, type Refusal } from './telegram.schemas.ts'

/** 100 updates, each with a text of 4,096 characters and as much again of what is said about it. */
const ANSWER_BYTES_MAX = 16 * 1024 * 1024
/** An answer that needs no waiting; below the 30 s that the core gives a message. */
const ANSWER_TIME_MAX_MS = 20_000
/** What the Bot API lets a bot download. */
const DOWNLOAD_BYTES_MAX = 20 * 1024 * 1024

const TOKEN_MEND = 'get the token from @BotFather (/mybots, API Token) and set TELEGRAM_BOT_TOKEN to it'
const POLLER_MEND =
  'another program takes this bot’s messages: stop it, or make a bot for this node alone with @BotFather; `plaited doctor` tells more'

type Call<T> = {
  readonly params?: Readonly<Record<string, unknown>>
  readonly result: z.ZodType<T>
  readonly signal?: AbortSignal
  /** How long the service may keep the request open, on top of the usual time. */
  readonly waitMs?: number
}

export type TelegramApi = {
  /** @throws {ChannelError} */
  readonly call: <T>(method: string, call: Call<T>) => Promise<T>
  /** @throws {ChannelError} `rejected` when it is too large. */
  readonly download: (
    fileId: string,
    limit: { readonly bytesMax: number; readonly signal: AbortSignal },
  ) => Promise<Uint8Array>
}

export const createTelegramApi = ({
  apiUrl,
  token,
}: {
  readonly apiUrl: string
  readonly token: string
}): TelegramApi => {
  const { origin } = new URL(apiUrl)
  const clear = (text: string) => text.replaceAll(token, '[token]')

  const request = async (path: string, options: Omit<Parameters<typeof safeFetch>[1], 'plainOrigin'>) => {
    try {
      return await safeFetch(`${origin}/${path}`, { ...options, plainOrigin: origin })
    } catch (error) {
      throw error instanceof SafeFetchError ? toFault(error) : error
    }
  }

  const call = async <T>(method: string, { params = {}, result, signal, waitMs = 0 }: Call<T>): Promise<T> => {
    const response = await request(`bot${token}/${method}`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify(params),
      ...{ bytesMax: ANSWER_BYTES_MAX, timeMaxMs: ANSWER_TIME_MAX_MS + waitMs },
      ...(signal && { signal }),
    })
    const answer = answerSchema.safeParse(parseJson(response))
    if (!answer.success) throw strangeAnswer(response.status)
    if (!answer.data.ok) throw refusalFault({ ...answer.data, description: clear(answer.data.description) })
    const parsed = result.safeParse(answer.data.result)
    if (!parsed.success) throw strangeAnswer(response.status)
    return parsed.data
  }

  return {
    call,
    download: async (fileId, { bytesMax, signal }) => {
      const most = Math.min(bytesMax, DOWNLOAD_BYTES_MAX)
      const tooLarge = new ChannelError('rejected', `it is over ${most} bytes`)
      const { file_path: path, file_size: size = 0 } = await call('getFile', {
        ...{ params: { file_id: fileId }, result: fileSchema, signal },
      })
      if (size > most) throw tooLarge
      if (path === undefined) throw new ChannelError('rejected', 'Telegram does not hand it out')
      // The time is the caller's; this one only keeps it from being without end.
      const limits = { bytesMax: most, timeMaxMs: 10 * ANSWER_TIME_MAX_MS, signal }
      const { status, bytes } = await request(`file/bot${token}/${path}`, limits)
      if (status !== 200) throw new ChannelError('rejected', `Telegram answered ${status} instead of the file`)
      return bytes
    },
  }
}

const toFault = ({ reason, message, mayHaveArrived }: SafeFetchError): ChannelError =>
  reason === 'too-large'
    ? new ChannelError('rejected', message)
    : new ChannelError('unreachable', message, { mayHaveArrived })

/** A page of a proxy, or a fault of the service itself. */
const strangeAnswer = (status: number): ChannelError =>
  new ChannelError('unreachable', `Telegram answered with something else than the Bot API does (HTTP ${status})`)

const parseJson = ({ bytes }: SafeResponse): unknown => {
  try {
    return JSON.parse(Buffer.from(bytes).toString())
  } catch {
    return null
  }
}

const refusalFault = ({ error_code: code, description, parameters }: Refusal): ChannelError => {
  const said = `Telegram: ${description}`
  switch (code) {
    case 401:
    case 404: // what it answers to a token that has not even the form of one
      return new ChannelError('auth-failed', said, { hint: TOKEN_MEND })
    case 403: // blocked, or never spoken to: until the other side writes, nobody is there
      return new ChannelError('absent', said, { hint: 'unblock the bot in Telegram, or write to it first' })
    case 409:
      return new ChannelError('unreachable', said, { mayHaveArrived: false, hint: POLLER_MEND })
    case 429: {
      const { retry_after: seconds } = parameters ?? {}
      return new ChannelError('rate-limited', said, { retryAfterMs: seconds === undefined ? null : seconds * 1000 })
    }
    default:
      return code >= 500 ? new ChannelError('unreachable', said) : new ChannelError('rejected', said)
  }
}
