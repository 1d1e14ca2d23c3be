import { describe, expect, test } from 'bun:test'
import {
  chmodSync,
  chownSync,
  cpSync,
  existsSync,
  linkSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
} from 'node:fs'
import { join } from 'node:path'
import { describeWhen } from '../../../test/helpers.ts'
import { auditHistoryNow } from '../../constraint-history/audit-history.ts'
import { createKeeperClient, processLine, socketLine } from '../keeper-client.ts'
import { createTestHome, request, type TestHome } from './keeper-fixture.ts'

const PROJECT = join(import.meta.dir, '../../..')
const AGENT_UID = 10_001
const AGENT_GID = 10_000

const keeperCommand = ({ folders }: TestHome): readonly string[] => [
  ...[process.execPath, '--no-install', '--no-macros', '--no-env-file', `--config=${join(PROJECT, 'bunfig.toml')}`],
  ...[Bun.fileURLToPath(import.meta.resolve('../../keeper-main.ts')), '--constraints', folders.constraints],
  ...['--keys', folders.keys, '--seeds', folders.seeds],
]

const audit = ({ folders }: TestHome, ownedByRoot = false) =>
  auditHistoryNow({ folder: folders.constraints, anchor: null, ownedByRoot })

describe('a keeper of the same user', () => {
  test('is started for one request, adds the rule, and is gone', async () => {
    using home = createTestHome()
    const keeper = createKeeperClient(processLine(keeperCommand(home)))
    const { op: _, ...rule } = request('no-pay')
    expect(await keeper.append(rule)).toMatchObject({ count: 3 })
    expect(audit(home)).toMatchObject({ faults: [], rules: ['first', 'no-pay', 'second'] })
    await expect(keeper.append(rule)).rejects.toMatchObject({ code: 'RULE_REFUSED' })
    expect((await keeper.publicKeys()).keys).toHaveLength(1)
  })

  test('is alone: of several that are started at once, each waits for the one before', async () => {
    using home = createTestHome()
    const keeper = createKeeperClient(processLine(keeperCommand(home)))
    const { op: _, ...rule } = request('no-pay')
    const answers = await Promise.all(['a', 'b', 'c'].map((name) => keeper.append({ ...rule, name })))
    expect(answers.map(({ count }) => count).sort()).toEqual([3, 4, 5])
    expect(audit(home)).toMatchObject({ faults: [], rules: ['a', 'b', 'c', 'first', 'second'] })
  })

  test('says what is wrong when it cannot work', async () => {
    using home = createTestHome()
    const keeper = createKeeperClient(processLine(keeperCommand(home)))
    rmSync(home.folders.keys, { recursive: true })
    await keeper.publicKeys()
    rmSync(join(home.folders.keys, 'constraint-key.pem'))
    await expect(keeper.publicKeys()).rejects.toMatchObject({ message: expect.stringContaining('constraint-key.pem') })
  })

  test('that cannot be started, or gives no answer, is named as such', async () => {
    for (const command of [['/bin/true'], ['/bin/echo', 'nonsense'], ['/nonexistent/keeper']])
      await expect(createKeeperClient(processLine(command)).publicKeys()).rejects.toMatchObject({
        code: 'KEEPER_UNREACHABLE',
      })
    await expect(createKeeperClient(socketLine('/nonexistent/keeper.sock')).publicKeys()).rejects.toMatchObject({
      code: 'KEEPER_UNREACHABLE',
    })
  })
})

/** Runs a script of sh as the agent's user, which tells each attempt that did not fail. */
const asAgent = (script: string): string => {
  const words = [`--reuid=${AGENT_UID}`, `--regid=${AGENT_GID}`, '--clear-groups', '/bin/sh', '-c', script]
  const { stdout } = Bun.spawnSync(['setpriv', ...words], { cwd: '/', env: { PATH: '/usr/bin:/bin' } })
  return stdout.toString()
}

/** Everything in a folder with owner, mode, size and content, so that any change shows. */
const snapshot = (folder: string): readonly string[] =>
  readdirSync(folder, { recursive: true, withFileTypes: true })
    .map((entry) => {
      const path = join(entry.parentPath, entry.name)
      const { uid, mode, ino } = lstatSync(path)
      return `${path} ${uid} ${mode.toString(8)} ${ino} ${entry.isFile() ? readFileSync(path, 'base64') : ''}`
    })
    .sort()

const canDrop = process.getuid?.() === 0 && Bun.which('setpriv') !== null

