import { describe, expect, test } from 'bun:test'
import { ACTIVE_PAUSE_MS, createPollPace, IDLE_PAUSE_MAX_MS } from '../poll-pace.ts'

const createWorld = () => {
  const world = { now: 0, pauses: [] as number[], onPause: () => {} }
  const pace = createPollPace(
    { now: () => world.now },
    {
      random: () => 0,
      wait: async (ms) => {
        world.pauses.push(ms)
        world.onPause()
        world.now += ms
      },
    },
  )
  return { world, pace, pause: () => pace.pause(new AbortController().signal) }
}

describe('the pace of polling', () => {
  test('is quick for two minutes after somebody spoke, then doubles up to its limit', async () => {
    const { world, pause } = createWorld()
    for (let n = 0; n < 66; n++) await pause()
    expect(world.pauses.slice(0, 60)).toEqual(Array.from({ length: 60 }, () => ACTIVE_PAUSE_MS))
    expect(world.pauses.slice(60)).toEqual([
      4000,
      8000,
      16_000,
      IDLE_PAUSE_MAX_MS,
      IDLE_PAUSE_MAX_MS,
      IDLE_PAUSE_MAX_MS,
    ])
  })

  test('is quick again as soon as somebody speaks', async () => {
    const { world, pace, pause } = createWorld()
    world.now = 10 * 60_000
    await pause()
    pace.stir()
    await pause()
    expect(world.pauses).toEqual([2 * ACTIVE_PAUSE_MS, ACTIVE_PAUSE_MS])
  })

  test('costs a silent day fewer than 3,000 requests', async () => {
    const { world, pause } = createWorld()
    while (world.now < 24 * 60 * 60_000) await pause()
    expect(world.pauses.length).toBeLessThan(3000)
  })

  test('ends a pause when somebody speaks, or the node stops', async () => {
    for (const end of ['stir', 'stop'] as const) {
      const stop = new AbortController()
      const pace = createPollPace(
        { now: () => 0 },
        {
          random: () => 0,
          wait: (_, signal) =>
            new Promise((resolve) => {
              signal.addEventListener('abort', () => resolve())
              if (end === 'stir') pace.stir()
              else stop.abort()
            }),
        },
      )
      await pace.pause(stop.signal)
      expect(stop.signal.aborted).toBe(end === 'stop')
    }
  })
})
