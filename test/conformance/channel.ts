/**
 * The suite that every channel passes: over the real inbox, outbox, journal and loop, with the service in the hands of the
 * test. For an adapter of your own: make a `ChannelWorld` of its service and call `describeChannel` in a test file.
 *
 * It shows that nothing is lost, answered twice or out of order, that strangers get nothing, and that every claim of
 * `capabilities` about limits and repeats is kept. What the service itself looks like is the adapter's own tests' matter.
 */
import { describe, expect, test } from 'bun:test'
import { describeCrashes } from './channel-crashes.ts'
import {
  answered,
  expectRepeats,
  failing,
  type MakeWorld,
  needs,
  open,
  soon,
  TIMEOUT_MS,
  words,
  wordsIn,
} from './channel-run.ts'
import { createReferenceWorld } from './reference-channel.ts'

/** A backlog of this many messages is in memory one batch at a time. It takes some ten seconds. */
const BACKLOG_MESSAGES = 10_000
/** The most that an adapter may yield at once. */
const BATCH_MESSAGES_MAX = 1000
const BACKLOG_TIMEOUT_MS = 120_000

const graphemes = new Intl.Segmenter('en', { granularity: 'grapheme' })

/** `backlogMessages`: fewer for a service that is slow to fill; the memory bound is the same. */
export const describeChannel = (
  name: string,
  makeWorld: MakeWorld,
  { backlogMessages = BACKLOG_MESSAGES }: { readonly backlogMessages?: number } = {},
): void => {
  describe(`the channel ${name}`, () => {
    describeConversation(makeWorld)
    describeFaults(makeWorld)
    describeCrashes(makeWorld)
    describeLoad(makeWorld, backlogMessages)
  })
}

const describeConversation = (makeWorld: MakeWorld): void => {
  test(
    'answers its owner, each message once, in order',
    async () => {
      const world = await makeWorld()
      await using run = open(world)
      const end = run.start(run.connect())
      for (const word of words(1, 20)) await world.write(word)
      await answered(world, words(1, 20))
      await end()
      expect(wordsIn(world.seen())).toEqual(words(1, 20))
      expect(run.it.faults).toEqual([])
      expect(run.it.health.list()).toMatchObject([{ state: 'ok', reason: null }])
    },
    TIMEOUT_MS,
  )

  test(
    'shows that it works before anything is said',
    async () => {
      const world = await makeWorld()
      await using run = open(world)
      const channel = run.connect()
      const stored = Promise.withResolvers<void>()
      const end = run.start({
        ...channel,
        poll: async function* (from) {
          for await (const batch of channel.poll(from)) {
            yield batch
            stored.resolve()
          }
        },
      })
      await stored.promise
      expect(run.it.health.list()).toMatchObject([{ state: 'ok' }])
      await end()
    },
    TIMEOUT_MS,
  )

  test(
    'gives a stranger nothing: no model call, no reply, one row',
    async () => {
      const world = await makeWorld()
      await using run = open(world)
      const stranger = needs(world.stranger, 'a stranger cannot write on this channel')
      if (!stranger) return
      const end = run.start(run.connect())
      for (const text of ['stop', 'tell me w7', 'BCDF-GHJK']) await stranger.write(text)
      await world.write('w1')
      await answered(world, ['w1'])
      await end()
      expect(stranger.seen()).toEqual([])
      expect(wordsIn(world.seen())).toEqual(['w1'])
      expect(JSON.stringify(run.it.loop.requests)).not.toContain('w7')
      expect(run.it.inbox.counts().refused).toBe(3)
      const rows = run.it.loop.parts.journal.after(0, 100).filter(({ type }) => type === 'message.refused')
      expect(rows).toHaveLength(3)
    },
    TIMEOUT_MS,
  )

  test(
    'drops what is delivered a second time',
    async () => {
      const world = await makeWorld()
      await using run = open(world)
      const redeliver = needs(world.redeliver, 'this channel delivers nothing twice')
      if (!redeliver) return
      const end = run.start(run.connect())
      for (const word of words(1, 3)) await world.write(word)
      await answered(world, words(1, 3))
      redeliver()
      await world.write('w4')
      await answered(world, ['w4'])
      await end()
      expect(wordsIn(world.seen())).toEqual(words(1, 4))
    },
    TIMEOUT_MS,
  )

  test(
    'gets a long answer in parts that fit, in order',
    async () => {
      const world = await makeWorld()
      const long = words(1000, 1299).join(' ')
      await using run = open(world, { reply: () => long })
      const channel = run.connect()
      const end = run.start(channel)
      await world.write('w1')
      await answered(world, words(1000, 1299))
      await end()
      const { graphemesMax, bytesMax } = channel.capabilities
      for (const text of world.seen()) {
        expect([...graphemes.segment(text)].length).toBeLessThanOrEqual(graphemesMax ?? Number.POSITIVE_INFINITY)
        expect(Buffer.byteLength(text)).toBeLessThanOrEqual(bytesMax ?? Number.POSITIVE_INFINITY)
      }
      expect(wordsIn(world.seen())).toEqual(words(1000, 1299))
    },
    TIMEOUT_MS,
  )

  test(
    'stands beside another one: each question is answered where it was asked',
    async () => {
      const world = await makeWorld()
      const other = createReferenceWorld('beside', 'key')
      await using run = open(world)
      const conversation = run.it.restart(world.ownerId)
      const channels = [run.connect(), { ...other.connect({ timing: soon }) }]
      run.it.links.add('beside', 'reference:owner')
      const ends = channels.map((channel) => run.it.serve(channel, conversation))
      for (const [index, word] of words(1, 10).entries()) await (index % 2 === 0 ? world : other).write(word)
      await Promise.all([
        answered(world, ['w1', 'w3', 'w5', 'w7', 'w9']),
        answered(other, ['w2', 'w4', 'w6', 'w8', 'w10']),
      ])
      for (const end of ends) await end()
      expect(wordsIn(world.seen())).toEqual(['w1', 'w3', 'w5', 'w7', 'w9'])
      expect(wordsIn(other.seen())).toEqual(['w2', 'w4', 'w6', 'w8', 'w10'])
    },
    TIMEOUT_MS,
  )
}

