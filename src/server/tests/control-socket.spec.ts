/** The operations of a node over its control socket, both ends real; the node behind it is an object of the test. */
import { describe, expect, test } from 'bun:test'
import { mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { SandboxOutcome, ToolOperation } from '../../agent/agent.types.ts'
import type { ChannelProgress } from '../../channels/channels.types.ts'
import type { NodeStatus, Operations, UndoReport } from '../../operations.ts'
import { NodeError } from '../../utils/node-error.ts'
import { createControlClient, isNodeListening } from '../control-client.ts'
import { startControlServer } from '../control-server.ts'

const COMMIT = {
  sha: 'c0ffee',
  kind: 'turn',
  turn: 't1',
  subject: 'feat: ü "quoted"\n',
  files: [{ path: 'a\tb.txt', change: 'added' }],
  at: 1_800_000_000_000,
} as const

const PERIOD = {
  ...{ period: '2027-01', spentMicros: 3, capMicros: 5, limitMicros: 7 },
  extensions: [{ at: 1_800_000_000_000, micros: 2, grantedBy: 'letters/github:1' }],
}

const BUDGET: NodeStatus['budget'] = { callCapMicros: 1, turnCapMicros: 2, day: PERIOD, month: PERIOD }

const STATUS: NodeStatus = {
  home: '/home/of/the/node',
  state: 'serving',
  pid: 1,
  serving: true,
  upSeconds: 3,
  model: 'scripted',
  scripted: true,
  rules: 2,
  sandbox: { mode: 'unavailable', reason: 'no bwrap', mend: 'install it' },
  git: 'git',
  ratchet: 'advisory',
  ruleFaults: [],
  signingFault: null,
  retired: [],
  frozen: false,
  runningTurn: 't1',
  turn: { id: 't1', since: 1_800_000_000_000, steps: 2, doing: 'tool', tool: 'bash' },
  queued: 0,
  strangers: 0,
  channels: [],
  abandoned: 0,
  decisions: { allowed: 1, blocked: 2 },
  budget: BUDGET,
  lastError: { at: 1_800_000_000_000, turn: null, fault: 'unreachable', message: 'no answer' },
}

const EVERY_BYTE = Uint8Array.from({ length: 256 }, (_, byte) => byte)

const UNDONE: UndoReport = {
  ...{ undone: COMMIT, commit: { ...COMMIT, kind: 'undo' }, diffStat: ' a | 1 -\n' },
  ...{ lost: [], lasting: ['a message sent on cli'] },
}

const answers: Operations = {
  status: async () => STATUS,
  stop: async () => ({ stopped: true, dismissed: 0, frozen: false }),
  resume: async () => true,
  say: async ({ text }) => `you said ${text}`,
  undo: async (turn) => ({ ...UNDONE, undone: { ...COMMIT, turn } }),
  redo: async () => UNDONE,
  openQuestions: async () => ['t1/q1'],
  declineQuestion: async () => {},
  restore: async ({ path, turn }) => ({ commit: COMMIT, diffStat: `${path} ${turn}` }),
  log: async (limit) => Array.from({ length: limit }, () => ({ ...COMMIT, undoneBy: null })),
  diff: async (turn) => `diff of ${turn}\n\u001b[31m-\ufffd`,
  events: async ({ after, limit }) => [
    { seq: after + limit, at: 1, turn: null, type: 'turn.start', ref: null, payload: { deep: [null] } },
  ],
  proposeRule: async (rule) => ({ name: rule.kind, does: 'does', words: 'words', code: 'bcdfghjk' }),
  confirmRule: async (code) => `added by ${code}`,
  declineRule: async (codeOrName) => `declined ${codeOrName}`,
  execute: async () => ({ kind: 'text', text: 'read', truncated: true }),
  auditDecisions: async () => ({ ok: false, seq: 3, fault: 'its fields were changed' }),
  budget: async (extension) => ({ ...BUDGET, turnCapMicros: extension?.micros ?? 0 }),
  link: async () => ({ code: 'BCDF-GHJK', expiresAt: 5 }),
  links: async () => [{ channel: 'letters', senderId: 'test:phone', at: 5 }],
  unlink: async (channel, senderId) => channel === 'letters' && senderId === 'test:phone',
}

/** A listening node made of the given operations. */
const listen = (operations: Partial<Operations> = {}) => {
  const folder = mkdtempSync(join(tmpdir(), 'plaited-socket-'))
  const socket = join(folder, 'node.sock')
  const faults: { readonly path: string; readonly error: unknown }[] = []
  const server = startControlServer(socket, { ...answers, ...operations }, (fault) => faults.push(fault))
  return {
    faults,
    socket,
    server,
    client: createControlClient(socket),
    post: async (path: string, body: string, method = 'POST'): Promise<unknown> =>
      (await fetch(`http://node${path}`, { unix: socket, method, ...(method === 'GET' ? {} : { body }) })).json(),
    [Symbol.asyncDispose]: async () => {
      await server.close()
      rmSync(folder, { recursive: true, force: true })
    },
  }
}

describe('operations over the socket', () => {
  test.each([
    ['status', (on: Operations) => on.status()],
    ['stop', (on: Operations) => on.stop('word')],
    ['undo', (on: Operations) => on.undo(null)],
    ['undo of a turn', (on: Operations) => on.undo('t1')],
    ['redo', (on: Operations) => on.redo()],
    ['restore', (on: Operations) => on.restore({ path: 'ü@b', turn: 't1' })],
    ['log', (on: Operations) => on.log(2)],
    ['diff of a turn', (on: Operations) => on.diff('t1')],
    ['diff of the newest', (on: Operations) => on.diff(null)],
    ['events', (on: Operations) => on.events({ after: 7, limit: 10, turn: null })],
    ['audit', (on: Operations) => on.auditDecisions()],
    ['budget', (on: Operations) => on.budget(null)],
    ['budget raised', (on: Operations) => on.budget({ span: 'day', micros: 5 })],
    ['link', (on: Operations) => on.link()],
    ['open questions', (on: Operations) => on.openQuestions()],
    ['links', (on: Operations) => on.links()],
    ['unlink', (on: Operations) => on.unlink('letters', 'test:phone')],
    ['say', (on: Operations) => on.say({ messageId: 'm1', text: 'ü\n\u2028' }, () => {})],
    ['execute', (on: Operations) => on.execute({ kind: 'read', path: '/workspace/a', offset: null, limit: null })],
  ] as const)('%s: the answer is the one of the node itself', async (_, ask) => {
    await using node = listen()
    expect(await ask(node.client)).toEqual(await ask(answers))
  })

  test('bring every byte of a command’s output', async () => {
    const asked: ToolOperation[] = []
    const outcome: SandboxOutcome = {
      ...{ kind: 'process', exitCode: null, truncated: true, killedBy: 'timeout', notes: [] },
      ...{ stdout: EVERY_BYTE, stderr: EVERY_BYTE.toReversed() },
    }
    await using node = listen({
      execute: async (given) => {
        asked.push(given)
        return outcome
      },
    })
    const operation: ToolOperation = { kind: 'bash', command: `printf 'a\0b'`, timeoutMs: 5 }
    const received = await node.client.execute(operation)
    expect(asked).toEqual([operation])
    expect(received).toMatchObject({ kind: 'process', exitCode: null, truncated: true, killedBy: 'timeout' })
    if (received.kind !== 'process') throw new Error(received.kind)
    expect([...received.stdout]).toEqual([...EVERY_BYTE])
    expect([...received.stderr]).toEqual([...EVERY_BYTE].reverse())
  })

  test('bring a fault with its code, message and hint', async () => {
    const fault = new NodeError('NOTHING_TO_UNDO', 'there is nothing to undo', { hint: 'say something first' })
    await using node = listen({ undo: () => Promise.reject(fault), say: () => Promise.reject(fault) })
    for (const asked of [node.client.undo(null), node.client.say({ messageId: 'm', text: 't' }, () => {})]) {
      const error = await asked.catch((reason: unknown) => reason)
      expect(error).toBeInstanceOf(NodeError)
      expect(error).toMatchObject({ code: fault.code, message: fault.message, hint: fault.hint })
    }
  })

  test('show progress while the turn runs, in order, before the reply', async () => {
    const seen: string[] = []
    const heard = Promise.withResolvers<void>()
    const first: ChannelProgress = { kind: 'text', text: 'one\ntwo' }
    const second: ChannelProgress = { kind: 'late-reply', text: 'ü', repeat: true }
    await using node = listen({
      say: async (_, progress) => {
        progress(first)
        await heard.promise // the reply waits until the speaker has seen the progress
        progress(second)
        return 'reply'
      },
    })
    const reply = await node.client.say({ messageId: 'm1', text: 'hello' }, (progress) => {
      seen.push(JSON.stringify(progress))
      heard.resolve()
    })
    expect([...seen, reply]).toEqual([JSON.stringify(first), JSON.stringify(second), 'reply'])
  })

  test('tell the node that a speaker has gone', async () => {
    const speaking = Promise.withResolvers<void>()
    const gone = Promise.withResolvers<void>()
    await using node = listen({
      say: (_, __, speaker) => {
        speaker?.gone.addEventListener('abort', () => gone.resolve())
        speaking.resolve()
        return new Promise(() => {})
      },
    })
    const leave = new AbortController()
    const body = JSON.stringify({ messageId: 'm1', text: 'hello' })
    const left = fetch('http://node/say', { unix: node.socket, method: 'POST', body, signal: leave.signal })
    await speaking.promise
    leave.abort()
    expect(await left.then((response) => response.text()).catch(() => 'gone')).toBe('gone')
    await gone.promise
  })

  test('let the first speaker confirm its reply when a second one with the same id was refused', async () => {
    const spoken: Promise<void>[] = []
    const speaking = Promise.withResolvers<void>()
    const refused = Promise.withResolvers<void>()
    await using node = listen({
      say: async (_, __, speaker) => {
        spoken.push(speaker?.heard ?? Promise.reject(new Error('no speaker')))
        if (spoken.length > 1) throw new NodeError('USAGE', 'message m1 is being answered')
        speaking.resolve()
        await refused.promise
        return 'reply'
      },
    })
    const first = node.client.say({ messageId: 'm1', text: 'hello' }, () => {})
    await speaking.promise
    await expect(node.client.say({ messageId: 'm1', text: 'again' }, () => {})).rejects.toMatchObject({ code: 'USAGE' })
    refused.resolve()
    expect(await first).toBe('reply')
    await spoken[0]
    expect(await node.post('/heard', '{"messageId":"m1"}')).toEqual({ ok: true, value: false })
  })

  test('end with NOT_RUNNING when the node goes away in the middle of a turn', async () => {
    const speaking = Promise.withResolvers<void>()
    await using node = listen({
      say: (_, progress) => {
        progress({ kind: 'text', text: 'begun' })
        speaking.resolve()
        return new Promise(() => {})
      },
    })
    const said = node.client.say({ messageId: 'm1', text: 'hello' }, () => {})
    const refused = said.catch((error: unknown) => error)
    await speaking.promise
    await node.server.close()
    expect(await refused).toMatchObject({ code: 'NOT_RUNNING' })
    expect(await node.client.status().catch((error: unknown) => error)).toMatchObject({ code: 'NOT_RUNNING' })
  })
})

describe('the socket', () => {
  const usage = { ok: false, error: expect.objectContaining({ code: 'USAGE' }) }

  test.each([
    ['/status', 'not json'],
    ['/status', ''],
    ['/status', '[]'],
    ['/status', '{"extra":1}'],
    ['/log', '{"limit":0}'],
    ['/log', '{"limit":"5"}'],
    ['/log', '{"limit":1e9}'],
    ['/log', 'null'],
    ['/diff', '{}'],
    ['/events', '{"after":-1,"limit":1,"turn":null}'],
    ['/events', '{"after":0,"limit":1,"turn":5}'],
    ['/execute', '{"kind":"format","path":"/"}'],
    ['/execute', '{"kind":"bash","command":"ls"}'],
    ['/execute', '{"kind":"bash","command":"ls","timeoutMs":1,"sudo":true}'],
    ['/unlink', '{"channel":"letters"}'],
    ['/budget', '{}'],
    ['/budget', '{"extension":{"span":"year","micros":1}}'],
    ['/budget', '{"extension":{"span":"day","micros":0.5}}'],
    ['/budget', '{"extension":{"span":"day","micros":1,"grantedBy":"me"}}'],
    ['/__proto__', '{}'],
    ['/constructor', '{}'],
    ['/', '{}'],
  ])('refuses %s with the body %p as USAGE, and asks the node nothing', async (path, body) => {
    let asked = 0
    const count = async () => {
      asked++
      return Promise.reject(new Error('asked'))
    }
    const operations = { status: count, log: count, diff: count, events: count, execute: count, budget: count }
    await using node = listen(operations)
    expect(await node.post(path, body)).toEqual(usage)
    expect(asked).toBe(0)
    expect(node.faults).toEqual([{ path, error: expect.anything() }])
  })

  test.each(['not json', '{}', '{"messageId":"","text":"x"}', '{"messageId":"m","text":5}'])(
    'refuses to say %p, as USAGE',
    async (body) => {
      await using node = listen()
      expect(await node.post('/say', body)).toEqual({
        kind: 'error',
        error: expect.objectContaining({ code: 'USAGE' }),
      })
    },
  )

  test('answers a knock, which is no fault, and says what it could not do to whoever listens', async () => {
    const fault = new NodeError('NOTHING_TO_UNDO', 'nothing to undo')
    await using node = listen({ undo: () => Promise.reject(fault), say: () => Promise.reject(fault) })
    expect(await isNodeListening(node.socket)).toBe(true)
    expect(node.faults).toEqual([])
    await node.client.undo(null).catch(() => {})
    await node.client.say({ messageId: 'm', text: 't' }, () => {}).catch(() => {})
    expect(node.faults).toEqual([
      { path: '/undo', error: fault },
      { path: '/say', error: fault },
    ])
  })

  test('takes nothing but POST', async () => {
    await using node = listen()
    for (const method of ['GET', 'PUT', 'DELETE']) expect(await node.post('/status', '{}', method)).toEqual(usage)
  })

  test('is the owner’s alone, replaces one that a dead node left, and is gone afterwards', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'plaited-socket-'))
    try {
      const socket = join(folder, 'node.sock')
      writeFileSync(socket, 'left over')
      expect(await isNodeListening(socket)).toBe(false)
      const server = startControlServer(socket, answers, () => {})
      expect((statSync(socket).mode & 0o777).toString(8)).toBe('600')
      expect(await isNodeListening(socket)).toBe(true)
      await server.close()
      expect(await isNodeListening(socket)).toBe(false)
      expect(() => statSync(socket)).toThrow('ENOENT')
    } finally {
      rmSync(folder, { recursive: true, force: true })
    }
  })

  test('works in a home whose path is longer than the address of a socket may be', async () => {
    const folder = mkdtempSync(join(tmpdir(), `plaited-${'x'.repeat(120)}-`))
    try {
      const socket = join(folder, 'node.sock')
      const server = startControlServer(socket, answers, () => {})
      expect(await createControlClient(socket).status()).toEqual(STATUS)
      await server.close()
    } finally {
      rmSync(folder, { recursive: true, force: true })
    }
  })
})
