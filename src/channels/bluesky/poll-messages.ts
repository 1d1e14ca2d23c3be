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
    let closed: ChannelError | null = null
    while (!signal.aborted) {
      if (clock.now() - reconciledAt > RECONCILE_EVERY_MS) {
        const reconciled: Reconciled = yield* reconcile(parts, {
          from: place,
          isFirst: cursor === null,
          signal,
          closed,
        })
        place = reconciled.place
        closed = reconciled.closed
        reconciledAt = clock.now()
      }
      const read = await readOn(parts, place, signal)
      const hasMoved = read.place.log !== place.log
      place = read.place
      if (read.isForgotten) reconciledAt = Number.NEGATIVE_INFINITY
      if (read.messages.length > 0) pace.stir()
      if (hasMoved) yield toBatch(read, closed)
      if (read.isAtEnd || !hasMoved) await pace.pause(signal)
    }
  }

type Reconcile = {
  readonly from: Place
  readonly isFirst: boolean
  readonly signal: AbortSignal
  /** What the last look at the chats has found. */
  readonly closed: ChannelError | null
}
type Reconciled = { readonly place: Place; readonly closed: ChannelError | null }

/** Ends with an empty batch, which tells the core that the service answers, also when nothing is new. */
const reconcile = async function* (
  parts: PollMessagesParts,
  { from, isFirst, signal, closed }: Reconcile,
): AsyncGenerator<IncomingBatch, Reconciled> {
  await parts.reachability.assert(signal)
  let place = from
  const found: ChannelError[] = []
  const onClosed = (fault: ChannelError) => void found.push(fault)
  for await (const caught of catchUp(parts, { from, isFirst, signal, onClosed })) {
    place = caught.place
    if (caught.messages.length > 0) yield toBatch(caught, closed)
  }
  const [first = null] = found
  yield toBatch({ messages: [], place }, first)
  return { place, closed: first }
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
  /** Chats of this page that the account is not in. Not known for longer: it is in again when somebody writes. */
  const left = new Set<string>()
  const partnerIn = async (convoId: string): Promise<string | null> => {
    if (left.has(convoId)) return null
    const partner = await parts.convos.partnerIn(convoId)
    if (partner === null) left.add(convoId)
    return partner
  }
  let place = { ...from, log: page.cursor ?? from.log }
  for (const { convoId, message } of page.events) {
    const { did } = message.sender
    if (did === self || (await partnerIn(convoId)) !== did) continue
    messages.push(toIncoming(convoId, message))
    if (parts.owners().includes(did)) place = moveSeen(place, convoId, message.rev)
  }
  return { messages, place }
}