const describeFaults = (makeWorld: MakeWorld): void => {
  test.each([
    ['rate-limited', 3],
    ['unreachable', 4],
  ] as const)(
    '%s at sending is given growing rests, and the answer arrives once',
    async (fault, times) => {
      const world = await makeWorld()
      await using run = open(world)
      const end = run.start(failing(world, run.connect(), ['send', fault, times]))
      await world.write('w1')
      await answered(world, ['w1'])
      const rests = [...run.rests] // the end has a wait of its own
      await end()
      expect(rests).toHaveLength(times)
      expect(rests).toEqual(rests.toSorted((a, b) => a - b))
      expect(wordsIn(world.seen())).toEqual(['w1'])
      expect(world.seen()[0]).not.toStartWith('(repeat)')
    },
    TIMEOUT_MS,
  )

  test(
    'an answer of the service that gets lost makes no second copy, or one that says so',
    async () => {
      const world = await makeWorld()
      await using run = open(world)
      const channel = run.connect()
      const end = run.start(failing(world, channel, ['send', 'lost-answer', 1]))
      await world.write('w1')
      await answered(world, ['w1'])
      await world.write('w2')
      await answered(world, ['w2'])
      await end()
      expectRepeats(channel, world, words(1, 2))
    },
    TIMEOUT_MS,
  )

  test.each(['rate-limited', 'unreachable', 'auth-failed'] as const)(
    '%s at polling is survived, and shown meanwhile',
    async (fault) => {
      const world = await makeWorld()
      await using run = open(world)
      const end = run.start(failing(world, run.connect(), ['poll', fault, 2]))
      await world.write('w1')
      await answered(world, ['w1'])
      const rests = [...run.rests] // the end has a wait of its own
      await end()
      expect(rests).toHaveLength(2)
      if (fault === 'auth-failed') expect(rests[0]).toBeGreaterThanOrEqual(10 * 60_000)
      expect(run.it.channelFaults.map(({ doing, fault: shown }) => [doing, shown])).toEqual([
        ['poll', fault],
        ['poll', fault],
      ])
      expect(wordsIn(world.seen())).toEqual(['w1'])
    },
    TIMEOUT_MS,
  )
}

const describeLoad = (makeWorld: MakeWorld, backlogMessages: number): void => {
  test(
    `a backlog of ${backlogMessages} messages is taken in one batch at a time, and answered in order`,
    async () => {
      const world = await makeWorld()
      await using run = open(world)
      const backlog = needs(world.backlog, 'messages do not wait on this channel')
      if (!backlog) return
      await backlog(words(1, backlogMessages))
      const real = run.connect()
      const stored = run.it.loop.store
        .state()
        .database.query<{ count: number }, []>('select count(*) as count from inbound')
      let delivered = 0
      const largest = { batch: 0, unstored: 0 }
      const end = run.start({
        ...real,
        poll: async function* (from) {
          for await (const batch of real.poll(from)) {
            largest.unstored = Math.max(largest.unstored, delivered - (stored.get()?.count ?? 0))
            largest.batch = Math.max(largest.batch, batch.messages.length)
            delivered += batch.messages.length
            yield batch
          }
        },
      })
      await answered(world, [`w${backlogMessages}`])
      await end()
      expect(largest.unstored).toBe(0)
      expect(largest.batch).toBeLessThanOrEqual(BATCH_MESSAGES_MAX)
      expect(wordsIn(world.seen())).toEqual(words(1, backlogMessages))
      const texts = run.it.loop.requests.map((request) => request.messages.at(-1)?.content.length ?? 0)
      expect(Math.max(...texts)).toBeLessThanOrEqual(BATCH_MESSAGES_MAX)
    },
    BACKLOG_TIMEOUT_MS,
  )
}
