/** A whole node in this process: real home, sandbox, git and journal; the model is the script. */
import { expect, test } from 'bun:test'
import { chmodSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describeWhen } from '../../test/helpers.ts'
import { whyNoSandbox } from '../agent/sandbox/tests/sandbox-fixture.ts'
import { readConfig } from '../config.ts'
import { createNode, type NodeOptions } from '../node.ts'
import { NodeError } from '../utils/node-error.ts'
import { createTestChannel } from './conversation-fixture.ts'

const withHome = async (use: (home: string, options: NodeOptions) => Promise<void>): Promise<void> => {
  const home = mkdtempSync(join(tmpdir(), 'plaited-node-'))
  chmodSync(home, 0o755) // the sandbox's user must be able to walk into it
  try {
    await use(home, readConfig({ home, model: 'scripted' }, {}))
  } finally {
    rmSync(home, { recursive: true, force: true })
  }
}

const serve = async (options: NodeOptions) => {
  const node = await createNode(options)
  const end = new AbortController()
  const served = node.serve(end.signal)
  let messages = 0
  return {
    node,
    say: (text: string) => node.operations.say({ messageId: `m${++messages}`, text }, () => {}),
    [Symbol.asyncDispose]: async () => {
      end.abort()
      await served
      await node.close()
    },
  }
}

const reason = await whyNoSandbox()

describeWhen(reason === null, reason ?? '', 'a node', () => {
  test('is refused a second time in one home while the first runs, and not after it has ended', async () => {
    await withHome(async (_, options) => {
      const first = await createNode(options)
      const second = await createNode(options).catch((error: unknown) => error)
      expect(second).toMatchObject({ code: 'HOME_LOCKED' })
      expect(await first.operations.auditDecisions()).toEqual({ ok: true, count: 0 })
      await first.close()
      await (await createNode(options)).close()
    })
  })

  test('leaves a home free whose state it could not open', async () => {
    await withHome(async (home, options) => {
      await (await createNode(options)).close()
      writeFileSync(join(home, 'data', 'events.sqlite'), 'no database at all')
      for (let attempt = 0; attempt < 2; attempt++) {
        expect(await createNode(options).catch((error: unknown) => error)).toMatchObject({ code: 'STATE_CORRUPT' })
      }
    })
  })

  test('changes its workspace only as the rules allow, and takes back what it changed', async () => {
    await withHome(async (home, options) => {
      await using it = await serve(options)
      const file = join(home, 'workspace', 'notes', 'a.txt')
      expect(await it.say('write notes/a.txt: hello')).toContain('wrote notes/a.txt')
      expect(readFileSync(file, 'utf8')).toBe('hello')
      expect(await it.say('write .env: SECRET=1')).toContain('Blocked by')
      expect(readdirSync(join(home, 'workspace'))).not.toContain('.env')
      expect(await it.say('run rm -rf /')).toContain('Blocked by')
      expect(await it.say('undo')).toContain('Undone')
      expect(() => statSync(file)).toThrow('ENOENT')
      const { decisions } = await it.node.operations.status()
      expect(decisions.blocked).toBe(2)
      expect(await it.node.operations.auditDecisions()).toMatchObject({ ok: true })
    })
  })

  test('stops a running command at once when it is told to from beside', async () => {
    await withHome(async (home, options) => {
      const started = Promise.withResolvers<void>()
      await using it = await serve({ ...options, atPoint: (point) => point === 'tool.start' && started.resolve() })
      const answer = it.say('run sleep 60 && then write after.txt: no')
      await started.promise
      expect((await it.node.operations.stop('word')).stopped).toBe(true)
      expect(await answer).toContain('Stopped.')
      expect(await it.node.operations.stop('word')).toMatchObject({ stopped: false, frozen: true })
      expect(readdirSync(join(home, 'workspace'))).not.toContain('after.txt')
    })
  })

  test('listens nowhere any more once its state cannot be written, and so lets its process end', async () => {
    await withHome(async (_, options) => {
      const letters = createTestChannel()
      const listening = Promise.withResolvers<AbortSignal>()
      const poll: typeof letters.poll = async function* (given) {
        listening.resolve(given.signal)
        yield* letters.poll(given)
      }
      const atPoint = (point: string) => {
        if (point === 'batch.in') throw new NodeError('DISK_FULL', 'the disk is full')
      }
      const node = await createNode({ ...options, atPoint, openChannels: async () => [{ ...letters, poll }] })
      const served = node.serve(new AbortController().signal).catch((error: unknown) => error)
      const signal = await listening.promise
      letters.receive('m1', 'hello', 'test:stranger')
      expect(await served).toMatchObject({ code: 'DISK_FULL' })
      expect(signal.aborted).toBe(true)
      await node.close()
    })
  })

  test('has nothing in its home that other users may read but what its sandbox needs', async () => {
    await withHome(async (home, options) => {
      await using it = await serve(options)
      await it.say('hello')
      const modes = readdirSync(join(home, 'data'))
        .filter((name) => name.includes('.sqlite'))
        .map((name) => [name, (statSync(join(home, 'data', name)).mode & 0o777).toString(8)])
      expect(Object.fromEntries(modes)).toMatchObject({
        'events.sqlite': '600',
        'events.sqlite-wal': '600',
        'lease.sqlite': '600',
      })
      expect(modes.filter(([, mode]) => mode !== '600')).toEqual([])
      expect(statSync(join(home, 'data')).mode & 0o007).toBe(0)
      expect(statSync(join(home, 'run')).mode & 0o077).toBe(0)
    })
  })
})
