import { expect, test } from 'bun:test'
import type { Convo } from '../chat-client.schemas.ts'
import { convoAnswerSchema, toConvo } from '../chat-client.schemas.ts'
import type { ChatClient } from '../chat-client.ts'
import { createKnownConvos } from '../known-convos.ts'

const [SELF, OWNER, OTHER] = ['did:plc:self', 'did:plc:owner', 'did:plc:other']

const convoOf = (dids: readonly string[], extra: Readonly<Record<string, unknown>> = {}): Convo =>
  toConvo(convoAnswerSchema.parse({ convo: { id: 'c1', members: dids.map((did) => ({ did })), ...extra } }).convo, SELF)

test.each([
  ['a group of two', convoOf([SELF, OWNER], { kind: { $type: 'chat.bsky.convo.defs#groupConvo' } })],
  ['a chat of three', convoOf([SELF, OWNER, OTHER])],
  ['a chat with somebody else', convoOf([SELF, OTHER])],
  ['a chat that the agent is not in', convoOf([OWNER, OTHER])],
])('%s is not the direct chat with the owner, whatever the service says, and is not accepted', async (_, convo) => {
  const accepted: string[] = []
  const client: Pick<ChatClient, 'convo' | 'convoWith' | 'accept'> = {
    convo: async () => convo,
    convoWith: async () => ({ ...convo, isRequest: true }),
    accept: async (id) => void accepted.push(id),
  }
  const convos = createKnownConvos(client)
  await expect(convos.openWith(OWNER)).rejects.toMatchObject({ fault: 'rejected' })
  expect(await convos.partnerIn('c1')).not.toBe(OWNER)
  expect(accepted).toEqual([])
})
