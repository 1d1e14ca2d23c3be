import { expect, test } from 'bun:test'
import type { TurnProgress } from '../../../agent/turn.types.ts'
import type { ChannelProgress } from '../../channels.types.ts'
import { createCliChannel } from '../cli.ts'

const call = (summary: string): TurnProgress => ({ kind: 'call', summary, outcome: 'allowed', reason: null })

test('a chat that comes to the next node while its turn goes on there sees what was done meanwhile, once', async () => {
  const channel = createCliChannel()
  channel.progress?.('m0', call('of another message'))
  channel.progress?.('m1', call('bash one'))
  channel.progress?.('m1', { kind: 'text', text: 'half an answer' })
  const seen: ChannelProgress[] = []
  const said = channel.say({ messageId: 'm1', text: 'go' }, (progress) => seen.push(progress))
  channel.progress?.('m1', call('bash two'))
  expect(seen).toEqual([call('bash one'), call('bash two')])
  const reply = { key: 't1/1', to: 'local:owner', replyTo: 'm1', answers: ['m1'], text: 'done', repeat: false }
  await channel.send(reply, new AbortController().signal)
  expect(await said).toBe('done')
  for (let line = 0; line < 1000; line++) channel.progress?.('m2', call(`bash ${line}`))
  void channel.say({ messageId: 'm2', text: 'go' }, (progress) => seen.push(progress))
  expect(seen.length).toBe(102)
})
