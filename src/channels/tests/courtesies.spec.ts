import { expect, test } from 'bun:test'
import { createTestChannel } from '../../tests/conversation-fixture.ts'
import { ChannelError } from '../channel-error.ts'
import { createCourtesies } from '../courtesies.ts'

const settle = () => new Promise<void>((resolve) => setImmediate(resolve))

test('nobody waits for a sign, they go one after the other, and those of a flood are dropped', async () => {
  const go = Promise.withResolvers<void>()
  const shown: string[] = []
  const ack = async (id: string) => {
    await go.promise
    shown.push(id)
  }
  const channel = createTestChannel('letters', { extra: { ack } })
  const courtesies = createCourtesies(() => {})
  for (let n = 0; n < 1000; n++) courtesies.ack(channel, `m${n}`)
  go.resolve()
  await settle()
  expect(shown).toEqual(Array.from({ length: 20 }, (_, n) => `m${n}`))
  courtesies.ack(channel, 'later')
  await settle()
  expect(shown.at(-1)).toBe('later')
})

test('a sign that fails is told, and one that the channel does not have is none', async () => {
  const faults: string[] = []
  const typing = () => Promise.reject(new ChannelError('rate-limited', '429'))
  const channel = createTestChannel('letters', { extra: { typing } })
  const courtesies = createCourtesies((name, doing, { fault }) => faults.push(`${name} ${doing} ${fault}`))
  courtesies.typing(channel, 'm1')
  courtesies.ack(channel, 'm1')
  courtesies.ack(undefined, 'm1')
  await settle()
  expect(faults).toEqual(['letters typing rate-limited'])
})
