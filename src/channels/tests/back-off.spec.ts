import { describe, expect, test } from 'bun:test'
import fc from 'fast-check'
import { createTestClock } from '../../agent/tests/state-fixture.ts'
import { createBackOff } from '../back-off.ts'
import { ChannelError, toChannelError } from '../channel-error.ts'
import { createChannelHealth } from '../channel-health.ts'

const unreachable = new ChannelError('unreachable', 'no connection')

describe('rests after faults', () => {
  test('double up to five minutes, and begin anew when something has worked', () => {
    const backOff = createBackOff({ random: () => 0 })
    const rests = Array.from({ length: 12 }, () => backOff.next(unreachable))
    expect(rests.slice(0, 4)).toEqual([1000, 2000, 4000, 8000])
    expect(rests.at(-1)).toBe(5 * 60_000)
    backOff.reset()
    expect(backOff.next(unreachable)).toBe(1000)
  })

  test('are at least what the service asks for, up to an hour, and jitter shortens only our own', () => {
    fc.assert(
      fc.property(fc.nat(2 * 60 * 60_000), fc.double({ min: 0, max: 0.999, noNaN: true }), (retryAfterMs, chance) => {
        const rest = createBackOff({ random: () => chance }).next(
          new ChannelError('rate-limited', '429', { retryAfterMs }),
        )
        expect(rest).toBeGreaterThanOrEqual(Math.min(retryAfterMs, 60 * 60_000))
        expect(rest).toBeGreaterThanOrEqual(500)
        expect(rest).toBeLessThanOrEqual(60 * 60_000)
      }),
    )
  })

  test('are long when the service refuses who we are', () => {
    expect(createBackOff({ random: () => 0 }).next(new ChannelError('auth-failed', 'refused'))).toBe(15 * 60_000)
  })
})

describe('a fault of a channel', () => {
  test('leaves open whether something arrived only when nobody knows', () => {
    const kinds = ['rate-limited', 'auth-failed', 'rejected', 'absent', 'unreachable'] as const
    expect(kinds.map((kind) => new ChannelError(kind, '').mayHaveArrived)).toEqual([false, false, false, false, true])
    expect(toChannelError(new Error('anything'))).toMatchObject({ fault: 'unreachable', mayHaveArrived: true })
    expect(new ChannelError('unreachable', '', { mayHaveArrived: false }).mayHaveArrived).toBe(false)
  })

  test('is shown until that direction works again, with when it began', () => {
    const clock = createTestClock()
    const health = createChannelHealth(clock)
    health.opened('letters')
    expect(health.list()).toMatchObject([{ name: 'letters', state: 'new' }])
    const began = clock.now()
    health.failed('letters', 'send', new ChannelError('auth-failed', 'refused', { hint: 'make a new one' }))
    clock.advance(1000)
    health.failed('letters', 'send', new ChannelError('auth-failed', 'refused again'))
    health.works('letters', 'poll')
    expect(health.list()).toEqual([
      { name: 'letters', state: 'auth-failed', since: began, reason: 'refused again', mend: null },
    ])
    health.works('letters', 'send')
    expect(health.list()).toMatchObject([{ state: 'ok', reason: null }])
  })
})
