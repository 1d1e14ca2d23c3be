/** Files that come with messages: into the workspace under the owner's rules, and before the model. */
import { describe, expect, test } from 'bun:test'
import fc from 'fast-check'
import type { SandboxOutcome, ToolOperation } from '../agent/agent.types.ts'
import { createTestGate, parseRules, ruleSetOf } from '../agent/tests/gate-fixture.ts'
import { play, say } from '../agent/tests/loop-fixture.ts'
import { createAttachmentKeeper } from '../attachment-keeper.ts'
import { ChannelError } from '../channels/channel-error.ts'
import type { IncomingAttachment } from '../channels/channels.types.ts'
import { createTestChannel, createTestConversation, OWNER } from './conversation-fixture.ts'

const MESSAGE = { channel: 'letters', messageId: 'm1', senderId: OWNER, text: '' }
const PIXEL = Buffer.from(
  'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==',
  'base64',
)

const file = (
  name: string,
  { mime = 'text/plain', bytes = Buffer.from('data') as Uint8Array } = {},
): IncomingAttachment => ({
  ...{ name, mime },
  read: async () => bytes,
})

const never = new AbortController().signal
const until = { signal: never, late: never }

/** A keeper over the real gate; the sandbox notes what it is to run. */
const createKeeper = (ruleSet = ruleSetOf()) => {
  const gate = createTestGate(ruleSet)
  const ran: ToolOperation[] = []
  const run = async ({ operation }: { operation: ToolOperation }): Promise<SandboxOutcome> => {
    ran.push(operation)
    return { kind: 'text', text: 'wrote', truncated: false }
  }
  const keep = createAttachmentKeeper({ permit: gate.gate.permit, sandbox: { run, close: async () => {} } })
  return { keep, ran, gate, [Symbol.dispose]: gate[Symbol.dispose] }
}

describe('a file that came along', () => {
  test('lies in the workspace under its message, by the file worker, with a decision of the rules', async () => {
    using keeper = createKeeper()
    const [kept] = await keeper.keep(MESSAGE, [file('notes.txt')], until)
    expect(kept).toMatchObject({
      path: '/workspace/inbox/letters-m1/notes.txt',
      bytes: 4,
      refusal: null,
      content: null,
    })
    expect(keeper.ran).toEqual([{ kind: 'store', path: '/workspace/inbox/letters-m1/notes.txt', base64: 'ZGF0YQ==' }])
    expect(keeper.gate.rows()).toMatchObject([{ type: 'permission:file:write', outcome: 'allowed' }])
  })

  test('is not written when a rule says no, and the reason is kept', async () => {
    using keeper = createKeeper(
      parseRules({
        inbox: `/** Nothing from outside is kept. */
export const inbox = bThread([bSync({ block: on('permission:file:write', ({ detail }) => detail.rel.startsWith('inbox/')) })], true)`,
      }),
    )
    const [kept] = await keeper.keep(MESSAGE, [file('notes.txt')], until)
    expect(kept?.refusal).toContain('Nothing from outside is kept.')
    expect(keeper.ran).toEqual([])
  })

  test('has a path below its folder, whatever it is called, and two never share one', async () => {
    using keeper = createKeeper()
    const hostile = [
      '../../etc/passwd',
      '..',
      '.git',
      '-rf',
      '',
      '/',
      'a\0b',
      'a\nb',
      'con:1',
      '\u202egpj.exe',
      'x'.repeat(300),
      'a/b\\c',
    ]
    for (const name of hostile) {
      const [kept] = await keeper.keep(MESSAGE, [file(name)], until)
      expect(kept?.path).toMatch(/^\/workspace\/inbox\/letters-m1\/[\p{L}\p{N}_][\p{L}\p{N}._-]{0,79}$/u)
    }
    await fc.assert(
      fc.asyncProperty(fc.string(), fc.string(), async (messageId, name) => {
        const [one, two] = await keeper.keep({ ...MESSAGE, messageId }, [file(name), file(name)], until)
        const pattern = /^\/workspace\/inbox\/[\p{L}\p{N}_][\p{L}\p{N}._-]*\/[\p{L}\p{N}_][\p{L}\p{N}._-]*$/u
        for (const kept of [one, two]) expect(kept?.path).toMatch(pattern)
        expect(one?.path).not.toBe(two?.path)
      }),
      { numRuns: 50 },
    )
  })

  test('that cannot be had, or is too large, is a refusal that holds nothing up', async () => {
    using keeper = createKeeper()
    const gone: IncomingAttachment = {
      ...{ name: 'gone.txt', mime: 'text/plain' },
      read: () => Promise.reject(new ChannelError('rejected', 'it was deleted')),
    }
    const large = file('large.bin', { bytes: new Uint8Array(5 * 1024 * 1024 + 1) })
    const kept = await keeper.keep(MESSAGE, [gone, large, file('fine.txt')], until)
    expect(kept.map(({ refusal }) => refusal)).toEqual(['it was deleted', 'it is over 5242880 bytes', null])
  })

  test('beyond the tenth is not taken, and that is told', async () => {
    using keeper = createKeeper()
    const files = Array.from({ length: 50 }, (_, n) => file(`${n}.txt`))
    const kept = await keeper.keep(MESSAGE, files, until)
    expect(kept.map(({ name }) => name)).toEqual([...files.slice(0, 10).map(({ name }) => name), '40 more'])
    expect(kept.at(-1)?.refusal).toBe('only 10 files of one message are taken')
    expect(keeper.ran).toHaveLength(10)
  })

  test('does not hold up the end of the node when its channel never gives it', async () => {
    using keeper = createKeeper()
    const end = new AbortController()
    const silent: IncomingAttachment = {
      ...{ name: 'a.txt', mime: 'text/plain' },
      read: () => {
        end.abort()
        return new Promise<never>(() => {})
      },
    }
    expect(await keeper.keep(MESSAGE, [silent], { ...until, signal: end.signal })).toMatchObject([
      { refusal: 'the node has ended' },
    ])
  })

  test('that is late is not waited for, nor are those after it', async () => {
    using keeper = createKeeper()
    const late = new AbortController()
    const slow: IncomingAttachment = {
      ...{ name: 'slow.txt', mime: 'text/plain' },
      read: () => {
        late.abort()
        return new Promise<never>(() => {})
      },
    }
    const kept = await keeper.keep(MESSAGE, [slow, slow], { ...until, late: late.signal })
    expect(kept.map(({ refusal }) => refusal)).toEqual(Array(2).fill('it did not arrive in time'))
  })

  test('never takes the place of another one of its message', async () => {
    using keeper = createKeeper()
    const kept = await keeper.keep(
      MESSAGE,
      ['x', '3-x', 'x', 'x', '2-x'].map((name) => file(name)),
      until,
    )
    expect(new Set(kept.map(({ path }) => path)).size).toBe(5)
  })
})

