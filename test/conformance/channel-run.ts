/** What the tests of the suite share: a node over a world, and how to speak of what was said. */
import { expect } from 'bun:test'
import { say } from '../../src/agent/tests/loop-fixture.ts'
import { ChannelError } from '../../src/channels/channel-error.ts'
import type { Channel } from '../../src/channels/channels.types.ts'
import { createTestConversation, type TestConversation } from '../../src/tests/conversation-fixture.ts'
import type { Timing } from '../../src/utils/timing.ts'
import type { ChannelWorld, ServiceFault } from './channel.types.ts'

/** One test of the suite, on a busy machine and over a real service. */
export const TIMEOUT_MS = 60_000

export type MakeWorld = () => Promise<ChannelWorld> | ChannelWorld

/** Words of the owner are `w1`, `w2`, ...; the model answers with those that it was asked last. */
export const words = (from: number, to: number) =>
  Array.from({ length: to - from + 1 }, (_, index) => `w${from + index}`)
export const wordsIn = (texts: readonly string[]) => texts.flatMap((text) => text.match(/\bw\d+\b/g) ?? [])
const withoutRepeats = (texts: readonly string[]) => texts.filter((text) => !text.startsWith('(repeat) '))

/** Waits take no time, and let everything else go first. */
export const soon: Timing = { random: () => 0, wait: () => new Promise((resolve) => setImmediate(resolve)) }

export type Run = {
  readonly it: TestConversation
  /** Rests of the core, in milliseconds. */
  readonly rests: number[]
  /** Serves a channel as a node that has just started over what earlier ones left; returns how it is shut down. */
  readonly start: (channel: Channel) => () => Promise<void>
  readonly connect: () => Channel
  readonly [Symbol.asyncDispose]: () => Promise<void>
}

type ModelOptions = {
  readonly reply?: (asked: readonly string[]) => string
  readonly before?: (n: number) => Promise<void>
}

/** A node without processes over this world: real stores and loop, a model that answers with the words it was asked. */
export const open = (
  world: ChannelWorld,
  { reply = (asked) => `answer to ${asked.join(' ')}`, before }: ModelOptions = {},
): Run => {
  const rests: number[] = []
  const ends: (() => Promise<void>)[] = []
  const it = createTestConversation({
    timing: {
      random: () => 0,
      wait: (ms, signal) => {
        rests.push(ms)
        return soon.wait(ms, signal)
      },
    },
    answer: async (request, n) => {
      await before?.(n)
      const blocks = request.messages.at(-1)?.content ?? []
      return say(reply(wordsIn(blocks.flatMap((block) => (block.type === 'text' ? [block.text] : [])))))
    },
  })
  return {
    ...{ it, rests },
    connect: () => world.connect({ timing: soon }),
    start: (channel) => {
      const end = it.serve(channel, it.restart(world.ownerId))
      ends.push(end)
      return end
    },
    [Symbol.asyncDispose]: async () => {
      await it[Symbol.asyncDispose]()
      await world[Symbol.asyncDispose]()
    },
  }
}

/** Resolves when the owner has seen the answers to all of these. */
export const answered = async (world: ChannelWorld, asked: readonly string[]): Promise<void> => {
  for (let seen = world.seen(); ; seen = world.seen()) {
    const found = new Set(wordsIn(seen))
    if (asked.every((word) => found.has(word))) return
    await world.sees(seen.length + 1)
  }
}

/** Makes the service fail where it can be made to, and the connection to it elsewhere. */
export const failing = (
  world: ChannelWorld,
  channel: Channel,
  [what, fault, times]: readonly ['send' | 'poll', ServiceFault, number],
): Channel => {
  if (world.fail) {
    world.fail(what, fault, times)
    return channel
  }
  let left = times
  const thrown = () =>
    fault === 'lost-answer'
      ? new ChannelError('unreachable', fault)
      : new ChannelError(fault, fault, { mayHaveArrived: false })
  if (what === 'poll') {
    return {
      ...channel,
      poll: async function* (from) {
        if (left-- > 0) throw thrown()
        yield* channel.poll(from)
      },
    }
  }
  return {
    ...channel,
    send: async (message, signal) => {
      if (left-- <= 0) return channel.send(message, signal)
      if (fault === 'lost-answer') await channel.send(message, signal)
      throw thrown()
    },
  }
}

/** null: this channel cannot be brought into the situation, which is printed. */
export const needs = <T>(part: T | null, what: string): T | null => {
  if (part === null) process.stderr.write(`not shown here: ${what}\n`)
  return part
}

/** Each was seen; what was seen twice says so, and nothing is where the channel can keep repeats away. */
export const expectRepeats = (
  { capabilities, findSent }: Channel,
  world: ChannelWorld,
  expected: readonly string[],
): void => {
  const once = capabilities.idempotencyKey || findSent !== undefined
  const seen = world.seen()
  expect(wordsIn(withoutRepeats(seen))).toEqual([...expected])
  const repeats = seen.filter((text) => !withoutRepeats([text]).length)
  expect(repeats.length).toBeLessThanOrEqual(once ? 0 : 1)
}
