/** What a person does in the first hour, typed as they would type it, against the whole node. */
import { describe, expect, test } from 'bun:test'
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Budget } from '../src/agent/ledger.types.ts'
import { plaited, run, startPlaited, temporaryHome, timezoneAtNoon } from './run-plaited.ts'

const THREE_LINES = 'write notes/hello.txt: hi\nwrite secrets/prod.env: TOKEN=1\nrun echo $((6*7))\n'

type Log = { commits: { kind: string; turn: string; undoneBy: string | null; files: { path: string }[] }[] }

describe('demo', () => {
  test('plays the whole node and says that the model is a script', async () => {
    const { exitCode, stdout } = await plaited(['demo'])
    expect(exitCode).toBe(0)
    expect(stdout).toContain('The model is a script, no AI')
    expect(stdout).toMatch(/allowed {2}write notes\/hello\.txt/)
    expect(stdout).toMatch(/commit {3}[0-9a-f]{10}/)
    expect(stdout).toMatch(/blocked {2}write secrets\/prod\.env.*\n +[a-z0-9-]+#\w+: .+/)
    expect(stdout).toMatch(/blocked {2}bash rm -rf \/\n +[a-z0-9-]+#\w+: .+/)
    expect(stdout).toContain('Undone: ')
  })
})

describe('a piped chat', () => {
  test('writes, is refused with the rule and its sentence, computes, commits; undo takes it back once', async () => {
    using home = temporaryHome()
    const chat = await plaited(['chat', '--home', home.path, '--model', 'scripted'], { stdin: THREE_LINES })
    expect(chat.exitCode).toBe(0)
    expect(readFileSync(join(home.path, 'workspace/notes/hello.txt'), 'utf8')).toBe('hi')
    expect(existsSync(join(home.path, 'workspace/secrets'))).toBe(false)
    expect(chat.stdout).toContain('42')
    expect(chat.stdout).toMatch(/blocked {2}write secrets\/prod\.env.*\n +[a-z0-9-]+#\w+: .+/)

    const git = await run(['git', '-C', join(home.path, 'workspace'), 'log', '--format=%B'])
    expect(git.stdout).toContain('write notes/hello.txt: hi')
    expect(git.stdout).toMatch(/^Plaited-Turn: t[0-9a-f]{12}$/m)

    const first = await plaited(['undo', '--home', home.path])
    expect(first.exitCode).toBe(0)
    expect(existsSync(join(home.path, 'workspace/notes/hello.txt'))).toBe(false)
    const second = await plaited(['undo', '--home', home.path])
    expect(second.exitCode).toBe(1)
    expect(second.stderr).toContain('nothing to undo')

    const log = JSON.parse((await plaited(['log', '--home', home.path, '--json'])).stdout) as Log
    expect(log.commits.map((commit) => commit.kind)).toEqual(['undo', 'turn'])
    expect(log.commits[1]?.undoneBy).toBeString()
    expect(log.commits[1]?.files).toEqual([expect.objectContaining({ path: 'notes/hello.txt' })])
  })

  test('a restart goes on with the same conversation, and undo twice undoes two turns', async () => {
    using home = temporaryHome()
    for (const line of ['write a.txt: one\n', 'write b.txt: two\n']) {
      expect((await plaited(['chat', '--home', home.path], { stdin: line })).exitCode).toBe(0)
    }
    const undo = await plaited(['chat', '--home', home.path], { stdin: 'undo\nundo the last change\nundo\n' })
    expect(undo.exitCode).toBe(0)
    expect(undo.stdout.match(/Undone: /g)).toHaveLength(2)
    expect(undo.stdout).toContain('nothing to undo')
    expect(existsSync(join(home.path, 'workspace/a.txt'))).toBe(false)
    const audit = await plaited(['audit', 'verify', '--home', home.path])
    expect(audit.stdout).toContain('unbroken')
  })
})

describe('chats that start together in a new home', () => {
  test('share one node, and each has its replies', async () => {
    using home = temporaryHome()
    const talks = [1, 2, 3, 4].map(async (n) => {
      const stdin = `run sleep 0.1; echo one-$((${n}+100))\nrun echo two-$((${n}+200))\n`
      return { n, ...(await plaited(['chat', '--home', home.path], { stdin })) }
    })
    const status = await plaited(['status', '--home', home.path])
    expect(status.exitCode).toBe(0)
    for (const { n, ...talk } of await Promise.all(talks)) {
      expect(talk).toMatchObject({ exitCode: 0 })
      expect(talk.stdout).toContain(`one-${n + 100}`)
      expect(talk.stdout).toContain(`two-${n + 200}`)
    }
  })
})

describe('the budget', () => {
  test('is raised by the command line and in a chat, and the status shows who did', async () => {
    using home = temporaryHome()
    const at = ['--home', home.path]
    const environment = { PLAITED_TIMEZONE: timezoneAtNoon() }
    const type = (args: readonly string[], stdin?: string) =>
      plaited([...args, ...at], { environment, ...(stdin && { stdin }) })
    const raised = await type(['budget', '+2', 'today'])
    expect(raised).toMatchObject({ exitCode: 0, stdout: expect.stringContaining('0 of 7 USD (raised from 5)') })
    const chat = await type(['chat'], 'budget +1.50 this month\nbudget +1.50 this year\n')
    expect(chat.stdout).toContain('0 of 51.5 USD (raised from 50)')
    expect(chat.stdout).toContain('nothing was raised')
    expect((await type(['budget', '+101', 'today'])).exitCode).toBe(2)
    expect((await type(['budget', '2', 'today'])).exitCode).toBe(2)
    const { budget } = JSON.parse((await type(['status', '--json'])).stdout) as { budget: Budget }
    expect(budget.day.extensions).toMatchObject([{ micros: 2_000_000, grantedBy: 'command line' }])
    expect(budget.month.extensions).toMatchObject([{ micros: 1_500_000, grantedBy: 'cli/local:owner' }])
    expect(JSON.parse((await type(['budget', '--json'])).stdout)).toEqual(budget)
  })
})

describe('a running node', () => {
  test('serves health, is talked to through its socket, keeps its home, ends at a signal with 0', async () => {
    using home = temporaryHome()
    const node = await startPlaited(['--home', home.path])
    try {
      expect(await (await fetch(new URL('/health', node.ready.url))).json()).toEqual({ ok: true })
      expect((await fetch(new URL('/anything', node.ready.url), { method: 'POST' })).status).toBe(404)

      const second = await plaited(['start', '--home', home.path])
      expect(second.exitCode).toBe(1)
      expect(second.stderr).toContain('already running')

      const chat = await plaited(['chat', '--home', home.path], { stdin: THREE_LINES })
      expect(chat.exitCode).toBe(0)
      expect(chat.stdout).toContain('42')
      const status = JSON.parse((await plaited(['status', '--home', home.path, '--json'])).stdout) as { pid: number }
      expect(status.pid).toBe(node.ready.pid)
      expect((await plaited(['undo', '--home', home.path])).exitCode).toBe(0)
      expect((await plaited(['stop', '--home', home.path])).stdout).toContain('Nothing was running')
    } finally {
      node.child.kill('SIGTERM')
    }
    expect(await node.child.exited).toBe(0)
    expect(existsSync(join(home.path, 'run/node.sock'))).toBe(false)
  })

  test('stop from another terminal ends a running command, and the reply says so', async () => {
    using home = temporaryHome()
    const node = await startPlaited(['--home', home.path])
    try {
      const marker = join(home.path, 'workspace/started')
      const chat = plaited(['chat', '--home', home.path], { stdin: 'run touch started; sleep 60; touch late\n' })
      while (!existsSync(marker)) await Bun.sleep(5) // until the command runs; the test's own limit ends a wait for nothing
      expect((await plaited(['stop', '--home', home.path])).stdout).toContain('Stopped')
      const { exitCode, stdout } = await chat
      expect(exitCode).toBe(0)
      expect(stdout).toContain('Stopped')
      expect(existsSync(join(home.path, 'workspace/late'))).toBe(false)
    } finally {
      node.child.kill('SIGTERM')
      await node.child.exited
    }
  })
})

describe('decide', () => {
  test.each([
    ['{"type":"permission:bash:exec","detail":{"cmd":"rm -rf /"}}', 1, 'blocked'],
    ['{"type":"permission:file:write","detail":{"path":"prod.env"}}', 1, 'blocked'],
    ['{"type":"permission:file:write","detail":{"path":"notes/a.md"}}', 0, 'allowed'],
    ['{"type":"permission:payment:send","detail":{"amount":"5.01"}}', 1, 'blocked'],
    ['{"type":"permission:payment:send","detail":{"amount":"5"}}', 0, 'allowed'],
    ['{"type":"permission:world:domination","detail":{}}', 1, 'blocked'],
  ])('%s', async (event, exitCode, outcome) => {
    using home = temporaryHome()
    const decided = await plaited(['decide', '--home', home.path, event])
    expect(decided.exitCode).toBe(exitCode)
    const answer = JSON.parse(decided.stdout) as { allowed: boolean; outcome: string; blockedBy: string[] }
    expect(answer).toMatchObject({ allowed: outcome === 'allowed', outcome })
    expect(answer.blockedBy.length > 0).toBe(outcome === 'blocked')
  })

  test.each([
    'not json',
    '{}',
    '{"type":"permission:file:write"}',
    '{"type":"permission:file:write","detail":{"path":7}}',
    '[]',
  ])('malformed: %s exits 2 and names what is wrong', async (event) => {
    using home = temporaryHome()
    const decided = await plaited(['decide', '--home', home.path, event])
    expect(decided.exitCode).toBe(2)
    expect(decided.stderr).toContain('not a permission event')
  })
})

describe('sandbox', () => {
  test('hands through output and exit code, and reads and writes files', async () => {
    using home = temporaryHome()
    const sandbox = (...args: string[]) =>
      plaited(['sandbox', ...args.slice(0, 1), '--home', home.path, ...args.slice(1)])
    const done = await sandbox('exec', '--', 'sh', '-c', `printf 'out'; printf 'err' >&2; exit 7`)
    expect(done).toMatchObject({ exitCode: 7, stdout: 'out' })
    expect(done.stderr).toContain('err')
    expect((await sandbox('write', 'a.txt', 'some text')).exitCode).toBe(0)
    expect(await sandbox('read', 'a.txt')).toMatchObject({ exitCode: 0, stdout: 'some text' })
    expect((await sandbox('read', '/etc/passwd')).exitCode).toBe(1)
    const read = await sandbox('read', 'a.txt', '--json')
    expect(JSON.parse(read.stdout)).toMatchObject({ kind: 'text', text: 'some text' })
    const failed = await sandbox('exec', '--json', '--', 'sh', '-c', 'echo out; exit 7')
    expect(failed.exitCode).toBe(7)
    expect(JSON.parse(failed.stdout)).toMatchObject({ kind: 'process', exitCode: 7, stdout: 'out\n' })
    expect((await sandbox('exec', '--', 'cat', 'a.txt')).stdout).toBe('some text')
  })

  test.each([
    ['the password file', 'cat /etc/shadow'],
    ['the database', 'cat "$1"/data/events.sqlite'],
    ['the outer root', 'cat /proc/1/root"$1"/data/events.sqlite'],
    ['the environment of others', 'cat /proc/*/environ | tr "\\0" "\\n" | grep PLAITED_CANARY'],
    ['the network', 'exec 3<>/dev/tcp/1.1.1.1/80 && echo connected'],
  ])('a command obtains nothing of %s', async (_, script) => {
    using home = temporaryHome()
    const options = { environment: { PLAITED_CANARY: 'canary' } }
    const tried = await plaited(
      ['sandbox', 'exec', '--home', home.path, '--', 'bash', '-c', script, 'bash', home.path],
      options,
    )
    expect(tried.exitCode).not.toBe(0)
    expect(tried.stdout).toBe('')
  })
})
