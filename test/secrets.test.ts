/**
 * Planted secrets: a node with a key that it uses, against a service that quotes it in its errors, with tools that look for
 * it. Afterwards it is nowhere but where the owner put it.
 */
import { expect, test } from 'bun:test'
import { randomBytes } from 'node:crypto'
import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { createMessagesApi } from '../src/agent/model/scripted/messages-api.ts'
import type { Step } from '../src/agent/model/scripted/messages-api.types.ts'
import { answerScript } from '../src/agent/model/scripted/script.ts'
import { whyNoSandbox } from '../src/agent/sandbox/tests/sandbox-fixture.ts'
import { nodeStatusSchema } from '../src/operations.schemas.ts'
import type { CanaryPlan } from './canary-child.ts'
import { describeWhen } from './helpers.ts'
import { plaited, temporaryHome } from './run-plaited.ts'

/** The forms in which it could lie about; of base64 the part that does not depend on its neighbours. */
const formsOf = (secret: string): readonly string[] => {
  const bytes = Buffer.from(secret)
  const inMiddle = (before: number) =>
    Buffer.concat([Buffer.alloc(before), bytes])
      .toString('base64')
      .slice(4, -4)
  return [secret, encodeURIComponent(secret), bytes.toString('hex'), inMiddle(0), inMiddle(1), inMiddle(2)]
}

const filesBelow = (folder: string): readonly string[] =>
  readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name))

/** A file of /proc; a process may have ended meanwhile. */
const readProcess = (pid: string, file: string): string => {
  try {
    return readFileSync(`/proc/${pid}/${file}`, 'latin1')
  } catch {
    return ''
  }
}

const processes = (): readonly string[] => readdirSync('/proc').filter((name) => /^\d+$/.test(name))
const parentOf = (pid: string): string | undefined => /\) \S (\d+)/.exec(readProcess(pid, 'stat'))?.[1]
const isBelow = (pid: string, ancestor: string): boolean => {
  const parent = parentOf(pid)
  return parent === ancestor || (parent !== undefined && parent !== '0' && isBelow(parent, ancestor))
}

const LOOK = 'env; cat /proc/*/environ /proc/*/cmdline; touch started; sleep 60'

const reason = await whyNoSandbox()

describeWhen(reason === null, reason ?? '', 'a key', () => {
  test.each(['config.env', 'the environment'])('in %s is nowhere else, whatever happens', async (place) => {
    using home = temporaryHome()
    const canary = `sk-ant-canary-${randomBytes(16).toString('base64url')}`
    const environment: Record<string, string> = place === 'config.env' ? {} : { ANTHROPIC_API_KEY: canary }
    if (place === 'config.env') {
      writeFileSync(join(home.path, 'config.env'), `ANTHROPIC_API_KEY=${canary}\n`, { mode: 0o600 })
    }
    const quotes: readonly Step[] = [
      { kind: 'http', status: 401, message: `invalid x-api-key: ${canary}` },
      {
        kind: 'http',
        status: 400,
        message: `bad header ${btoa(`Bearer ${canary}`)}, ?key=${encodeURIComponent(canary)}`,
      },
    ]
    const api = createMessagesApi({ bearer: canary, answer: (request, n) => quotes[n] ?? answerScript(request) })
    const plan: CanaryPlan = { home: home.path, modelUrl: api.url }
    const child = Bun.spawn([process.execPath, join(import.meta.dir, 'canary-child.ts'), JSON.stringify(plan)], {
      ...{ cwd: '/', stdin: 'ignore', stdout: 'pipe', stderr: 'pipe' },
      env: { PATH: '/usr/local/bin:/usr/bin:/bin', ...environment },
    })
    const told: string[] = []
    const type = async (args: readonly string[], stdin = '') => {
      const finished = await plaited([...args, '--home', home.path], { stdin, environment })
      told.push(finished.stdout, finished.stderr)
      return finished.stdout
    }
    const status = async () => nodeStatusSchema.parse(JSON.parse(await type(['status', '--json'])))
    try {
      await child.stdout.getReader().read()
      expect(await type(['chat'], 'hello\n')).toContain('refused the key')
      expect(await type(['chat'], 'hello\n')).toContain('[redacted]')
      expect((await status()).lastError?.message).toContain('[redacted]')

      const looking = type(['chat'], `run ${LOOK}\n`)
      const started = Bun.file(join(home.path, 'workspace/started'))
      while (!(await started.exists())) await Bun.sleep(5) // until the command runs; the test's own limit ends a wait for nothing
      const node = String(child.pid)
      const ofChildren = processes()
        .filter((pid) => isBelow(pid, node))
        .map((pid) => readProcess(pid, 'environ'))
      expect(ofChildren.length).toBeGreaterThan(0)
      told.push(...ofChildren, ...processes().map((pid) => readProcess(pid, 'cmdline')))
      await type(['stop'])
      expect(await looking).toContain('Stopped')

      await api.close()
      const unanswered = type(['chat'], 'hello again\n')
      while ((await status()).lastError?.fault !== 'unreachable') await Bun.sleep(5) // the closed port was tried
      for (const args of [['status'], ['events', '--json'], ['log', '--json'], ['audit', 'verify'], ['doctor']]) {
        await type(args)
      }
      child.kill('SIGTERM')
      await unanswered
    } finally {
      child.kill('SIGTERM')
      await api.close()
    }
    const [exitCode, log] = await Promise.all([child.exited, child.stderr.text()])
    expect(exitCode).toBe(0)
    expect(log).toContain('"event":"model.fault"')
    const files = filesBelow(home.path).filter((path) => !path.endsWith('/config.env'))
    expect(files).toContain(join(home.path, 'data/events.sqlite'))
    const everything = [...told, log, ...files.map((path) => readFileSync(path, 'latin1'))]
    for (const form of formsOf(canary)) expect(everything.filter((text) => text.includes(form))).toEqual([])
  })
})