describe('a message with a picture', () => {
  const receive = async (replies: readonly string[]) => {
    using keeper = createKeeper()
    const noted: string[] = []
    const it = createTestConversation({
      answer: play(...replies.map(say)),
      keepAttachments: keeper.keep,
      note: (event) => noted.push('label' in event.detail ? `${event.type} ${event.detail.label}` : event.type),
    })
    const channel = createTestChannel()
    const end = it.serve(channel)
    const attachments = [file('photo.png', { mime: 'image/png', bytes: PIXEL }), file('notes.txt')]
    channel.receiveBatch({ messages: [{ id: 'm1', senderId: OWNER, text: 'what is this?', attachments }], cursor: '1' })
    await channel.replyTo('m1')
    channel.receive('m2', 'and now?')
    await channel.replyTo('m2')
    await end()
    return { ...it, noted }
  }

  test('shows it to the model in its turn, and only names it later', async () => {
    await using it = await receive(['a pixel', 'nothing new'])
    const [first, second] = it.loop.requests
    expect(first?.messages.at(-1)?.content).toMatchObject([
      { type: 'image', source: { media_type: 'image/png', data: PIXEL.toString('base64') } },
      { type: 'text', text: expect.stringContaining('/workspace/inbox/letters-m1/photo.png (image/png') },
      { type: 'text', text: expect.stringContaining('/workspace/inbox/letters-m1/notes.txt') },
      { type: 'text', text: 'what is this?' },
    ])
    expect(JSON.stringify(second)).toContain('photo.png')
    expect(JSON.stringify(second)).not.toContain('"image"')
    expect(it.loop.store.state().database.query('select distinct label from attachments').all()).toEqual([
      { label: 'file:untrusted' },
    ])
  })

  test('tells the rules that foreign words were read, after the owner spoke', async () => {
    await using it = await receive(['a pixel', 'nothing new'])
    const read = 'untrusted:read file:untrusted'
    const [first, second] = [
      ['turn:start', 'owner:message', read, 'turn:end'],
      ['turn:start', 'owner:message', 'turn:end'],
    ]
    expect(it.noted).toEqual([...first, ...second])
  })

  test('from a stranger is not even fetched', async () => {
    const fetched: string[] = []
    await using it = createTestConversation({
      answer: play(say('never')),
      keepAttachments: async (_, files) => {
        fetched.push(...files.map(({ name }) => name))
        return []
      },
    })
    const channel = createTestChannel()
    const stranger = { id: 'x', senderId: 'test:stranger', text: 'look', attachments: [file('a.png')] }
    channel.receiveBatch({ messages: [stranger], cursor: '1' })
    await it.serveAll(channel)
    expect(fetched).toEqual([])
  })

  test('whose fetching the end of the node cuts off is delivered again', async () => {
    const fetching = Promise.withResolvers<void>()
    const cut = Promise.withResolvers<void>()
    await using it = createTestConversation({
      answer: play(say('an answer')),
      keepAttachments: async () => {
        fetching.resolve()
        await cut.promise
        return []
      },
    })
    const channel = createTestChannel()
    const end = it.serve(channel)
    const message = { id: 'm1', senderId: OWNER, text: 'look', attachments: [file('a.png')] }
    channel.receiveBatch({ messages: [message], cursor: '1' })
    await fetching.promise
    const ended = end()
    cut.resolve()
    await ended
    expect(it.memory.cursor('letters')).toBeNull()
    expect(it.inbox.has('letters', 'm1')).toBe(false)
  })
})
