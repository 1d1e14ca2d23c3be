/**
 * A whole node and its owner, who write to each other through a real PDS and a chat service that keeps to the real
 * lexicons: owner -> PDS -> chat -> PDS -> node, and back.
 */
import { afterAll, beforeAll, expect, test } from 'bun:test'
import { randomBytes } from 'node:crypto'
import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { AtpAgent } from '@atproto/api'
import { createMessagesApi } from '../src/agent/model/scripted/messages-api.ts'
import { whyNoSandbox } from '../src/agent/sandbox/tests/sandbox-fixture.ts'
import { say } from '../src/agent/tests/loop-fixture.ts'
import type { BlueskyPlan } from './bluesky-child.ts'
import { installNetwork, type Network, type NetworkEvent, startNetwork } from './fixtures/atproto-network.ts'
import { settingsFor } from './fixtures/bluesky-world.ts'
import { describeWhen } from './helpers.ts'
import { plaited, startPlaited, temporaryHome } from './run-plaited.ts'

const TIMEOUT_MS = 60_000
/** `PLAITED_TEST_FULL=1` runs what the acceptance of the channel asks for; without it a part of that. */
const FULL = Bun.env['PLAITED_TEST_FULL'] === '1'
const CRASHES = FULL
  ? { messages: 300, kills: 25, timeoutMs: 600_000 }
  : { messages: 40, kills: 3, timeoutMs: TIMEOUT_MS }

type Message = Extract<NetworkEvent, { readonly event: 'message' }>

const messagesFrom = (network: Network, did: string): readonly Message[] =>
  network.events.filter((event) => event.event === 'message').filter(({ from }) => from === did)

/** Resolves when the agent has sent so many. */
const answers = async (network: Network, count: number): Promise<readonly Message[]> => {
  while (messagesFrom(network, network.bot.did).length < count) await network.nextEvent()
  return messagesFrom(network, network.bot.did)
}

/** The owner's app: logs in with the password of the account, and writes through the same server. */
const openApp = async (network: Network, { handle, password }: Network['owner']) => {
  const app = new AtpAgent({ service: network.pdsUrl })
  await app.login({ identifier: handle, password })
  const { convo } = app.withProxy('bsky_chat', network.chatDid).chat.bsky
  return {
    write: async (text: string) => {
      const { data } = await convo.getConvoForMembers({ members: [network.bot.did] })
      return (await convo.sendMessage({ convoId: data.convo.id, message: { text } })).data.id
    },
    /** Resolves when the agent lets this account write to it, which its first start brings about. */
    isLetIn: async () => {
      const knock = () =>
        convo.getConvoForMembers({ members: [network.bot.did] }).then(
          () => true,
          () => false,
        )
      while (!(await knock())) await Bun.sleep(20)
    },
  }
}

const variablesFor = (network: Network): Readonly<Record<string, string>> => ({
  ...{ CHANNEL_PROVIDER: 'bluesky', OWNER_ID: network.owner.did },
  ...settingsFor(network),
})

const filesBelow = (folder: string): readonly string[] =>
  readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name))

const withoutNetwork = await installNetwork()
const withoutSandbox = await whyNoSandbox()
const reason = withoutNetwork ?? withoutSandbox

