import { expect, test } from 'bun:test'
import { createLastingEffects } from '../lasting-effects.ts'
import { createLedger } from '../ledger.ts'
import { createOutbox } from '../outbox.ts'
import { TEST_CAPS } from './loop-fixture.ts'
import { createTestState } from './state-fixture.ts'

test('what a turn sent and paid is named; what waits, was only reserved, or was a call of the model is not', () => {
  using store = createTestState()
  const state = store.state()
  const outbox = createOutbox(state, store.clock)
  const ledger = createLedger(state, { clock: store.clock, timezone: 'UTC', caps: TEST_CAPS })
  for (const key of ['t1', 't1/more', 't2']) {
    outbox.add({ key, channel: 'cli', turn: key.slice(0, 2), to: 'o', replyTo: 'm', text: 'done' })
    for (const part of key === 't2' ? [] : outbox.parts(key, () => ['done'])) outbox.sent(part.key, 'id')
  }
  for (const [ref, kind] of [
    ['a', 'model'],
    ['b', 'payment'],
    ['c', 'payment'],
  ] as const) {
    const reserved = ledger.reserve({ turn: 't1', ref, kind, micros: 250_000 })
    if (!reserved.ok) throw new Error(ref)
    if (ref !== 'c') ledger.settle(ref, 250_000)
  }
  const effects = createLastingEffects(state)
  expect(effects('t1')).toEqual(['2 messages sent on cli', 'a payment of 0.25 USD'])
  expect(effects('t2')).toEqual([])
})
