/** `link`, `links`, `unlink` as they are typed, over a whole node in this process. */
import { expect, test } from 'bun:test'
import { chmodSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describeWhen } from '../../../test/helpers.ts'
import { whyNoSandbox } from '../../agent/sandbox/tests/sandbox-fixture.ts'
import { readConfig } from '../../config.ts'
import { createNode } from '../../node.ts'
import { startControlServer } from '../../server/control-server.ts'
import { createTestChannel, OWNER } from '../../tests/conversation-fixture.ts'
import type { RunCommand } from '../command.types.ts'
import { runLink, runLinks, runUnlink } from '../link.ts'

const reason = await whyNoSandbox()

const createHome = () => {
  const path = mkdtempSync(join(tmpdir(), 'plaited-link-'))
  chmodSync(path, 0o755) // the sandbox's user must be able to walk into it
  return { path, [Symbol.dispose]: () => rmSync(path, { recursive: true, force: true }) }
}

const type = async (run: RunCommand, home: string, positionals: readonly string[] = []) => {
  const out: string[] = []
  const io = { out: (text: string) => out.push(text), error: () => {}, stdin: process.stdin, isTerminal: false }
  const signal = new AbortController().signal
  const exitCode = await run({ ...{ home, io, signal, positionals }, json: true, values: {} })
  return { exitCode, answer: JSON.parse(out.join('')) as { readonly code: string; readonly links: unknown } }
}

describeWhen(reason === null, reason ?? '', 'an identity', () => {
  test('is linked on a channel of the running node, listed, and taken back', async () => {
    using home = createHome()
    const { config, secrets } = readConfig({ home: home.path, model: 'scripted' }, {})
    const letters = createTestChannel('letters')
    const node = await createNode({
      config: { ...config, ownerId: OWNER },
      secrets,
      openChannels: async () => [letters],
    })
    const control = startControlServer(config.home.controlSocket, node.operations, () => {})
    const end = new AbortController()
    const served = node.serve(end.signal)
    const { answer } = await type(runLink, home.path)
    letters.receive('m1', answer.code, 'test:phone')
    expect((await letters.replyTo('m1')).text).toContain('Linked')
    letters.receive('m2', 'help', 'test:phone')
    expect((await letters.replyTo('m2')).text).toContain('I answer these words myself')
    letters.receive('m3', 'status', 'test:phone')
    expect((await letters.replyTo('m3')).text).toContain('channel   letters: ok')
    const links = { links: [{ channel: 'letters', senderId: 'test:phone', at: expect.any(Number) }] }
    expect((await type(runLinks, home.path)).answer).toEqual(expect.objectContaining(links))
    expect((await type(runUnlink, home.path, ['letters', 'test:phone'])).exitCode).toBe(0)
    expect((await type(runUnlink, home.path, ['letters', 'test:phone'])).exitCode).toBe(1)
    letters.receive('m4', 'help', 'test:phone')
    letters.receive('m5', 'status')
    expect((await letters.replyTo('m5')).text).toContain('strangers 1 message from strangers, unanswered')
    end.abort()
    await served
    await control.close()
    await node.close()
    expect(letters.sent.map(({ replyTo }) => replyTo)).not.toContain('m4')
  })

  test('cannot be linked while no channel is served', async () => {
    using home = createHome()
    expect(await type(runLink, home.path).catch((error: unknown) => error)).toMatchObject({ code: 'NOT_RUNNING' })
    expect(await type(runUnlink, home.path, ['letters']).catch((error: unknown) => error)).toMatchObject({
      code: 'USAGE',
    })
  })
})
