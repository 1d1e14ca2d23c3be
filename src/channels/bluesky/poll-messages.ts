/**
 * Reads the account's log from a cursor, and beside it the owner's chats themselves: at every start, because the log
 * begins at "now" for a new node and nobody knows how long the service keeps a cursor; and every ten minutes. What both
 * bring is the same message with the same id, which the core stores once.
 */
import type { Clock } from '../../utils/clock.ts'
import { ChannelError } from '../channel-error.ts'
import type { IncomingBatch, IncomingMessage } from '../channels.types.ts'
import { type CatchUpParts, catchUp } from './catch-up.ts'
import type { ChatClient, LogPage } from './chat-client.ts'
import type { PollPace } from './poll-pace.ts'
import { moveSeen, type Place, type Progress, readPlace, toBatch, toIncoming } from './poll-place.ts'
import type { Reachability } from './reachability.ts'

const RECONCILE_EVERY_MS = 10 * 60_000

export type PollMessagesParts = CatchUpParts & {
  readonly reachability: Reachability
  readonly pace: PollPace
  readonly clock: Clock
}

type From = { readonly cursor: string | null; readonly signal: AbortSignal }

export const createPollMessages = (parts: PollMessagesParts) =>
  async function* ({ cursor, signal }: From): AsyncGenerator<IncomingBatch> {
    const { client, clock, pace } = parts
    let place = readPlace(cursor) ?? { log: await startOfLog(client, signal), seen: {} }
    let reconciledAt = Number.NEGATIVE_INFINITY
    while (!signal.aborted) {
      if (clock.now() - reconciledAt > RECONCILE_EVERY_MS) {
        place = yield* reconcile(parts, { from: place, isFirst: cursor === null, signal })
        reconciledAt = clock.now()
      }
      const read = await readOn(parts, place, signal)
      const hasMoved = read.place.log !== place.log
      place = read.place
      if (read.isForgotten) reconciledAt = Number.NEGATIVE_INFINITY
      if (read.messages.length > 0) pace.stir()
      if (hasMoved) yield toBatch(read)
      if (read.isAtEnd || !hasMoved) await pace.pause(signal)
    }
  }

type Reconciled = { readonly from: Place; readonly isFirst: boolean; readonly signal: AbortSignal }

/** Ends with an empty batch, which tells the core that the service answers, also when nothing is new. */
const reconcile = async function* (
  parts: PollMessagesParts,
  { from, isFirst, signal }: Reconciled,
): AsyncGenerator<IncomingBatch, Place> {
  await parts.reachability.assert(signal)
  let place = from
  for await (const caught of catchUp(parts, { from, isFirst, signal })) {
    place = caught.place
    if (caught.messages.length > 0) yield toBatch(caught)
  }
  yield toBatch({ messages: [], place })
  return place
}

const startOfLog = async (client: ChatClient, signal: AbortSignal): Promise<string> => {
  const { cursor } = await client.log(null, signal)
  if (cursor !== null) return cursor
  throw new ChannelError('unreachable', 'the chat service named no place to begin at')
}

type Read = Progress & {
  /** Nothing was left to read. */
  readonly isAtEnd: boolean
  /** The service no longer knows the cursor: the log was begun anew, and what lies between must be read elsewhere. */
  readonly isForgotten: boolean
}

const readOn = async (parts: PollMessagesParts, place: Place, signal: AbortSignal): Promise<Read> => {
  try {
    const page = await parts.client.log(place.log, signal)
    return { ...(await takeEvents(parts, page, place)), isAtEnd: page.size === 0, isForgotten: false }
  } catch (error) {
    if (!(error instanceof ChannelError && error.fault === 'rejected')) throw error
    const log = await startOfLog(parts.client, signal)
    return { messages: [], place: { ...place, log }, isAtEnd: true, isForgotten: true }
  }
}

/** Messages of others in direct chats, strangers included: the core refuses and counts those. */
const takeEvents = async (parts: PollMessagesParts, page: LogPage, from: Place): Promise<Progress> => {
  const messages: IncomingMessage[] = []
  const self = await parts.client.self()
  let place = { ...from, log: page.cursor ?? from.log }
  for (const { convoId, message } of page.events) {
    const { did } = message.sender
    if (did === self || (await parts.convos.partnerIn(convoId)) !== did) continue
    messages.push(toIncoming(convoId, message))
    if (parts.owners().includes(did)) place = moveSeen(place, convoId, message.rev)
  }
  return { messages, place }
}