describeWhen(canDrop, 'not root, or no setpriv', 'a keeper of another user', () => {
  const start = async (home: TestHome) => {
    // As in the container: the agent keeps its own files beside the rules, in a folder of root's.
    chownSync(home.root, 0, AGENT_GID)
    chmodSync(home.root, 0o1771)
    const run = join(home.root, 'run')
    mkdirSync(run)
    const socket = join(run, 'keeper.sock')
    const child = Bun.spawn([...keeperCommand(home), '--socket', socket, '--group', `${AGENT_GID}`], {
      ...{ env: {}, cwd: '/', stdin: 'ignore', stdout: 'ignore', stderr: 'pipe' },
    })
    for await (const chunk of child.stderr) if (Buffer.from(chunk).includes('keeper.ready')) break
    return {
      ...{ child, socket },
      [Symbol.asyncDispose]: async () => {
        child.kill('SIGTERM')
        await child.exited
      },
    }
  }

  test('listens on a socket of root and the group of the agent, and takes it away at its end', async () => {
    using home = createTestHome()
    const { child, socket } = await start(home)
    const { uid, gid, mode } = statSync(socket)
    expect({ uid, gid, mode: (mode & 0o777).toString(8) }).toEqual({ uid: 0, gid: AGENT_GID, mode: '660' })
    child.kill('SIGTERM')
    expect(await child.exited).toBe(0)
    expect(existsSync(socket)).toBe(false)
  })

  test('adds what is asked over it, and what it signed is as its audit wants it', async () => {
    using home = createTestHome()
    await using running = await start(home)
    const keeper = createKeeperClient(socketLine(running.socket))
    const { op: _, ...rule } = request('no-pay')
    expect(await keeper.append(rule)).toMatchObject({ count: 3 })
    await expect(keeper.append(rule)).rejects.toMatchObject({ code: 'RULE_REFUSED' })
    expect(await keeper.signDecisionHead({ count: 1, hash: 'a'.repeat(64) }, null)).toMatchObject({ count: 1 })
    expect((await keeper.publicKeys()).decisionHead).toMatchObject({ count: 1, hash: 'a'.repeat(64) })
    expect(audit(home, true)).toMatchObject({ faults: [], rules: ['first', 'no-pay', 'second'] })
  })

  test('is not shut off by connections that say nothing', async () => {
    using home = createTestHome()
    await using running = await start(home)
    const connect = () => Bun.connect({ unix: running.socket, socket: { data: () => {} } })
    // One that is closed before this end has noticed that it was open counts as not connected.
    const tried = await Promise.allSettled(Array.from({ length: 40 }, connect))
    const silent = tried.flatMap((one) => (one.status === 'fulfilled' ? [one.value] : []))
    try {
      expect(silent.length).toBeGreaterThan(20)
      expect((await createKeeperClient(socketLine(running.socket)).publicKeys()).keys).toHaveLength(1)
    } finally {
      for (const socket of silent) socket.terminate()
    }
  })

  test('leaves the agent no way to change a rule but to ask', async () => {
    using home = createTestHome()
    await using running = await start(home)
    const { constraints, keys } = home.folders
    const before = snapshot(constraints)
    const attempts = [
      'touch C/new.ts',
      'echo x > C/first.ts',
      'echo x >> C/first.ts',
      'rm -f C/first.ts && test ! -e C/first.ts',
      'mv C/first.ts C/other.ts',
      'ln C/first.ts C/linked.ts',
      'ln -sf /dev/null C/first.ts',
      'chmod 666 C/first.ts',
      'chmod 777 C',
      'chown AGENT C/first.ts',
      'truncate -s 0 C/first.ts',
      'mv C C.old',
      'rm -rf C && test ! -e C',
      'mkdir C.mine && mv -T C.mine C',
      'mv K K.old',
      'ln -sfT /tmp C',
      'touch C/.git/new',
      'echo x > C/.git/refs/heads/main',
      'echo x > C/.git/HEAD',
      'echo "[core]" >> C/.git/config',
      'rm -f C/.git/constraint-keys.json && test ! -e C/.git/constraint-keys.json',
      'touch C/.git/objects/new',
      'touch C/.git/hooks/post-commit',
      'ls K',
      'cat K/constraint-key.pem',
      'rm -f S && test ! -e S',
    ]
    const script = attempts
      .map((attempt) => attempt.replaceAll(/\bC\b/g, constraints).replaceAll(/\bK\b/g, keys))
      .map((attempt) => attempt.replaceAll(/\bS\b/g, running.socket).replaceAll('AGENT', `${AGENT_UID}`))
      .map((attempt) => `if (${attempt}) >/dev/null 2>&1; then echo ${JSON.stringify(attempt)}; fi`)
    // The agent may read; otherwise nothing here would prove anything.
    expect(asAgent(`cat ${constraints}/first.ts; touch ${home.root}/own && echo written`)).toMatch(
      /payment:send[\s\S]*written/,
    )
    expect(asAgent(script.join('\n'))).toBe('')
    expect(snapshot(constraints)).toEqual(before)
  })

  test('takes over the files of a home that the agent made, when they are the shipped ones', async () => {
    using home = createTestHome()
    cpSync(home.folders.seeds, home.folders.constraints, { recursive: true })
    for (const name of ['', 'first.ts', 'second.ts']) chownSync(home.path(name), AGENT_UID, AGENT_GID)
    await using _running = await start(home)
    expect(audit(home, true)).toMatchObject({ faults: [], rules: ['first', 'second'] })
    expect(asAgent(`(echo x >> ${home.path('first.ts')}) 2>/dev/null && echo written`)).toBe('')
  })

  test('refuses to work where others could replace the folder', () => {
    using home = createTestHome()
    chmodSync(home.root, 0o777)
    const { exitCode, stderr } = Bun.spawnSync([...keeperCommand(home), '--socket', join(home.root, 's')], { env: {} })
    expect(exitCode).toBe(78)
    expect(stderr.toString()).toContain(`others than root can replace what lies in ${home.root}`)
    expect(existsSync(home.folders.constraints)).toBe(false)
  })

  test('refuses to listen where others could replace its socket', () => {
    using home = createTestHome()
    const run = join(home.root, 'run')
    mkdirSync(run)
    chmodSync(run, 0o777)
    const { exitCode, stderr } = Bun.spawnSync([...keeperCommand(home), '--socket', join(run, 's')], { env: {} })
    expect(exitCode).toBe(78)
    expect(stderr.toString()).toContain(`others than root can replace what lies in ${run}`)
  })

  test('follows no link of the agent when it lays out the rules', async () => {
    using home = createTestHome()
    const victim = join(home.root, 'victim')
    mkdirSync(victim, { mode: 0o700 })
    const link = `${home.folders.constraints}.new`
    symlinkSync(victim, link)
    await using _running = await start(home)
    expect(readdirSync(victim)).toEqual([])
    expect((statSync(victim).mode & 0o777).toString(8)).toBe('700')
    expect(lstatSync(link).isSymbolicLink()).toBe(true) // neither used nor taken away
    expect(audit(home, true)).toMatchObject({ faults: [], rules: ['first', 'second'] })
  })

  test.each<[string, (keys: string) => void]>([
    ["that is the agent's", (keys) => chownSync(keys, AGENT_UID, AGENT_GID)],
    ['that others can look into', (keys) => chmodSync(keys, 0o755)],
    [
      'behind a link',
      (keys) => {
        renameSync(keys, `${keys}.real`)
        symlinkSync(`${keys}.real`, keys)
      },
    ],
    ["with a key of the agent's", (keys) => chownSync(join(keys, 'constraint-key.pem'), AGENT_UID, AGENT_GID)],
    ['with a key that others can change', (keys) => chmodSync(join(keys, 'constraint-key.pem'), 0o666)],
    ['with a key under a second name', (keys) => linkSync(join(keys, 'constraint-key.pem'), `${keys}.pem`)],
    ['with a link for its lock', (keys) => symlinkSync('/etc/hostname', join(keys, 'keeper.sqlite'))],
  ])('refuses a folder of the key %s', (_, change) => {
    using home = createTestHome()
    home.open()
    rmSync(home.folders.constraints, { recursive: true })
    change(home.folders.keys)
    const command = [...keeperCommand(home), '--socket', join(home.root, 's')]
    const { exitCode, stderr } = Bun.spawnSync(command, { env: {} })
    expect(stderr.toString()).toContain('was not made by this keeper alone, or others can get at it')
    expect(exitCode).toBe(78)
    expect(existsSync(home.folders.constraints)).toBe(false)
  })

  const isReachable = asAgent(`test -x ${process.execPath} && test -r ${import.meta.path} && echo yes`).trim() === 'yes'

  describeWhen(isReachable, 'the agent cannot reach this checkout', 'from the uid of the agent', () => {
    test('stays up under ten thousand random frames, and nothing changes', async () => {
      using home = createTestHome()
      await using running = await start(home)
      const before = snapshot(home.folders.constraints)
      const child = Bun.fileURLToPath(import.meta.resolve('./random-frames-child.ts'))
      const flood = (uid: number, gid: number) =>
        Bun.spawnSync(
          ['setpriv', `--reuid=${uid}`, `--regid=${gid}`, '--clear-groups', process.execPath, child, running.socket],
          { cwd: '/', env: {} },
        ).stdout.toString()
      expect(flood(AGENT_UID, AGENT_GID)).toBe('10000 frames, 0 taken\n')
      expect(flood(AGENT_UID + 1, AGENT_GID + 1)).toBe('refused\n')
      expect(running.child.exitCode).toBeNull()
      expect(snapshot(home.folders.constraints)).toEqual(before)
      const keeper = createKeeperClient(socketLine(running.socket))
      expect((await keeper.publicKeys()).faults).toEqual([])
    })
  })
})
