/** Bad input and bad surroundings: one clear message, the next step, the right exit code, and nothing lost. */
import { describe, expect, test } from 'bun:test'
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describeWhen } from './helpers.ts'
import { isRoot, launcher, plaited, run, startPlaited, temporaryHome } from './run-plaited.ts'

/** A fault is one line that says what, and one that says what to do. */
const expectFault = (finished: { exitCode: number; stderr: string }, exitCode: number, words: RegExp): void => {
  expect(finished.stderr).toMatch(words)
  expect(finished.stderr).toMatch(/^plaited: .+\n {2}\S.+\n$/m)
  expect(finished.stderr).not.toMatch(/^\s+at /m)
  expect(finished.exitCode).toBe(exitCode)
}

const chat = (home: string, environment: Readonly<Record<string, string>> = {}) =>
  plaited(['chat', '--home', home], { stdin: 'write a.txt: one\n', environment })

const READ_QUESTION = '{"type":"permission:file:read","detail":{"path":"a"}}'

/** The node is up, names the fault, and runs no tool. */
const expectOnlyTalk = async (home: string, fault: RegExp): Promise<void> => {
  const told = await chat(home)
  expect(told).toMatchObject({ exitCode: 0, stderr: expect.stringMatching(fault) })
  expect(told.stdout).toMatch(fault)
  expect(told.stdout).toContain('blocked  write a.txt')
  expect(told.stdout).not.toContain('wrote a.txt')
}

