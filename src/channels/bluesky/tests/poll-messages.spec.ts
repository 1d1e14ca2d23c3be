import { expect, test } from 'bun:test'
import { XRPCError } from '@atproto/api'
import type { IncomingBatch } from '../../channels.types.ts'
import { toBlueskyFault } from '../bluesky-faults.ts'
import type { ChatClient } from '../chat-client.ts'
import { createKnownConvos } from '../known-convos.ts'
import { createPollMessages } from '../poll-messages.ts'

const [SELF, OWNER, LINKED, STRANGER] = ['did:plc:self', 'did:plc:owner', 'did:plc:linked', 'did:plc:stranger']
const message = (sender: string, rev: string) => ({
  ...{ $type: 'chat.bsky.convo.defs#messageView' as const, id: rev, rev, text: `text ${rev}`, sender: { did: sender } },
})

/** What a test does not use fails it. */
const unused = () => {
  throw new Error('not asked for')
}

const poll = (client: Partial<ChatClient>, owners: readonly string[]) => {
  const whole: ChatClient = {
    ...{ isDisabled: unused, accept: unused, send: unused, react: unused, markRead: unused },
    ...{ log: unused, messages: unused, convo: unused, convoWith: unused, self: async () => SELF, ...client },
  }
  const parts = { client: whole, convos: createKnownConvos(whole), owners: () => owners, clock: { now: () => 0 } }
  const pollMessages = createPollMessages({
    ...parts,
    pace: { stir: () => {}, pause: async () => {} },
    reachability: { assert: async () => {}, look: async () => null },
  })
  return pollMessages({ cursor: null, signal: new AbortController().signal })
}
const next = async (batches: AsyncGenerator<IncomingBatch>): Promise<IncomingBatch> => {
  const { value, done } = await batches.next()
  if (done) throw new Error('it has ended')
  return value
}

test.each(['BlockedActor', 'AccountSuspended'])(
  'a chat that %s closes is left out with a word to the status, and the others are read',
  async (name) => {
    const batches = poll(
      {
        convoWith: async (did) => {
          if (did === LINKED) throw toBlueskyFault(new XRPCError(400, name, 'no'))
          return { id: 'c', partner: did, isRequest: false }
        },
        messages: async () => ({ messages: [message(OWNER, 'r1')], older: null }),
        log: async (cursor) => ({ events: [], size: cursor === null ? 0 : 1, cursor: `${cursor}+` }),
      },
      [LINKED, OWNER],
    )
    expect((await next(batches)).messages.map(({ text }) => text)).toEqual(['text r1'])
    const { fault } = await next(batches)
    expect(fault?.fault).toBe('auth-failed')
    expect(fault?.message).toStartWith(`the chat with ${LINKED} is left out: `)
    expect(fault?.hint).toBeString()
    expect((await next(batches)).fault).toBe(fault) // what the log brings does not hide it
  },
)

test('a group is asked about once, a chat that was left once for each page', async () => {
  const asked: string[] = []
  const $type = 'chat.bsky.convo.defs#logCreateMessage' as const
  const events = ['group', 'left', 'group', 'left'].map((convoId, n) => ({
    $type,
    convoId,
    message: message(STRANGER, `r${n}`),
  }))
  const batches = poll(
    {
      convo: async (convoId) => {
        asked.push(convoId)
        return convoId === 'group' ? { id: 'group', partner: null, isRequest: false } : null
      },
      log: async (cursor) => ({ events: cursor === null ? [] : events, size: 4, cursor: `${cursor}+` }),
    },
    [],
  )
  for (let batch = 0; batch < 3; batch++) expect((await next(batches)).messages).toEqual([])
  expect(asked).toEqual(['group', 'left', 'left'])
})
