/** What a node tells while it runs, typed as an owner would: its log, its status, its events; also when it does not answer. */
import { describe, expect, test } from 'bun:test'
import { join } from 'node:path'
import { readConfig } from '../src/config.ts'
import { createNode, type PlaitedNode } from '../src/node.ts'
import { logLineSchema } from '../src/node-log.ts'
import { loggedEventSchema, nodeStatusSchema } from '../src/operations.schemas.ts'
import { launcher, plaited, startPlaited, temporaryHome } from './run-plaited.ts'

const parseLines = (text: string): unknown[] =>
  text
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as unknown)

/** `events --follow` in the background, its lines as they come. */
const follow = (home: string, ...args: readonly string[]) => {
  const child = Bun.spawn([launcher, 'events', '--follow', '--json', '--home', home, ...args], {
    ...{ cwd: '/', stdin: 'ignore', stdout: 'pipe', stderr: 'pipe' },
    env: { PATH: '/usr/local/bin:/usr/bin:/bin', HOME: '/nonexistent' },
  })
  const reader = child.stdout.getReader()
  const decoder = new TextDecoder()
  const seen: { readonly seq: number; readonly turn: string | null; readonly type: string }[] = []
  let rest = ''
  return {
    child,
    /** Everything up to and with the first event of that type. */
    until: async (type: string) => {
      while (!seen.some((event) => event.type === type)) {
        const { value, done } = await reader.read()
        if (done) throw new Error(`events ended: ${await child.stderr.text()}`)
        const lines = (rest + decoder.decode(value, { stream: true })).split('\n')
        rest = lines.pop() ?? ''
        seen.push(...lines.map((line) => loggedEventSchema.parse(JSON.parse(line))))
      }
      return seen
    },
    /** As when `head` has seen enough. */
    hangUp: () => reader.cancel(),
  }
}

test('events --json is one document, also before anything has happened, and what it cannot give is one, too', async () => {
  using home = temporaryHome()
  const events = async (...args: readonly string[]) =>
    JSON.parse((await plaited(['events', '--json', '--home', home.path, ...args])).stdout)
  expect(await events()).toEqual({ events: [] })
  await plaited(['chat', '--home', home.path], { stdin: 'write a.txt: one\n' })
  const told: { readonly events: readonly unknown[] } = await events()
  const types = told.events.map((event) => loggedEventSchema.parse(event).type)
  expect(types).toContain('turn.end')
  expect(await events('--after', '999')).toEqual({ events: [] })
  expect(await events('--turn', 'nope')).toMatchObject({ error: { code: 'TURN_UNKNOWN' } })
})

const say = (home: string, text: string) => plaited(['chat', '--home', home], { stdin: `${text}\n` })