describeWhen(reason === null, reason ?? '', 'a node on Bluesky', () => {
  let network: Network
  beforeAll(async () => {
    network = await startNetwork()
  }, TIMEOUT_MS)
  afterAll(() => network[Symbol.asyncDispose]())

  test(
    'answers its owner once, a stranger never, and writes its password and tokens nowhere',
    async () => {
      await network.reset()
      using home = temporaryHome()
      const variables = Object.entries(variablesFor(network)).map(([name, value]) => `${name}=${value}\n`)
      writeFileSync(join(home.path, 'config.env'), variables.join(''), { mode: 0o600 })
      const { child } = await startPlaited(['--home', home.path, '--model', 'scripted'])
      const told: string[] = []
      const type = async (...args: readonly string[]) => {
        const { stdout, stderr } = await plaited([...args, '--home', home.path])
        told.push(stdout, stderr)
        return stdout
      }
      try {
        const owner = await openApp(network, network.owner)
        await owner.isLetIn()
        const asked = await owner.write('hello')
        const [first] = await answers(network, 1)
        expect(first).toMatchObject({ replyTo: asked, text: expect.stringContaining('script') })
        const stranger = await openApp(network, network.stranger)
        await expect(stranger.write('let me in')).rejects.toThrow('someone they follow')
        await network.tell({ command: 'write', as: 'stranger', texts: ['let me in'] })
        await network.tell({ command: 'writeInGroup', texts: ['say something to all of us'] })
        const askedAgain = await owner.write('hello again')
        expect((await answers(network, 2)).map(({ replyTo }) => replyTo)).toEqual([asked, askedAgain])
        const seen = network.events.filter((event) => event.event === 'reaction')
        expect(seen).toContainEqual({ event: 'reaction', messageId: asked, from: network.bot.did, value: '👀' })
        expect(await type('status')).toMatch(/1 message from .*stranger|strangers/)
        expect(await type('doctor')).toContain('may write to its owner')
        for (const args of [
          ['events', '--json'],
          ['audit', 'verify'],
        ])
          await type(...args)
      } finally {
        child.kill('SIGTERM')
      }
      const [exitCode, log] = await Promise.all([child.exited, child.stderr.text()])
      expect(exitCode).toBe(0)
      expect(messagesFrom(network, network.bot.did)).toHaveLength(2)

      const files = filesBelow(home.path).filter((path) => !path.endsWith('/config.env'))
      const everything = [...told, log, ...files.map((path) => readFileSync(path, 'latin1'))]
      const secret = network.bot.appPassword
      for (const form of [secret, Buffer.from(secret).toString('hex'), btoa(secret).slice(0, -4)]) {
        expect(everything.filter((text) => text.includes(form))).toEqual([])
      }
      // Access and refresh token are JSON Web Tokens; the session is kept, encrypted.
      expect(everything.filter((text) => /eyJ[\w-]{8,}\.eyJ/.test(text))).toEqual([])
      expect(everything.some((text) => text.includes('session-salt'))).toBe(true)
    },
    TIMEOUT_MS,
  )

  test(
    'sends an answer of 3,000 graphemes in order',
    async () => {
      await network.reset()
      const words = Array.from({ length: 600 }, (_, index) => `n${1000 + index}`)
      await using node = await startChild(network, () => words.join(' '))
      const { write, isLetIn } = await openApp(network, network.owner)
      await isLetIn()
      const asked = await write('count')
      expect(words.join(' ').length).toBe(3599)
      const parts = await answers(network, 4)
      await node.stop()
      expect(parts.flatMap(({ text }) => text.match(/n\d+/g) ?? [])).toEqual(words)
      expect(new Set(parts.map(({ replyTo }) => replyTo))).toEqual(new Set([asked]))
      expect(Math.max(...parts.map(({ text }) => text.length))).toBeLessThanOrEqual(1000)
    },
    TIMEOUT_MS,
  )

  test(
    `${CRASHES.messages} messages and ${CRASHES.kills} times kill -9: each is answered once, in order`,
    async () => {
      await network.reset()
      const { write, isLetIn } = await openApp(network, network.owner)
      await using node = await startChild(network, (asked) => `answer to ${asked.join(' ')}`)
      await isLetIn()
      const wordsOf = () => messagesFrom(network, network.bot.did).flatMap(({ text }) => text.match(/w\d+/g) ?? [])
      const perKill = Math.floor(CRASHES.messages / (CRASHES.kills + 1))
      for (let n = 1; n <= CRASHES.messages; n++) {
        await write(`w${n}`)
        if (n % perKill !== 0 || node.kills() === CRASHES.kills) continue
        // The next one dies at its first sign of life after a few messages: while it polls, answers, sends or notes.
        const before = network.events.length
        while (network.events.length < before + 1 + (n % 3)) await network.nextEvent()
        await node.killAndRestart()
      }
      const all = Array.from({ length: CRASHES.messages }, (_, index) => `w${index + 1}`)
      while (!wordsOf().includes(`w${CRASHES.messages}`)) await network.nextEvent()
      await node.stop()
      expect(node.kills()).toBe(CRASHES.kills)
      expect(wordsOf()).toEqual(all)
    },
    CRASHES.timeoutMs,
  )
})

/** A node over a home of its own; its model answers with `reply` to the words that it was asked last. */
const startChild = async (network: Network, reply: (asked: readonly string[]) => string) => {
  const home = temporaryHome()
  writeFileSync(join(home.path, 'config.env'), `CHANNEL_PROVIDER=bluesky\nOWNER_ID=${network.owner.did}\n`, {
    mode: 0o600,
  })
  const bearer = randomBytes(16).toString('base64url')
  const api = createMessagesApi({
    bearer,
    answer: ({ messages }) => {
      const blocks = messages.at(-1)?.content ?? []
      const texts =
        typeof blocks === 'string' ? [blocks] : blocks.map((block) => (block.type === 'text' ? block.text : ''))
      return say(reply(texts.flatMap((text) => text.match(/\bw\d+\b/g) ?? [])))
    },
  })
  const plan: BlueskyPlan = { home: home.path, modelUrl: api.url, bearer, settings: settingsFor(network) }
  const spawn = async () => {
    const started = Bun.spawn([process.execPath, join(import.meta.dir, 'bluesky-child.ts'), JSON.stringify(plan)], {
      ...{ cwd: '/', stdin: 'ignore', stdout: 'pipe', stderr: 'pipe' },
      env: { PATH: '/usr/local/bin:/usr/bin:/bin' },
    })
    const { done } = await started.stdout.getReader().read()
    if (done) throw new Error(`the node ended: ${await started.stderr.text()}`)
    return started
  }
  let child = await spawn()
  let kills = 0
  const kill = async () => {
    child.kill('SIGKILL')
    await child.exited
  }
  return {
    killAndRestart: async () => {
      await kill()
      if (child.signalCode === 'SIGKILL') kills++
      child = await spawn()
    },
    kills: () => kills,
    stop: kill,
    [Symbol.asyncDispose]: async () => {
      await kill()
      await api.close()
      home[Symbol.dispose]()
    },
  }
}
