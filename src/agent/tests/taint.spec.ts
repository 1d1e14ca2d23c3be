import { expect, test } from 'bun:test'
import { createAttachments } from '../attachments.ts'
import type { JournalEvent } from '../journal.ts'
import type { Step } from '../model/scripted/messages-api.types.ts'
import { parseRules } from './gate-fixture.ts'
import { bash, calls, createTestLoop, play, say } from './loop-fixture.ts'

const read = (path: string) => ({ type: 'tool_use', name: 'read', input: { file_path: path } }) as const
const write = (path: string) => ({ type: 'tool_use', name: 'write', input: { file_path: path, content: 'x' } }) as const
const pay = { type: 'tool_use', name: 'pay', input: { amount: '1', payee: 'bob' } } as const

const NO_TAINTED_PAYMENT = parseRules({
  careful: `/** Nothing is paid after foreign words were read. */
export const careful = bThread([bSync({ block: on('permission:payment:send', ({ detail }) => detail.tainted) })], true)`,
})

const createLoop = (...steps: readonly Step[]) => {
  const loop = createTestLoop({ answer: play(...steps, say('done')), ruleSet: NO_TAINTED_PAYMENT })
  const file = { name: 'letter.txt', mime: 'text/plain', bytes: 1, refusal: null, content: null }
  createAttachments(loop.store.state()).add('letters', 'm1', [{ ...file, path: '/workspace/inbox/m1/letter.txt' }])
  return loop
}

const resultsOf = (events: readonly JournalEvent[]) =>
  events.flatMap(({ type, payload }) =>
    type === 'tool.result' ? [payload as { content: string; labels?: string[] }] : [],
  )

test('a payment is judged as tainted once a file that came with a message was read, also in the next turn', async () => {
  await using loop = createLoop(
    calls(pay),
    calls(read('/workspace/inbox/m1/letter.txt')),
    calls(pay),
    say('one'),
    calls(pay),
  )
  await loop.turn()
  await loop.turn('go on')
  const [first, letter, second] = resultsOf(loop.events('t1'))
  expect(first?.content).toContain('The rules allow this payment')
  expect(letter?.labels).toEqual(['file:untrusted'])
  expect(second?.content).toContain('Nothing is paid after foreign words were read')
  expect(resultsOf(loop.events('t2'))[0]?.content).toContain('Nothing is paid')
})

test('what is written after it carries the label on; what was read before it does not', async () => {
  await using loop = createLoop(
    calls(write('/workspace/before.md'), read('/workspace/inbox/m1/letter.txt'), write('/workspace/copy.md')),
  )
  await loop.turn()
  const { taint } = loop.parts
  expect(taint.ofFile('/workspace/before.md')).toEqual([])
  expect(taint.ofFile('/workspace/copy.md')).toEqual(['file:untrusted'])
})

test('a command carries the labels of every file that it could have read', async () => {
  await using loop = createLoop(calls(bash('cat */*/*')), calls(pay))
  await loop.turn()
  const [command, payment] = resultsOf(loop.events('t1'))
  expect(command?.labels).toEqual(['file:untrusted'])
  expect(payment?.content).toContain('Nothing is paid')
})

test('in a workspace without foreign files nothing is tainted', async () => {
  await using loop = createTestLoop({
    answer: play(calls(bash('ls')), calls(pay), say('done')),
    ruleSet: NO_TAINTED_PAYMENT,
  })
  await loop.turn()
  const [command, payment] = resultsOf(loop.events('t1'))
  expect(command).not.toHaveProperty('labels')
  expect(payment?.content).toContain('The rules allow this payment')
})