describe('a running node', () => {
  test('logs its work as JSON lines on stderr that match the schema, without what was said or written', async () => {
    using home = temporaryHome()
    const node = await startPlaited(['--home', home.path], { PLAITED_LOG: 'debug' })
    await say(home.path, 'write notes.txt: the-words-of-the-owner && then write .env: A=1')
    await fetch('http://node/nonsense', { unix: join(home.path, 'run/node.sock'), method: 'POST', body: '{}' })
    node.child.kill('SIGTERM')
    const [exitCode, stderr] = await Promise.all([node.child.exited, node.child.stderr.text()])
    expect(exitCode).toBe(0)
    const entries = parseLines(stderr).map((line) => logLineSchema.parse(line))
    const events = entries.map(({ event }) => event)
    expect(events[0]).toBe('node.start')
    expect(events.at(-1)).toBe('node.stop')
    const told = ['node.ready', 'message.accepted', 'turn.start', 'model.reply', 'tool.allowed', 'tool.refused']
    for (const event of [...told, 'tool.result', 'workspace.commit', 'turn.end', 'reply.sent', 'control.refused']) {
      expect(events).toContain(event)
    }
    expect(entries.every(({ pid }) => pid === node.ready.pid)).toBe(true)
    expect(stderr).not.toContain('the-words-of-the-owner')
    expect(stderr).not.toContain('notes.txt')
  })

  test.each([
    ['PLAITED_LOG=silent', { PLAITED_LOG: 'silent' }, []],
    ['PLAITED_LOG=warn', { PLAITED_LOG: 'warn' }, []],
    ['no PLAITED_LOG', {}, ['node.start', 'node.ready', 'node.stop']],
  ] as const)('with %s logs what that asks for', async (_, environment, expected) => {
    using home = temporaryHome()
    const node = await startPlaited(['--home', home.path], environment)
    node.child.kill('SIGTERM')
    const [exitCode, stderr] = await Promise.all([node.child.exited, node.child.stderr.text()])
    expect(exitCode).toBe(0)
    expect(parseLines(stderr).map((line) => logLineSchema.parse(line).event)).toEqual([...expected])
  })

  test('that cannot start says why in its log, and to its owner', async () => {
    using first = temporaryHome()
    using second = temporaryHome()
    const node = await startPlaited(['--home', first.path])
    try {
      const environment = { PLAITED_PORT: new URL(node.ready.url).port }
      const { exitCode, stderr } = await plaited(['start', '--home', second.path], { environment })
      expect(exitCode).toBe(1)
      const lines = stderr.split('\n').filter((line) => line.startsWith('{'))
      expect(lines.map((line) => logLineSchema.parse(JSON.parse(line)))).toEqual([
        expect.objectContaining({ event: 'node.start' }),
        expect.objectContaining({ event: 'node.failed', error: expect.objectContaining({ code: 'PORT_IN_USE' }) }),
        expect.objectContaining({ event: 'node.stop' }),
      ])
      expect(stderr).toMatch(/^plaited: port \d+ /m)
    } finally {
      node.child.kill('SIGTERM')
      await node.child.exited
    }
  })

  test('is followed live, from a row and by a turn, until a signal, which ends it with 0', async () => {
    using home = temporaryHome()
    const node = await startPlaited(['--home', home.path])
    try {
      const everything = follow(home.path)
      await say(home.path, 'write a.txt: one')
      const events = [...(await everything.until('turn.end'))]
      expect(events.map(({ seq }) => seq)).toEqual(events.map((_, index) => index + 1))
      const [{ turn } = { turn: null }] = events
      const end = events.length

      const later = follow(home.path, '--after', String(end))
      const ofTurn = follow(home.path, '--turn', turn ?? '')
      await say(home.path, 'run true')
      expect((await later.until('turn.end')).map(({ seq }) => seq)[0]).toBe(end + 1)
      const own = await ofTurn.until('turn.end')
      expect(own.filter((event) => event.turn !== turn)).toEqual([])
      expect(own).toHaveLength(events.filter((event) => event.turn === turn).length)

      for (const [followed, signal] of [
        [everything, 'SIGINT'],
        [later, 'SIGTERM'],
        [ofTurn, 'SIGTERM'],
      ] as const) {
        followed.child.kill(signal)
        expect(await followed.child.exited).toBe(0)
      }
    } finally {
      node.child.kill('SIGTERM')
      await node.child.exited
    }
  })

  test('is followed beyond its end, into the next one, and a reader that hangs up ends it with 0', async () => {
    using home = temporaryHome()
    const node = await startPlaited(['--home', home.path])
    const followed = follow(home.path)
    await say(home.path, 'run true')
    await followed.until('turn.end')
    node.child.kill('SIGTERM')
    await node.child.exited
    // A node of its own: the follower holds no lease that could be in its way.
    expect((await say(home.path, 'write b.txt: two')).exitCode).toBe(0)
    await followed.until('workspace.commit')
    await followed.hangUp()
    await say(home.path, 'run true')
    expect(await followed.child.exited).toBe(0)
  })

  test('has a status that matches its schema, and says which turn runs and what it does', async () => {
    using home = temporaryHome()
    const node = await startPlaited(['--home', home.path])
    const status = async () =>
      nodeStatusSchema.parse(JSON.parse((await plaited(['status', '--json', '--home', home.path])).stdout))
    try {
      expect(await status()).toMatchObject({ state: 'serving', pid: node.ready.pid, turn: null, lastError: null })
      const followed = follow(home.path)
      const chat = say(home.path, 'run sleep 60')
      await followed.until('tool.start')
      const { turn, runningTurn } = await status()
      expect(turn).toMatchObject({ id: runningTurn, steps: 1, doing: 'tool', tool: 'bash' })
      const words = (await plaited(['status', '--home', home.path])).stdout
      expect(words).toMatch(/^turn +t[0-9a-f]{12} since .* UTC, step 1, runs bash; 0 queued$/m)
      expect((await plaited(['stop', '--home', home.path])).stdout).toContain('Stopped')
      expect((await chat).exitCode).toBe(0)
      expect(await status()).toMatchObject({ state: 'serving', turn: null, runningTurn: null })
      followed.child.kill('SIGTERM')
      await followed.child.exited
    } finally {
      node.child.kill('SIGTERM')
      await node.child.exited
    }
    expect(await status()).toMatchObject({ state: 'stopped', serving: false })
  })
})

describe('a node that holds its home and does not answer', () => {
  /** Holds the lease in this process and has no socket. */
  const withSilentNode = async (use: (home: string, node: PlaitedNode) => Promise<void>): Promise<void> => {
    using home = temporaryHome()
    const node = await createNode(readConfig({ home: home.path, model: 'scripted' }, {}))
    try {
      await use(home.path, node)
    } finally {
      await node.close()
    }
  }

  /** `undo` waits five seconds for whoever holds the home, which is as long as a test has by itself. */
  const TIMEOUT_MS = 60_000

  test(
    'is read all the same: status, events, log and the chain of decisions',
    async () => {
      await withSilentNode(async (home) => {
        const [status, words, events, log, audit, undo] = await Promise.all(
          [['status', '--json'], ['status'], ['events'], ['log', '--json'], ['audit', 'verify'], ['undo']].map((args) =>
            plaited([...args, '--home', home]),
          ),
        )
        expect(nodeStatusSchema.parse(JSON.parse(status?.stdout ?? ''))).toMatchObject({ state: 'silent', pid: null })
        expect(words?.stdout).toContain('does not answer')
        expect([status, words, events, log, audit].map((finished) => finished?.exitCode)).toEqual([0, 0, 0, 0, 0])
        expect(log?.stdout).toBe('{"commits":[]}\n')
        expect(audit?.stdout).toContain('unbroken')
        expect(undo).toMatchObject({ exitCode: 1, stderr: expect.stringContaining('another plaited process') })
      })
    },
    TIMEOUT_MS,
  )
})
