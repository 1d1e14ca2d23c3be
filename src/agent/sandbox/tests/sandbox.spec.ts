import { expect, test } from 'bun:test'
import {
  chmodSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { describeWhen } from '../../../../test/helpers.ts'
import { shellCommand } from '../bubblewrap-arguments.ts'
import { createSandboxLanes } from '../sandbox.ts'
import type { ConfinedRequest } from '../sandbox.types.ts'
import { createTestHome, createTestSandbox, descendants, permit, TEST_USER, whyNoSandbox } from './sandbox-fixture.ts'

const reason = await whyNoSandbox()
const describeReal = (name: string, define: () => void): void =>
  describeWhen(reason === null, `no sandbox on this host: ${reason}`, name, define)

const echo = permit({ kind: 'bash', command: 'echo hi', timeoutMs: 10_000 })
const signal = new AbortController().signal
const commandOf = (pid: number) => readFileSync(`/proc/${pid}/cmdline`, 'latin1')
const isAlive = (pid: number) => statSync(`/proc/${pid}`, { throwIfNoEntry: false }) !== undefined

describeReal('the sandbox as a whole', () => {
  test('the self-test finds every wall in place', async () => {
    const { lanes, dispose } = createTestSandbox()
    expect(await lanes.check()).toMatchObject({
      available: true,
      mode: 'full',
      bubblewrapVersion: expect.stringMatching(/^\d/),
    })
    await dispose()
  })

  test('nothing starts before it is used, and nothing is left after close', async () => {
    const { lanes, bash, run, dispose } = createTestSandbox()
    expect(descendants()).toEqual([])
    await bash('true')
    const sleeping = bash('sleep 300')
    const reading = run({ kind: 'read', path: '/workspace/.git', offset: null, limit: null })
    lanes.warm()
    await reading
    await dispose()
    expect(await sleeping).toMatchObject({ killedBy: 'stop' })
    expect(descendants().filter(isAlive)).toEqual([])
    await expect(lanes.sandbox.run(echo, { signal })).rejects.toMatchObject({ code: 'SANDBOX_FAILED' })
    await lanes.close()
  })

  test('closing while sandboxes are being set up leaves none', async () => {
    for (let round = 0; round < 5; round++) {
      const { lanes, dispose } = createTestSandbox()
      lanes.warm()
      await Bun.sleep(round)
      await dispose()
    }
    expect(descendants().filter(isAlive)).toEqual([])
  })

  test('a node that is killed takes every sandbox with it', async () => {
    const script = `
      import { createTestSandbox } from '${import.meta.dir}/sandbox-fixture.ts'
      const { home, bash } = createTestSandbox()
      process.stdout.write(home.root)
      await bash('touch started; setsid sleep 300')`
    const node = Bun.spawn([process.execPath, '-e', script], { stdout: 'pipe', env: {} })
    const { value } = await node.stdout.getReader().read()
    const root = Buffer.from(value ?? '').toString('utf8')
    while (!existsSync(join(root, 'workspace/started'))) await Bun.sleep(1)
    const inside = descendants(node.pid)
    expect(inside.length).toBeGreaterThan(2)
    node.kill('SIGKILL')
    await node.exited
    while (inside.some((pid) => isAlive(pid))) await Bun.sleep(1)
    rmSync(root, { recursive: true })
  })

  test('what a killed node could not take with it is ended by its sweeper, and nothing else is', async () => {
    const drop = TEST_USER === null ? null : { to: TEST_USER, setprivPath: '/usr/bin/setpriv' }
    const waitFor = (mark: string) =>
      Bun.spawn(shellCommand(`: ${mark}; umask 002; read -r`), { stdio: ['pipe', 'ignore', 'ignore'], ...TEST_USER })
    for (const end of ['kill', 'close']) {
      // Of each its own: the first sweeper still looks when the second node starts.
      const marks = { own: `plaited-${crypto.randomUUID()}`, other: `plaited-${crypto.randomUUID()}` }
      const script = `
        import { startSweeper } from '${import.meta.dir}/../sweeper.ts'
        const sweeper = startSweeper(${JSON.stringify({ mark: marks.own, drop })})
        console.log('started')
        await Bun.stdin.text()
        await sweeper.close()`
      const node = Bun.spawn([process.execPath, '-e', script], { stdio: ['pipe', 'pipe', 'inherit'], env: {} })
      await node.stdout.getReader().read()
      const [orphan, stranger] = [waitFor(marks.own), waitFor(marks.other)]
      if (end === 'kill') node.kill('SIGKILL')
      else node.stdin.end()
      await node.exited
      if (end === 'kill') expect(await orphan.exited.then(() => orphan.signalCode)).toBe('SIGKILL')
      expect(stranger.exitCode ?? stranger.signalCode).toBeNull()
      expect(isAlive(orphan.pid)).toBe(end === 'close')
      for (const process of [orphan, stranger]) process.kill('SIGKILL')
      await Promise.all([orphan.exited, stranger.exited])
    }
  })

  test('a sweeper that somebody ended is no fault of the calls', async () => {
    const { bash, dispose } = createTestSandbox()
    await bash('true')
    const sweepers = descendants().filter((pid) => commandOf(pid).includes('goodbye'))
    expect(sweepers.length).toBe(1)
    for (const pid of sweepers) process.kill(pid, 'SIGKILL')
    expect((await bash('echo well')).stdout).toBe('well\n')
    await dispose()
    expect(descendants().filter(isAlive)).toEqual([])
  })

  test('two hundred calls, ten at a time, leave no process and no descriptor behind', async () => {
    const { bash, run, lanes, dispose } = createTestSandbox()
    const descriptors = () => readdirSync('/proc/self/fd').length
    const round = () =>
      Promise.all([
        ...Array.from({ length: 9 }, (_, n) => bash(n === 0 ? 'setsid sleep 300 & exit 3' : 'echo $$')),
        run({ kind: 'write', path: '/workspace/soak', content: 'x' }),
      ])
    const before = descriptors()
    for (let n = 0; n < 20; n++) await round()
    await lanes.close()
    expect(descendants().filter(isAlive)).toEqual([])
    // A leak of one for each call would be two hundred; a few are closed a moment later.
    expect(descriptors()).toBeLessThanOrEqual(before + 10)
    await dispose()
  })

  test('Ctrl-C in the terminal of the node reaches nothing that runs in the sandbox', async () => {
    const script = `
      import { createTestSandbox } from '${import.meta.dir}/sandbox-fixture.ts'
      process.on('SIGINT', () => {})
      const { home, lanes, bash, run, dispose } = createTestSandbox()
      await run({ kind: 'read', path: '/workspace/.git', offset: null, limit: 1 })
      process.stdout.write(home.workspace)
      const wait = (name) => 'touch ' + name + '; until test -e go; do read -t 0.01 <> <(:); done; echo ' + name
      const program = { argv: ['/bin/bash', '-c', wait('two')], cwd: '/workspace', binds: [], environment: {} }
      const [command, confined] = await Promise.all([
        bash(wait('one')),
        lanes.runConfined({ ...program, timeoutMs: 20_000 }),
      ])
      const file = await run({ kind: 'read', path: '/workspace/.git', offset: null, limit: 1 })
      await dispose()
      console.log(JSON.stringify([command.stdout, confined.exitCode, file.kind]))`
    const node = Bun.spawn([process.execPath, '-e', script], { stdout: 'pipe', env: {}, detached: true })
    const output = node.stdout.getReader()
    const read = async () => Buffer.from((await output.read()).value ?? '').toString('utf8')
    const workspace = await read()
    while (!['one', 'two'].every((name) => existsSync(join(workspace, name)))) await Bun.sleep(1)
    process.kill(-node.pid, 'SIGINT')
    writeFileSync(join(workspace, 'go'), '')
    expect(JSON.parse(await read())).toEqual(['one\n', 0, 'text'])
    expect(await node.exited).toBe(0)
  })

  test('without a git file, or with a link or a folder in its place, every lane refuses and names it', async () => {
    const { home, lanes, dispose } = createTestSandbox()
    const gitFile = join(home.workspace, '.git')
    const refusal = { code: 'SANDBOX_UNAVAILABLE', message: expect.stringContaining(gitFile) }
    const expectRefusals = async () => {
      await expect(lanes.sandbox.run(echo, { signal })).rejects.toMatchObject(refusal)
      await expect(lanes.runConfined(request({ argv: ['true'] }))).rejects.toMatchObject(refusal)
      const reading = permit({ kind: 'read', path: '/workspace/a', offset: null, limit: null })
      await expect(lanes.sandbox.run(reading, { signal })).rejects.toMatchObject(refusal)
      expect(await lanes.check()).toMatchObject({ available: false, reason: expect.stringContaining(gitFile) })
    }
    renameSync(gitFile, join(home.root, 'moved'))
    await expectRefusals()
    symlinkSync(join(home.root, 'moved'), gitFile)
    await expectRefusals()
    rmSync(gitFile)
    mkdirSync(gitFile)
    await expectRefusals()
    rmSync(gitFile, { recursive: true })
    renameSync(join(home.root, 'moved'), gitFile)
    expect(await lanes.sandbox.run(echo, { signal })).toMatchObject({ exitCode: 0 })
    await dispose()
  })

  test('a workspace that is missing is refused with its mend', async () => {
    const home = createTestHome()
    const lanes = createSandboxLanes({ ...home, workspace: join(home.root, 'none'), dropTo: TEST_USER })
    await expect(lanes.sandbox.run(echo, { signal })).rejects.toMatchObject({
      code: 'WORKSPACE_UNUSABLE',
      hint: expect.stringContaining('mkdir'),
    })
    await lanes.close()
    home.remove()
  })

  test('root without a user to become, and a user who names one, run nothing', async () => {
    const home = createTestHome()
    const wrong = TEST_USER === null ? { uid: 10001, gid: 10000 } : null
    for (const dropTo of [wrong, { uid: 0, gid: 0 }]) {
      const lanes = createSandboxLanes({ ...home, dropTo })
      await expect(lanes.sandbox.run(echo, { signal })).rejects.toMatchObject({ code: 'SANDBOX_UNAVAILABLE' })
      await lanes.close()
    }
    home.remove()
  })
})

describeReal('the weaker mode that an owner may ask for', () => {
  test('works in every lane, is named by the check, and opens nothing but the view of processes', async () => {
    const { lanes, home, bash, run, dispose } = createTestSandbox({}, 'shared-proc')
    expect(await lanes.check()).toMatchObject({ available: true, mode: 'shared-proc' })
    await run({ kind: 'write', path: '/workspace/a', content: 'needle\n' })
    expect(await run({ kind: 'grep', pattern: 'needle', path: '/workspace', glob: null })).toMatchObject({
      matches: [{ path: '/workspace/a', hit: '1:needle' }],
    })
    expect(await run({ kind: 'glob', pattern: '*', path: '/workspace' })).toMatchObject({ total: 1 })
    const node = `/proc/${process.pid}`
    const { stdout } = await bash(`
      test -r ${node}/cmdline && echo seen
      cat ${node}/environ ${node}/maps; readlink ${node}/fd/0 ${node}/exe; ls ${node}/root ${node}/cwd; cat ${node}/fd/2 ${node}/root${home.root}/data
      kill -0 ${process.pid} && echo signalled; echo 1 >/proc/sys/kernel/panic && echo written`)
    expect(stdout).toBe('seen\n')
    await dispose()
  })

  test('is never taken by itself: full stays full', async () => {
    const { lanes, bash, dispose } = createTestSandbox()
    expect(await lanes.check()).toMatchObject({ mode: 'full' })
    expect((await bash(`test -e /proc/${process.pid}/cmdline && echo seen`)).stdout).toBe('')
    await dispose()
  })
})

describeWhen(TEST_USER !== null, 'only root can mask /proc', 'a container that masks /proc', () => {
  test('is refused in full mode with both ways out, and works in the mode that is asked for', async () => {
    const script = `
      import { createTestSandbox } from '${import.meta.dir}/sandbox-fixture.ts'
      for (const mode of ['full', 'shared-proc']) {
        const { lanes, dispose } = createTestSandbox({}, mode)
        console.log(JSON.stringify(await lanes.check()))
        await dispose()
      }`
    const masked = ['unshare', '--mount', '/bin/sh', '-c', 'mount --bind /dev/null /proc/version && exec "$0" "$@"']
    const node = Bun.spawn([...masked, process.execPath, '-e', script], { stdout: 'pipe', stderr: 'pipe' })
    const [full, shared] = (await new Response(node.stdout).text()).trim().split('\n')
    expect(JSON.parse(full ?? '')).toMatchObject({
      available: false,
      reason: expect.stringContaining('masks parts of /proc'),
      mend: expect.stringMatching(/systempaths=unconfined.*PLAITED_SANDBOX=shared-proc/),
    })
    expect(JSON.parse(shared ?? '')).toMatchObject({ available: true, mode: 'shared-proc' })
  })
})

describeWhen(TEST_USER !== null, 'only root becomes another user', 'the user whom a root node becomes', () => {
  test('is refused a workspace that it cannot enter, with the mend', async () => {
    const home = createTestHome()
    chmodSync(home.root, 0o700)
    const lanes = createSandboxLanes({ ...home, dropTo: TEST_USER })
    await expect(lanes.sandbox.run(echo, { signal })).rejects.toMatchObject({
      code: 'WORKSPACE_UNUSABLE',
      hint: expect.stringContaining(`chmod g+x ${home.root}`),
    })
    await lanes.close()
    home.remove()
  })
})

describeReal('a workspace whose mode a command changes', () => {
  const ordinary = TEST_USER === null
  describeWhen(ordinary, 'a root node owns the folder, so no command can', 'under an ordinary user', () => {
    test('is mended for the next call, in this run of the node and in the next', async () => {
      const { home, lanes, bash, run, dispose } = createTestSandbox()
      const read = () => run({ kind: 'read', path: '/workspace/.git', offset: null, limit: 1 })
      await read()
      for (const mode of ['000', '777']) {
        expect(await bash(`chmod ${mode} /workspace`)).toMatchObject({ exitCode: 0 })
        expect(statSync(home.workspace).mode & 0o722).toBe(0o700)
        expect(await read()).toMatchObject({ kind: 'text' })
        expect(await bash('touch new')).toMatchObject({ exitCode: 0 })
      }
      chmodSync(home.workspace, 0)
      expect(await lanes.runConfined(request({ argv: ['touch', 'newer'] }))).toMatchObject({ exitCode: 0 })
      chmodSync(home.workspace, 0)
      const next = createSandboxLanes({ ...home, dropTo: TEST_USER })
      expect(await next.check()).toMatchObject({ available: true })
      await next.close()
      await dispose()
    })
  })
})

describeReal('a program of the node under confinement', () => {
  const decode = (bytes: Uint8Array) => Buffer.from(bytes).toString('utf8')

  test('gets its input, folder, environment and binds, and gives back all of its output', async () => {
    const { home, lanes, dispose } = createTestSandbox()
    const source = join(home.root, 'shown')
    mkdirSync(source)
    chmodSync(source, 0o755)
    writeFileSync(join(source, 'file'), 'shown')
    const result = await lanes.runConfined({
      argv: [
        '/bin/sh',
        '-c',
        'cat; pwd; echo "$GREETING $1"; cat /shown/file; echo x >/shown/new; exit 3',
        'sh',
        "a 'b' $c",
      ],
      binds: [{ source, target: '/shown', writable: false }],
      environment: { GREETING: 'hello' },
      stdin: 'from stdin\n',
      cwd: '/tmp',
      timeoutMs: 10_000,
    })
    expect(result.exitCode).toBe(3)
    expect(decode(result.stdout)).toBe("from stdin\n/tmp\nhello a 'b' $c\nshown")
    expect(decode(result.stderr)).toContain('Read-only file system')
    const large = await lanes.runConfined(request({ argv: ['head', '-c', '3000000', '/dev/zero'] }))
    expect(large.stdout.length).toBe(3_000_000)
    await dispose()
  })

  test('git commits when its git dir is bound writable, and only then', async () => {
    const { home, lanes, bash, dispose } = createTestSandbox()
    await bash('mkdir -p deep/er; echo x >deep/er/file')
    const commit = [
      '/bin/sh',
      '-c',
      'git add -A && git -c user.name=a -c user.email=a@b commit -qm made && git log --format=%s',
    ]
    expect((await lanes.runConfined(request({ argv: commit }))).exitCode).not.toBe(0)
    const binds = [{ source: home.gitDir, target: home.gitDir, writable: true }]
    const result = await lanes.runConfined(request({ argv: commit, binds }))
    expect({ stdout: decode(result.stdout), stderr: decode(result.stderr) }).toEqual({
      stdout: 'made\nworkspace created\n',
      stderr: '',
    })
    await dispose()
  })

  test('an early end is an error, because the node builds on the answer', async () => {
    const { lanes, dispose } = createTestSandbox()
    const slow = lanes.runConfined(request({ argv: ['sleep', '300'], stdin: 'x'.repeat(1_000_000), timeoutMs: 100 }))
    await expect(slow).rejects.toMatchObject({ code: 'SANDBOX_FAILED', message: expect.stringContaining('timeout') })
    await dispose()
  })

  test('input that it does not read is no fault', async () => {
    const { lanes, dispose } = createTestSandbox()
    const result = await lanes.runConfined(request({ argv: ['head', '-c', '2'], stdin: 'x'.repeat(1_000_000) }))
    expect(result).toMatchObject({ exitCode: 0, stdout: Buffer.from('xx') })
    await dispose()
  })

  test('a program that is missing is a result of the shell, 127', async () => {
    const { lanes, dispose } = createTestSandbox()
    expect((await lanes.runConfined(request({ argv: ['/no/such/program'] }))).exitCode).toBe(127)
    await dispose()
  })
})

const request = (given: Partial<ConfinedRequest>): ConfinedRequest => ({
  argv: ['true'],
  binds: [],
  environment: {},
  stdin: null,
  cwd: '/workspace',
  timeoutMs: 10_000,
  ...given,
})