describe('rules', () => {
  test.each([
    ['illegal', 'export const x = 1', /extra\.ts:1/],
    ['hostile', `import { x } from './evil.ts' with { type: 'macro' }\nexport const y = x()`, /extra\.ts:1/],
    ['empty', '', /extra\.ts/],
  ])('beside an %s rule file the node starts only to say so: no tool runs', async (_, source, words) => {
    using home = temporaryHome()
    expect((await plaited(['chat', '--home', home.path], { stdin: 'help\n' })).exitCode).toBe(0) // signs the rules
    writeFileSync(join(home.path, 'data/constraints/extra.ts'), source)
    const told = await chat(home.path)
    expect(told.stdout).toContain('blocked  write a.txt')
    expect(told.stdout).toMatch(words)
    const [, blocked = ''] = told.stdout.split('blocked  write a.txt')
    expect(blocked.slice(0, blocked.indexOf('failed:')).match(/Until that is mended/g)).toHaveLength(1)
    expect(told.stderr).toMatch(/no tool runs, .*extra\.ts was never signed \(move it elsewhere/)
    expect(existsSync(join(home.path, 'workspace/a.txt'))).toBe(false)
    expectFault(await plaited(['decide', '--home', home.path, READ_QUESTION]), 78, words)
    rmSync(join(home.path, 'data/constraints/extra.ts'))
    expect((await chat(home.path)).stdout).toContain('wrote a.txt')
  })

  test.each([
    ['an illegal file', 'export const x = 1', /extra\.ts:1/],
    ['what is no text', Buffer.from([0xff, 0xfe, 0x00]), /extra\.ts/],
  ])('%s among rules that were never signed is named, and no tool runs', async (_, source, words) => {
    using home = temporaryHome()
    expect((await plaited(['constrain', 'list', '--home', home.path])).exitCode).toBe(0)
    writeFileSync(join(home.path, 'data/constraints/extra.ts'), source)
    await expectOnlyTalk(home.path, words)
    expectFault(await plaited(['decide', '--home', home.path, READ_QUESTION]), 78, /extra\.ts/)
  })

  test.each([
    ['pipe', 'mkfifo "$1"'],
    ['link to a pipe', 'mkfifo "$2/pipe"; ln -s "$2/pipe" "$1"'],
    ['device', 'ln -s /dev/zero "$1"'],
    ['file without end', 'truncate -s 1G "$1"'],
  ])('a %s in the place of a rule file is refused and not waited for', async (_, make) => {
    using home = temporaryHome()
    expect((await plaited(['constrain', 'list', '--home', home.path])).exitCode).toBe(0)
    const path = join(home.path, 'data/constraints/extra.ts')
    await run(['sh', '-c', make, 'sh', path, home.path])
    expectFault(await plaited(['constrain', 'list', '--home', home.path]), 78, /extra\.ts: it is/)
  })

  test('a rules folder that is gone from a home with decisions is not made anew from the shipped rules', async () => {
    using home = temporaryHome()
    expect((await chat(home.path)).exitCode).toBe(0)
    for (const part of ['constraints', 'keeper']) rmSync(join(home.path, 'data', part), { recursive: true })
    await expectOnlyTalk(home.path, /constraints is gone \(put it back/)
    expectFault(await plaited(['constrain', 'list', '--home', home.path]), 78, /is gone/)
    for (const words of [['constrain', 'verify'], ['doctor']])
      expect(await plaited([...words, '--home', home.path])).toMatchObject({
        ...{ exitCode: 1, stdout: expect.stringContaining('constraints is gone') },
      })
    expect((await plaited(['status', '--home', home.path])).stdout).toMatch(/rules +0 .*\nFAULT .*constraints is gone/)
    expect(existsSync(join(home.path, 'data/constraints'))).toBe(false)
  })

  test('nor from a home that lost its state as well, when its keeper has a key', async () => {
    using home = temporaryHome()
    expect((await chat(home.path)).exitCode).toBe(0)
    for (const name of readdirSync(join(home.path, 'data')))
      if (name === 'constraints' || name.startsWith('events.sqlite'))
        rmSync(join(home.path, 'data', name), { recursive: true })
    await expectOnlyTalk(home.path, /constraints is gone/)
    expect(existsSync(join(home.path, 'data/constraints'))).toBe(false)
  })

  test('an emptied rules folder is a fault, not a node without rules', async () => {
    using home = temporaryHome()
    mkdirSync(join(home.path, 'data/constraints'), { recursive: true })
    await expectOnlyTalk(home.path, /holds no rules/)
  })
})

describe('usage', () => {
  test.each([
    [['nonsense'], /no command 'nonsense'/],
    [['chat', '--colour'], /--colour/],
    [['log', '--limit', '-1'], /--limit/],
    [['log', '--limit=0'], /--limit/],
    [['sandbox', 'dance'], /exec, read, write/],
    [['decide'], /one event/],
    [['doctor', 'frob'], /"frob"/],
    [['status', 'x'], /"x"/],
    [['demo', '--json'], /demo has no --json/],
    [['chat', '--json'], /chat has no --json/],
    [['constrain', 'list', 'x'], /"x"/],
    [['audit'], /verify/],
    [['constrain', 'retire', 'payments'], /--reason/],
    [['sandbox', 'read'], /PATH/],
    [['status', '--home', '/'], /--home is given twice/],
  ])('%j exits 2', async (args, words) => {
    using home = temporaryHome()
    const finished = await plaited([...args, ...(args[0] === 'nonsense' ? [] : ['--home', home.path])])
    const { error } = args.includes('--json') ? JSON.parse(finished.stdout) : { error: null }
    // With --json the fault is the document.
    const stderr = error ? `plaited: ${error.message}\n  ${error.hint}\n` : finished.stderr
    expectFault({ ...finished, stderr }, 2, words)
  })

  test('a command that is planned says so instead of pretending', async () => {
    expectFault(await plaited(['login']), 1, /planned/)
  })

  test('options alone are no command, and --json alone asks for help', async () => {
    expectFault(await plaited(['--home', '/', 'status']), 2, /a command is missing/)
    expect(JSON.parse((await plaited(['--json'])).stdout)).toHaveProperty('commands')
  })

  test('--json before the command is not taken for a word behind its --', async () => {
    using home = temporaryHome()
    const { stdout } = await plaited(['--json', 'sandbox', 'limits', '--home', home.path, '--'])
    expect(JSON.parse(stdout)).toHaveProperty('wallMsMax')
  })

  test('also before a command is known, the fault is a document with --json', async () => {
    for (const args of [
      ['--json', 'nonsense'],
      ['nonsense', '--json'],
    ]) {
      const finished = await plaited(args)
      expect(finished.exitCode).toBe(2)
      expect(JSON.parse(finished.stdout)).toMatchObject({ error: { code: 'USAGE' } })
    }
  })

  test('a turn that never was has no diff, and nothing of it is taken back', async () => {
    using home = temporaryHome()
    expectFault(await plaited(['diff', 'nope', '--home', home.path]), 1, /no turn "nope"/)
    expectFault(await plaited(['undo', 'nope', '--home', home.path]), 1, /no turn "nope"/)
    expectFault(await plaited(['events', '--turn', 'nope', '--home', home.path]), 1, /no turn "nope"/)
  })

  test('a folder piped into a chat is no talk', async () => {
    using home = temporaryHome()
    expectFault(
      await run(['sh', '-c', '"$1" chat --home "$2" </', 'sh', launcher, home.path]),
      2,
      /a folder is piped in/,
    )
  })

  test('what is wrong with an event is said on one line, an amount in the words of money', async () => {
    using home = temporaryHome()
    const decide = (detail: string) =>
      plaited(['decide', '--home', home.path, `{"type":"permission:payment:send","detail":${detail}}`])
    expectFault(
      await decide('{"amount":"1.0000001"}'),
      2,
      /amount must be a decimal number of USD with at most six places$/m,
    )
    const several = await decide('{"amountMicros":"x","payTo":7}')
    expectFault(several, 2, /amountMicros: .*; payTo: /)
    expect(several.stderr.trim().split('\n')).toHaveLength(2)
    expect(several.stderr).not.toContain('✖')
  })

  test('with --json the fault is one document on stdout', async () => {
    using home = temporaryHome()
    const undo = await plaited(['undo', '--home', home.path, '--json'])
    expect(undo.exitCode).toBe(1)
    expect(JSON.parse(undo.stdout)).toMatchObject({
      error: { code: 'NOTHING_TO_UNDO', message: expect.stringContaining('nothing to undo') },
    })
  })
})

describe('configuration', () => {
  test.each([
    [{ ANTHROPIC_API_KEY: 'sk two words' }, /ANTHROPIC_API_KEY/],
    [{ PLAITED_PORT: 'eighty' }, /PLAITED_PORT/],
    [{ PLAITED_TIMEZONE: 'Mars/Olympus' }, /PLAITED_TIMEZONE/],
    [{ OWNER_ID: '12345678' }, /OWNER_ID/],
    [{ OWNER_ID: 'alice@example.com' }, /OWNER_ID/],
    [{ PLAITED_PORT: 'x', PLAITED_TIMEZONE: 'y' }, /PLAITED_PORT.*PLAITED_TIMEZONE/],
  ])('%j is named and exits 78', async (environment, words) => {
    using home = temporaryHome()
    const finished = await chat(home.path, environment)
    expectFault(finished, 78, words)
    expect(finished.stderr).not.toContain('sk two words')
  })

  test('a model that is asked for by name needs its key; the script needs none', async () => {
    using home = temporaryHome()
    const ask = (model: string) => plaited(['chat', '--home', home.path, '--model', model], { stdin: 'help\n' })
    expectFault(await ask('foo'), 78, /ANTHROPIC_API_KEY/)
    expect((await ask('scripted')).exitCode).toBe(0)
  })

  test('a config.env that others can read is refused, and doctor --fix mends it', async () => {
    using home = temporaryHome()
    writeFileSync(join(home.path, 'config.env'), 'PLAITED_TIMEZONE=Europe/Berlin\n', { mode: 0o644 })
    expectFault(await chat(home.path), 78, /other users can read it/)
    expect((await plaited(['doctor', '--fix', '--home', home.path])).exitCode).toBe(0)
    expect((await chat(home.path)).exitCode).toBe(0)
  })

  test('an unknown setting in config.env names its line', async () => {
    using home = temporaryHome()
    writeFileSync(join(home.path, 'config.env'), '# mine\nPLAITED_COLOUR=red\n', { mode: 0o600 })
    expectFault(await chat(home.path), 78, /line 2: PLAITED_COLOUR/)
  })
})

describe('surroundings', () => {
  test('an answer that cannot be written is a fault that says why, but not for a reader that has seen enough', async () => {
    using home = temporaryHome()
    const status = (redirection: string) =>
      run(['sh', '-c', `"$1" status --home "$2" ${redirection}`, 'sh', launcher, home.path])
    expectFault(await status('>/dev/full'), 1, /cannot write the answer: .*no space/i)
    expect((await status('| true')).stderr).toBe('')
  })

  test('a port in use is named, and the home is free again', async () => {
    using first = temporaryHome()
    using second = temporaryHome()
    const node = await startPlaited(['--home', first.path])
    try {
      const environment = { PLAITED_PORT: new URL(node.ready.url).port }
      expectFault(await plaited(['start', '--home', second.path], { environment }), 1, /in use/)
      expect((await chat(second.path)).exitCode).toBe(0)
    } finally {
      node.child.kill('SIGTERM')
      await node.child.exited
    }
  })

  test('a home below a file is refused', async () => {
    using home = temporaryHome()
    writeFileSync(join(home.path, 'file'), '')
    expectFault(await chat(join(home.path, 'file/home')), 78, /cannot use/)
  })

  test('a home where the system takes no folders is refused', async () => {
    expectFault(await plaited(['status', '--home', '/proc']), 78, /cannot use \/proc: no folder can be made/)
  })

  test('a home whose name is not UTF-8 is refused by name, and no other folder made in its place', async () => {
    using home = temporaryHome()
    const script = `"$1" status --home "$2/$(printf 'a\\377')"`
    expectFault(await run(['sh', '-c', script, 'sh', launcher, home.path]), 78, /home-\w+\/a\ufffd, is not UTF-8/)
    expect(readdirSync(home.path)).toEqual([])
  })

  test('a home in the workspace of another is refused, whichever link leads there', async () => {
    using home = temporaryHome()
    await chat(home.path)
    const link = join(home.path, 'link')
    symlinkSync(join(home.path, 'workspace'), link)
    expectFault(await plaited(['status', '--home', join(link, 'inner')]), 78, /lies in the workspace of another home/)
  })

  test('a damaged database is kept and named', async () => {
    using home = temporaryHome()
    await chat(home.path)
    for (const name of ['events.sqlite-wal', 'events.sqlite-shm'])
      await Bun.file(join(home.path, 'data', name)).delete()
    writeFileSync(join(home.path, 'data/events.sqlite'), 'this is not a database, it is a sentence that goes on')
    expectFault(await chat(home.path), 1, /damaged/)
    expect(readFileSync(join(home.path, 'data/events.sqlite'), 'utf8')).toStartWith('this is not')
  })
})

describe('a database', () => {
  test.each([
    ['replaced by a text', 'a text that someone put there, of no use to a database'],
    ['emptied', ''],
  ])('that was %s beside its -wal is neither filled from it nor made anew', async (_, content) => {
    using home = temporaryHome()
    await chat(home.path)
    const path = join(home.path, 'data/events.sqlite')
    writeFileSync(`${path}-wal`, 'what is left of it')
    writeFileSync(path, content)
    expectFault(await chat(home.path), 1, /damaged/)
    expect(readFileSync(path, 'utf8')).toBe(content)
  })

  test('that is damaged deep inside is named when a statement meets it', async () => {
    using home = temporaryHome()
    await chat(home.path)
    const path = join(home.path, 'data/events.sqlite')
    for (const suffix of ['-wal', '-shm']) rmSync(path + suffix)
    const bytes = readFileSync(path)
    writeFileSync(path, bytes.fill(0x5a, 8192))
    expectFault(await plaited(['events', '--home', home.path]), 1, /damaged/)
  })
})

/** Runs `command` with `$1` = home, `$2` = the launcher, in mounts of its own. */
const inOwnMounts = (home: string, command: string, stdin = 'write a.txt: one\n') =>
  run(['unshare', '-m', 'sh', '-c', command, 'sh', home, launcher], { stdin })

describeWhen(
  isRoot,
  'only root can make mounts of its own and be someone else',
  'a machine that lacks something',
  () => {
    test('a read-only home is refused with its path', async () => {
      using home = temporaryHome()
      const finished = await inOwnMounts(home.path, 'mount -t tmpfs -o ro,mode=755 none "$1" && "$2" chat --home "$1"')
      expectFault(finished, 78, /read-only|EROFS/i)
    })

    test('doctor --fix in the home of another user says what it may not change', async () => {
      using home = temporaryHome()
      writeFileSync(join(home.path, 'config.env'), 'PLAITED_TIMEZONE=UTC\n', { mode: 0o644 })
      const other = ['setpriv', '--reuid=54321', '--regid=54321', '--clear-groups', launcher]
      expectFault(await run([...other, 'doctor', '--fix', '--home', home.path]), 78, /cannot use .*config\.env/)
    })

    test('a user without a home folder is told to name one', async () => {
      const nobody = ['setpriv', '--reuid=54321', '--regid=54321', '--clear-groups', 'env', '-u', 'HOME']
      expectFault(await run([...nobody, launcher, 'status']), 78, /no home folder/)
    })

    test('a rule is not retired in a read-only home, and the fault is the one of the disk', async () => {
      using home = temporaryHome()
      await chat(home.path)
      const freeze = 'mount --bind "$1" "$1" && mount -o remount,ro,bind "$1" &&'
      const retire = `${freeze} "$2" constrain retire payments --reason wrong --home "$1"`
      expectFault(await inOwnMounts(home.path, retire), 78, /cannot use .*(read-only|EROFS)/i)
    })

    const SMALL_DISK = 'mount -t tmpfs -o size=1m,mode=755 none "$1" &&'

    test('a disk that is full from the start is named', async () => {
      using home = temporaryHome()
      const fill = `${SMALL_DISK} { head -c 2m /dev/zero >"$1/filler" 2>/dev/null; true; } &&`
      expectFault(await inOwnMounts(home.path, `${fill} "$2" chat --home "$1"`), 1, /disk is full/)
    })

    test('a disk that fills up ends the node with a clear word, and what was answered is there afterwards', async () => {
      using home = temporaryHome()
      const lines = Array.from({ length: 150 }, (_, n) => `write f${n}.txt: ${'x'.repeat(10_000)}\n`).join('')
      const talk = `${SMALL_DISK.replace('1m', '4m')} "$2" chat --home "$1"; code=$?; rm -rf "$1"/workspace/f*; "$2" events --home "$1" --json >&2; exit $code`
      const finished = await inOwnMounts(home.path, talk, lines)
      expect(finished.exitCode).toBe(1)
      expect(finished.stderr).toMatch(/^plaited: .*disk is full.*\n {2}\S/m)
      const answered = finished.stdout.match(/wrote f\d+\.txt/g) ?? []
      const ended = finished.stderr.match(/"type":"turn.end"/g) ?? []
      expect(answered.length).toBeGreaterThan(0)
      expect(ended.length).toBeGreaterThanOrEqual(answered.length)
    })

    test('a missing bubblewrap: tools refuse with the mend, the chat stays up, the demo and sandbox say so', async () => {
      using home = temporaryHome()
      const hide = 'mount --bind /dev/null "$(command -v bwrap)" &&'
      const talked = await inOwnMounts(home.path, `${hide} "$2" chat --home "$1"`)
      expect(talked.stderr).toMatch(/tools refuse to run: .+\n {2}.*apt-get install bubblewrap/)
      expect(talked.exitCode).toBe(0)
      expect(await Bun.file(join(home.path, 'workspace/a.txt')).exists()).toBe(false)
      expect((await inOwnMounts(home.path, `${hide} "$2" sandbox exec --home "$1" -- true`)).exitCode).toBe(125)
      expect((await inOwnMounts(home.path, `${hide} "$2" demo`)).exitCode).toBe(1)
    })

    test('no user namespaces: tools refuse, naming the switch', async () => {
      using home = temporaryHome()
      const nested = 'exec unshare -U --map-user=1000 --map-group=1000 "$2" sandbox exec --home "$1" -- true'
      const forbid = `echo 1 >/proc/sys/user/max_user_namespaces; ${nested}`
      const finished = await run(['unshare', '-U', '--map-root-user', 'sh', '-c', forbid, 'sh', home.path, launcher])
      expectFault(finished, 125, /user namespaces/)
    })
  },
)
