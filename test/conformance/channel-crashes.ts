/** The part of the suite in which nodes die and start again. */
import { expect, test } from 'bun:test'
import { answered, expectRepeats, type MakeWorld, needs, open, TIMEOUT_MS, words, wordsIn } from './channel-run.ts'
import { crashable } from './crashable.ts'

export const describeCrashes = (makeWorld: MakeWorld): void => {
  test(
    'a node that dies while it answers: the next one answers what was asked, once',
    async () => {
      const world = await makeWorld()
      const asked = Promise.withResolvers<void>()
      await using run = open(world, {
        before: async (n) => {
          asked.resolve()
          if (n === 0) await new Promise<never>(() => {})
        },
      })
      const first = crashable(run.connect())
      void run.start(first.channel)
      await world.write('w1')
      await asked.promise
      first.crash()
      const end = run.start(run.connect())
      await world.write('w2')
      await answered(world, ['w1', 'w2'])
      await end()
      expect(wordsIn(world.seen()).toSorted()).toEqual(['w1', 'w2'])
    },
    TIMEOUT_MS,
  )

  test(
    'a node that dies between sending and knowing: no second copy, or one that says so',
    async () => {
      const world = await makeWorld()
      await using run = open(world)
      const real = run.connect()
      const first = crashable(real)
      const left = Promise.withResolvers<void>()
      void run.start({
        ...first.channel,
        send: async (message, signal) => {
          await real.send(message, signal)
          first.crash()
          left.resolve()
          return new Promise<never>(() => {})
        },
      })
      await world.write('w1')
      await left.promise
      const second = run.connect()
      const end = run.start(second)
      await world.write('w2')
      await answered(world, ['w1', 'w2'])
      await end()
      expectRepeats(second, world, words(1, 2))
    },
    TIMEOUT_MS,
  )

  test(
    'a node that dies in the middle of a long answer: the next one sends only the missing parts',
    async () => {
      const world = await makeWorld()
      let long: readonly string[] = []
      await using run = open(world, { reply: ([asked = 'w0']) => (asked === 'w1' ? long.join(' ') : asked) })
      const real = run.connect()
      const most = needs(real.capabilities.graphemesMax, 'this channel takes an answer of any length')
      if (most === null) return
      long = words(1000, 1000 + most) // more than four parts: each word takes five graphemes and a space
      const first = crashable(real)
      const left = Promise.withResolvers<void>()
      let sends = 0
      void run.start({
        ...first.channel,
        send: (message, signal) => {
          if (++sends <= 3) return first.channel.send(message, signal)
          first.crash()
          left.resolve()
          return new Promise<never>(() => {})
        },
      })
      await world.write('w1')
      await left.promise
      const end = run.start(run.connect())
      await answered(world, long)
      await end()
      expect(wordsIn(world.seen())).toEqual([...long])
    },
    TIMEOUT_MS,
  )

  test(
    'a shutdown while a reply is being sent waits for it, and the next start does not send it again',
    async () => {
      const world = await makeWorld()
      await using run = open(world)
      const real = run.connect()
      const sending = Promise.withResolvers<void>()
      const go = Promise.withResolvers<void>()
      const end = run.start({
        ...real,
        send: async (message, signal) => {
          sending.resolve()
          await go.promise
          return real.send(message, signal)
        },
      })
      await world.write('w1')
      await sending.promise
      const ended = end()
      go.resolve()
      await ended
      const endAgain = run.start(run.connect())
      await world.write('w2')
      await answered(world, ['w1', 'w2'])
      await endAgain()
      expect(wordsIn(world.seen())).toEqual(words(1, 2))
    },
    TIMEOUT_MS,
  )

  test(
    'stops polling when it is told to',
    async () => {
      const world = await makeWorld()
      await using run = open(world)
      const end = run.start(run.connect())
      await end()
      expect(run.it.faults).toEqual([])
    },
    TIMEOUT_MS,
  )
}
