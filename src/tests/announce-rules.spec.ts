import { expect, test } from 'bun:test'
import { createInbox } from '../agent/inbox.ts'
import { createLinkedIdentities } from '../agent/linked-identities.ts'
import { createOutbox } from '../agent/outbox.ts'
import { createTestState } from '../agent/tests/state-fixture.ts'
import { announceRules } from '../announce-rules.ts'

test('what is wrong with the rules is told where the owner is known, once for each state of them', () => {
  using store = createTestState()
  const inbox = createInbox(store.state(), store.clock)
  const outbox = createOutbox(store.state(), store.clock)
  const links = createLinkedIdentities(store.state(), store.clock)
  inbox.accept({ channel: 'letters', messageId: 'm1', senderId: 'test:owner', text: 'hello' })
  const tell = (ruleFaults: readonly string[], retired: readonly { rule: string; at: number; reason: string }[] = []) =>
    announceRules({ inbox, outbox, links }, { ruleFaults: [...ruleFaults], retired: [...retired] }, [
      'letters',
      'never-heard-of',
    ])
  tell([])
  expect(outbox.pending('letters')).toEqual([])
  for (let start = 0; start < 2; start++) tell(['payments.ts was changed (restore it)'])
  tell([], [{ rule: 'old', at: 1, reason: 'too strict' }])
  expect(outbox.pending('letters').map(({ kind, to, text }) => ({ kind, to, text }))).toEqual([
    { kind: 'notice', to: 'test:owner', text: expect.stringContaining('payments.ts was changed (restore it)') },
    { kind: 'notice', to: 'test:owner', text: 'The rule old was retired at the machine: too strict' },
  ])
  expect(outbox.pending('never-heard-of')).toEqual([])
})
