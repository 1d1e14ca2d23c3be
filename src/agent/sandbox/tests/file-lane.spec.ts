import { afterAll, expect, test } from 'bun:test'
import {
  chmodSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { describeWhen } from '../../../../test/helpers.ts'
import type { SandboxOutcome, ToolOperation } from '../../agent.types.ts'
import { createFileWorker } from '../file-worker.ts'
import { prepareHost } from '../prepare-host.ts'
import { FILE_BYTES_MAX } from '../worker/text-file.ts'
import {
  createTestHome,
  createTestSandbox,
  descendants,
  plant,
  TEST_USER,
  takeAway,
  waitUntilOver,
  whyNoSandbox,
} from './sandbox-fixture.ts'

const reason = await whyNoSandbox()
const describeReal = (name: string, define: () => void): void =>
  describeWhen(reason === null, `no sandbox on this host: ${reason}`, name, define)

const read = (path: string): ToolOperation => ({ kind: 'read', path, offset: null, limit: null })
const write = (path: string, content: string): ToolOperation => ({ kind: 'write', path, content })
const glob = (pattern: string, path = '/workspace'): ToolOperation => ({ kind: 'glob', pattern, path })
const grep = (pattern: string, path = '/workspace', only: string | null = null): ToolOperation => ({
  kind: 'grep',
  pattern,
  path,
  glob: only,
})
const textOf = (outcome: SandboxOutcome): string => {
  if (outcome.kind === 'matches')
    return outcome.matches.map(({ path, hit }) => (hit === null ? path : `${path}:${hit}`)).join('\n')
  return outcome.kind === 'text' ? outcome.text : JSON.stringify(outcome)
}
const expectRefusal = (outcome: SandboxOutcome, why: string) => {
  expect(outcome).toMatchObject({ kind: 'failed' })
  expect(JSON.stringify(outcome)).toContain(why)
}

describeReal('reading, writing and editing', () => {
  const sandbox = createTestSandbox()
  const { home, run } = sandbox
  const inWorkspace = (name: string) => join(home.workspace, name)
  afterAll(sandbox.dispose)

  test('a file comes back as it was written, with the folders it needs', async () => {
    const content = '\ufeffäöü 漢字\r\n\tlast line without an end'
    expect((await run(write('/workspace/a/b/c.txt', content))).kind).toBe('text')
    expect(await run(read('/workspace/a/b/c.txt'))).toEqual({ kind: 'text', text: content, truncated: false })
    expect(readFileSync(inWorkspace('a/b/c.txt'), 'utf8')).toBe(content)
    expect(statSync(inWorkspace('a/b/c.txt')).mode & 0o777).toBe(0o664)
    expect(statSync(inWorkspace('a/b')).mode & 0o777).toBe(0o775)
  })

  test('what the system denies is refused with the command by which the owner shares it', async () => {
    mkdirSync(inWorkspace('mine'))
    chmodSync(inWorkspace('mine'), TEST_USER ? 0o755 : 0o555)
    const group = TEST_USER?.gid ?? process.getgid?.()
    expectRefusal(await run(write('/workspace/mine/a', 'x')), `chgrp -R ${group} PATH && chmod -R g+rwX PATH`)
    chmodSync(inWorkspace('mine'), 0o755)
  })

  test('a file of any bytes comes back as it was stored, and is stored nowhere else', async () => {
    const bytes = Uint8Array.from({ length: 1024 }, (_, index) => index % 256)
    const store = (path: string): ToolOperation => ({
      kind: 'store',
      path,
      base64: Buffer.from(bytes).toString('base64'),
    })
    expect(await run(store('/workspace/inbox/m1/a.bin'))).toMatchObject({ kind: 'text', text: 'wrote 1024 bytes' })
    expect(new Uint8Array(readFileSync(inWorkspace('inbox/m1/a.bin')))).toEqual(bytes)
    expectRefusal(await run(store('/workspace/../etc/a')), 'part')
    expectRefusal(await run(store('/etc/a')), 'not under')
  })

  test('a file that nobody may write is not replaced, by neither tool', async () => {
    await run(write('/workspace/closed', 'mine'))
    chmodSync(inWorkspace('closed'), 0o444)
    expectRefusal(await run(write('/workspace/closed', 'x')), 'closed to writing (mode 444)')
    const edit = { kind: 'edit', path: '/workspace/closed', oldString: 'mine', newString: 'x' } as const
    expectRefusal(await run({ ...edit, replaceAll: false }), 'closed to writing')
    expect(readFileSync(inWorkspace('closed'), 'utf8')).toBe('mine')
  })

  test('a file that is written again keeps its mode, and nothing else is left in its folder', async () => {
    mkdirSync(inWorkspace('bin'))
    chmodSync(inWorkspace('bin'), 0o777)
    plant(home, 'bin/run', '#!/bin/sh\n')
    chmodSync(inWorkspace('bin/run'), 0o750)
    await run(write('/workspace/bin/run', '#!/bin/bash\n'))
    expect(statSync(inWorkspace('bin/run')).mode & 0o777).toBe(0o750)
    expect(readdirSync(inWorkspace('bin'))).toEqual(['run'])
  })

  test('an edit replaces literally, and only what is unambiguous', async () => {
    const edit = (oldString: string, newString: string, replaceAll = false) =>
      run({ kind: 'edit', path: '/workspace/edited', oldString, newString, replaceAll })
    await run(write('/workspace/edited', 'one two two\n'))
    expectRefusal(await edit('two', '2'), 'more than once')
    expectRefusal(await edit('three', '3'), 'does not occur')
    expect(textOf(await edit('one', '$& and $1'))).toBe('replaced 1 occurrence')
    expect(textOf(await edit('two', '2', true))).toBe('replaced 2 occurrences')
    expect(textOf(await run(read('/workspace/edited')))).toBe('$& and $1 2 2\n')
  })

  test('what is not text of a bearable size is refused with the way to look at it', async () => {
    plant(home, 'binary', new Uint8Array([0x7f, 0x45, 0x4c, 0x46, 0, 1, 2]))
    plant(home, 'latin1', new Uint8Array([0x66, 0xfc, 0x72]))
    plant(home, 'huge', 'x'.repeat(FILE_BYTES_MAX + 1))
    expectRefusal(await run(read('/workspace/binary')), 'binary file of 7 bytes')
    expectRefusal(await run(read('/workspace/latin1')), 'binary file')
    expectRefusal(await run(read('/workspace/huge')), 'over the limit')
    expectRefusal(await run(write('/workspace/huge2', 'x'.repeat(FILE_BYTES_MAX + 1))), 'over the limit')
    expect(existsSync(inWorkspace('huge2'))).toBe(false)
    expect((await run(write('/workspace/huge', 'small'))).kind).toBe('text')
  })

  test('a missing file, a folder, and a file as a folder are told apart', async () => {
    expectRefusal(await run(read('/workspace/none')), 'no such file')
    mkdirSync(inWorkspace('folder'))
    expectRefusal(await run(read('/workspace/folder')), 'is a folder')
    expectRefusal(await run(write('/workspace/folder', 'x')), 'is a folder')
    plant(home, 'file', 'x')
    expectRefusal(await run(write('/workspace/file/below', 'x')), 'not a folder')
    expectRefusal(await run(write('/workspace', 'x')), 'the workspace itself')
  })
})

describeReal('a path that is not what it says', () => {
  const sandbox = createTestSandbox()
  const { bash, home, run } = sandbox
  afterAll(sandbox.dispose)

  test('links are followed by no file tool, wherever they point', async () => {
    symlinkSync('/etc/passwd', join(home.workspace, 'passwd'))
    symlinkSync('/proc/self/fd/1', join(home.workspace, 'answers'))
    symlinkSync('/proc/self', join(home.workspace, 'self'))
    symlinkSync('../../..', join(home.workspace, 'up'))
    symlinkSync('real', join(home.workspace, 'near'))
    plant(home, 'real', 'real')
    for (const path of ['passwd', 'answers', 'self/environ', 'up/etc/passwd', 'near'])
      expectRefusal(await run(read(`/workspace/${path}`)), 'link')
    for (const path of ['self/x', 'up/x', 'up/new/x'])
      expectRefusal(await run(write(`/workspace/${path}`, 'x')), 'link')
    for (const path of ['passwd', 'answers', 'near'])
      expectRefusal(await run(write(`/workspace/${path}`, 'x')), 'regular file')
    for (const path of ['self', 'up', 'passwd']) {
      expectRefusal(await run(grep('root', `/workspace/${path}`)), 'link')
      expect((await run(glob('*', `/workspace/${path}`))).kind).toBe('failed')
    }
    expect(textOf(await run(glob('**')))).toBe('/workspace/real')
    expect(textOf(await run(grep('root|PATH')))).toBe('')
    expect(readFileSync(join(home.workspace, 'real'), 'utf8')).toBe('real')
  })

  test('only the form that the gate judges is opened', async () => {
    for (const path of [
      '/workspace/../etc/passwd',
      '/workspace/./real',
      '/workspace//real',
      '/workspace/real/',
      '/etc/passwd',
      'real',
      '/workspace/a\0b',
      '/workspacereal',
      `/workspace/${'a/'.repeat(3000)}b`,
    ])
      expect([path, (await run(read(path))).kind]).toEqual([path, 'failed'])
  })

  test('a FIFO or a socket neither blocks nor is replaced', async () => {
    await bash('mkfifo fifo; bun -e \'Bun.listen({ unix: "socket", socket: { data() {} } }); process.exit()\'')
    for (const name of ['fifo', 'socket']) {
      expect((await run(read(`/workspace/${name}`))).kind).toBe('failed')
      expectRefusal(await run(write(`/workspace/${name}`, 'x')), 'not a regular file')
      expect((await run(grep('x', `/workspace/${name}`))).kind).toBe('failed')
    }
    expect(statSync(join(home.workspace, 'fifo')).isFIFO()).toBe(true)
  })

  test('the git file cannot be written, and nothing can be put where it is', async () => {
    expect((await run(write('/workspace/.git', 'gitdir: /tmp'))).kind).toBe('failed')
    expect((await run(write('/workspace/.git/config', 'x'))).kind).toBe('failed')
    expect(textOf(await run(read('/workspace/.git')))).toStartWith('gitdir: ')
    expect(readdirSync(home.workspace).filter((name) => name.startsWith('.plaited-'))).toEqual([])
  })
})

describeReal('searching', () => {
  const sandbox = createTestSandbox()
  const { home, run } = sandbox
  const inWorkspace = (name: string) => join(home.workspace, name)
  afterAll(sandbox.dispose)
  const prepare = async () => {
    for (const name of ['src/b.ts', 'src/a.ts', 'src/deep/c.ts', 'notes.md', 'ignored/d.ts', '.hidden'])
      await run(write(`/workspace/${name}`, `first\nneedle: in ${name}\n`))
    await run(write('/workspace/.gitignore', 'ignored/\n'))
  }

  test('glob lists regular files by path, relative to where it starts', async () => {
    await prepare()
    expect(textOf(await run(glob('**/*.ts', '/workspace/src')))).toBe(
      '/workspace/src/a.ts\n/workspace/src/b.ts\n/workspace/src/deep/c.ts',
    )
    expect(textOf(await run(glob('*')))).toBe('/workspace/.gitignore\n/workspace/.hidden\n/workspace/notes.md')
    expect(textOf(await run(glob('**/.git*')))).toBe('/workspace/.gitignore')
    expect(textOf(await run(glob('*.none')))).toBe('')
    for (const pattern of ['/etc/*', '../*', 'a/../../*']) expect((await run(glob(pattern))).kind).toBe('failed')
  })

  test('grep finds lines in order, without what is ignored', async () => {
    await prepare()
    expect(textOf(await run(grep('^need.e')))).toBe(
      ['.hidden', 'notes.md', 'src/a.ts', 'src/b.ts', 'src/deep/c.ts']
        .map((name) => `/workspace/${name}:2:needle: in ${name}`)
        .join('\n'),
    )
    expect(textOf(await run(grep('needle', '/workspace', '*.md')))).toBe('/workspace/notes.md:2:needle: in notes.md')
    expect(textOf(await run(grep('needle', '/workspace/src/a.ts')))).toBe('/workspace/src/a.ts:2:needle: in src/a.ts')
    expect(textOf(await run(grep('gitdir')))).toBe('')
    expect(textOf(await run(grep('--files')))).toBe('')
    expectRefusal(await run(grep('(')), 'regex')
  })

  test('results and lines are cut', async () => {
    plant(home, 'many', 'hit\n'.repeat(150))
    plant(home, 'wide', `hit${'x'.repeat(5000)}\n`)
    const outcome = await run(grep('hit'))
    expect(outcome).toMatchObject({ kind: 'matches', of: 'line', total: null })
    expect(textOf(outcome).split('\n').length).toBe(100)
    const wide = textOf(await run(grep('hit', '/workspace/wide')))
    expect(wide.length).toBeLessThan(700)
  })

  test('a search names a file as the gate would judge it, or not at all', async () => {
    mkdirSync(inWorkspace('private\n'))
    plant(home, 'private\n/key', 'lime')
    plant(home, 'split\nname', 'lime')
    plant(home, 'a:1:b', 'lime')
    expect(await run(grep('lime'))).toMatchObject({ matches: [{ path: '/workspace/a:1:b', hit: '1:lime' }] })
    expect(await run(grep('lime', '/workspace', '*'))).toMatchObject({ matches: [{ path: '/workspace/a:1:b' }] })
    expect(await run(glob('**/*{key,name}'))).toMatchObject({
      matches: [{ path: '/workspace/private\n/key', hit: null }, { path: '/workspace/split\nname' }],
    })
  })

  test('a line is shown whole, whatever else in it might end one', async () => {
    plant(home, 'odd-ends', 'plum 10%\rplum 100%\r\nplum\u2028plum\n')
    expect(await run(grep('plum', '/workspace'))).toMatchObject({
      matches: [{ hit: '1:plum 10%\rplum 100%' }, { hit: '2:plum\u2028plum' }],
    })
  })

  test('a thousand long paths of characters that a frame escapes are still an answer', async () => {
    const folder = join(home.workspace, 'strange', ...Array<string>(7).fill('\u0001'.repeat(250)))
    mkdirSync(folder, { recursive: true })
    for (let at = 0; at < 1000; at++) writeFileSync(join(folder, `${at}`), '')
    expect(await run(glob('**', '/workspace/strange'))).toMatchObject({ matches: { length: 1000 }, total: 1000 })
  }, 30_000)

  test('what goes wrong in a search quotes no file', async () => {
    await run(write('/workspace/odd/.gitignore', '{SECRET\n'))
    plant(home, 'odd/closed', 'SECRET')
    chmodSync(inWorkspace('odd/closed'), 0)
    expect(await run(grep('nowhere', '/workspace/odd'))).toEqual({ kind: 'matches', of: 'line', matches: [], total: 0 })
  })
})

describeReal('a file worker that dies', () => {
  const sandbox = createTestSandbox()
  const { run } = sandbox
  afterAll(sandbox.dispose)
  const commandOf = (pid: number) => readFileSync(`/proc/${pid}/cmdline`, 'latin1')
  const killWorker = () => {
    const family = descendants().filter((pid) => commandOf(pid).includes('file-worker-main.ts'))
    for (const pid of family.filter((each) => commandOf(each).startsWith('/opt/plaited/bin/bun')))
      process.kill(pid, 'SIGKILL')
    waitUntilOver(family)
  }

  test.each([
    ['a short request', grep('x', '/workspace')],
    ['one that no pipe takes at once', write('/workspace/b', 'x'.repeat(1_000_000))],
  ])('fails the call it died in, and the next one has a new worker (%s)', async (_, operation) => {
    await run(write('/workspace/a', 'one'))
    const pending = run(operation)
    killWorker()
    await expect(pending).rejects.toMatchObject({ code: 'SANDBOX_FAILED' })
    expect(textOf(await run(read('/workspace/a')))).toBe('one')
  })

  test('that could not be built is replaced by a fresh one: the call does not notice', async () => {
    const home = createTestHome()
    const host = await prepareHost({ ...home, dropTo: TEST_USER })
    const worker = createFileWorker(host)
    const others = new Set(descendants())
    const bringBack = takeAway(host)
    worker.warm()
    waitUntilOver(descendants().filter((pid) => !others.has(pid)))
    bringBack()
    plant(home, 'a', 'one')
    const { signal } = new AbortController()
    const answer = await worker.run({ kind: 'read', path: '/workspace/a', offset: null, limit: null }, { signal })
    expect(answer).toMatchObject({ kind: 'text', text: 'one' })
    await worker.close()
    home.remove()
  })

  test('because it used too much memory is told so', async () => {
    const limited = createTestSandbox({ treeBytesMax: 64 * 1024 * 1024 })
    plant(limited.home, '.gitignore', '{a,b}{c,d}*?[a-z]**/x\n'.repeat(100_000))
    await expect(limited.run(grep('x'))).rejects.toMatchObject({
      code: 'SANDBOX_FAILED',
      message: 'the file worker used too much memory',
    })
    expect((await limited.run(read('/workspace/.git'))).kind).toBe('text')
    await limited.dispose()
  })

  test('a stop ends the call in flight and spares the next', async () => {
    const abort = new AbortController()
    const pending = run(read('/workspace/a'), abort.signal)
    abort.abort()
    expect(await pending).toMatchObject({ kind: 'failed' })
    expect(textOf(await run(read('/workspace/a')))).toBe('one')
  })
})
