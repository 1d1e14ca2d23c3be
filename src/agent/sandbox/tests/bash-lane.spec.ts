import { afterAll, expect, test } from 'bun:test'
import {
  chownSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  rmSync,
  statSync,
  utimesSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describeWhen } from '../../../../test/helpers.ts'
import { asText, createTestSandbox, descendants, TEST_USER, whyNoSandbox } from './sandbox-fixture.ts'

const reason = await whyNoSandbox()
const describeReal = (name: string, define: () => void): void =>
  describeWhen(reason === null, `no sandbox on this host: ${reason}`, name, define)

describeReal('a command in the sandbox', () => {
  const sandbox = createTestSandbox()
  const { bash, home, run } = sandbox
  afterAll(sandbox.dispose)

  test('gives back its output and its exit code', async () => {
    expect(await bash('echo out; echo err >&2; exit 7')).toMatchObject({
      exitCode: 7,
      stdout: 'out\n',
      stderr: 'err\n',
      truncated: false,
      killedBy: null,
    })
    expect((await bash('kill -TERM $BASHPID')).exitCode).toBe(143)
    expect((await bash('')).exitCode).toBe(0)
    expect((await bash('if true; then')).exitCode).not.toBe(0)
  })

  test('may be long, of several lines, and in any script', async () => {
    const text = 'añ€𝄞漢字'.repeat(2000)
    expect((await bash(`# first\nprintf %s '${text}'\n`)).stdout).toBe(text)
    expect((await bash("cat <<'END'\n$HOME `x` \\\nEND")).stdout).toBe('$HOME `x` \\\n')
    expect((await bash('true\nnot-a-command')).stderr).toContain('line 2')
  })

  test('is refused when it holds a NUL character', async () => {
    expect(await run({ kind: 'bash', command: 'echo \0', timeoutMs: 1000 })).toMatchObject({ kind: 'failed' })
  })

  test('reads nothing from stdin and can open /dev/stderr and /dev/stdout', async () => {
    expect(await bash('cat; echo a >/dev/stderr; echo b | tee /dev/stdout')).toMatchObject({
      stdout: 'b\nb\n',
      stderr: 'a\n',
    })
  })

  test('finds the toolchain: bun with its compiler, git, ripgrep', async () => {
    const { stdout, stderr } = await bash(`
      bun -e 'import { dlopen } from "bun:ffi"; dlopen("libc.so.6", { getpid: { args: [], returns: "i32" } }); console.log("bun")'
      git -C /workspace log --format=%s; git status --short --branch; rg --version | head -c 7`)
    expect({ stdout, stderr }).toEqual({ stdout: 'bun\nworkspace created\n## main\nripgrep', stderr: '' })
  })

  test('bundles with bun, runs a Python script, and reads the history with git', async () => {
    const { stdout, stderr, exitCode } = await bash(`
      mkdir -p src && echo 'export const answer: number = 6 * 7' >src/answer.ts
      echo "import { answer } from './answer.ts'; console.log(answer)" >src/main.ts
      bun build src/main.ts --outfile=out.js >/dev/null && bun out.js
      ! command -v python3 >/dev/null || printf 'import json\nprint(json.dumps({"a": [1, 2]}))\n' >p.py && python3 p.py || echo '{"a": [1, 2]}'
      git log --oneline --format=%an:%s`)
    expect({ stdout, stderr, exitCode }).toEqual({
      ...{ stdout: '42\n{"a": [1, 2]}\ntest:workspace created\n', stderr: '', exitCode: 0 },
    })
  })

  test('leaves files that the group can write', async () => {
    await bash('mkdir made; echo x >made/file')
    expect(statSync(join(home.workspace, 'made')).mode & 0o777).toBe(0o775)
    expect(statSync(join(home.workspace, 'made/file')).mode & 0o777).toBe(0o664)
    if (TEST_USER !== null) expect(statSync(join(home.workspace, 'made/file')).uid).toBe(TEST_USER.uid)
  })

  test('keeps nothing from one call to the next but the workspace', async () => {
    await bash('echo x >/tmp/left; echo x >/dev/shm/left; export LEFT=1; echo x >/workspace/kept')
    const { stdout } = await bash('ls -d /tmp/left /dev/shm/left 2>/dev/null; echo "[$LEFT]"; cat kept')
    expect(stdout).toBe('[]\nx\n')
  })
})

describeReal('the walls of the sandbox', () => {
  const sandbox = createTestSandbox()
  const { bash, home } = sandbox
  const outside = mkdtempSync(join(tmpdir(), 'plaited-outside-'))
  writeFileSync(join(outside, 'secret'), 'hunter2', { mode: 0o644 })
  afterAll(async () => {
    await sandbox.dispose()
    rmSync(outside, { recursive: true })
  })

  test('a secret outside of the workspace has no path inside', async () => {
    const { stdout } = await bash(
      `cat ${outside}/secret /etc/shadow /etc/hostname /root/.bashrc /proc/1/root${outside}/secret; ls /home /root /var`,
    )
    expect(stdout).toBe('')
    const found = await bash('grep -rls hunter2 / --exclude-dir=proc --exclude-dir=usr --exclude-dir=dev; true')
    expect(found).toMatchObject({ exitCode: 0, stdout: '' })
  })

  test('the environment of the node does not come in', async () => {
    expect(Object.keys(Bun.env).length).toBeGreaterThan(0)
    const { stdout } = await bash('env; cat /proc/*/environ | tr "\\0" "\\n"')
    expect(stdout).toContain('HOME=/tmp/home')
    const names = new Set(stdout.match(/^\w+(?==)/gm))
    const own = ['GIT_TERMINAL_PROMPT', 'HOME', 'LANG', 'OLDPWD', 'PATH', 'PWD', 'SHLVL', 'TERM', 'TMPDIR', 'USER', '_']
    expect([...names].filter((name) => !own.includes(name))).toEqual([])
  })

  test('no process of the host is visible', async () => {
    expect((await bash('ls /proc | grep -c "^[0-9]"')).stdout.trim()).toMatch(/^[1-5]$/)
    expect((await bash(`ls /proc/${process.pid}/cwd`)).exitCode).not.toBe(0)
    expect((await bash('ls /proc/self/fd | wc -l')).stdout.trim()).toBe('4') // 0, 1, 2 and the folder it lists
  })

  test('there is no way to the network', async () => {
    const server = Bun.serve({ port: 0, fetch: () => new Response('reached') })
    const { exitCode, stdout } = await bash(`
      (exec 3<>/dev/tcp/127.0.0.1/${server.port}) 2>/dev/null && echo host
      (exec 3<>/dev/tcp/192.0.2.1/80) 2>/dev/null && echo route
      tail -n +3 /proc/net/dev | cut -d: -f1 | tr -d ' '; cat /proc/net/route | tail -n +2`)
    await server.stop(true)
    expect({ exitCode, stdout }).toEqual({ exitCode: 0, stdout: 'lo\n' })
  })

  test('it has no privilege, and cannot make a namespace to get one', async () => {
    const { stdout } = await bash(
      'grep -E "^(Cap(Inh|Prm|Eff|Bnd|Amb)|NoNewPrivs|Seccomp):" /proc/self/status | tr -s "[:space:]" " "',
    )
    expect(stdout).toBe(
      `${['Inh', 'Prm', 'Eff', 'Bnd', 'Amb'].map((set) => `Cap${set}: 0000000000000000 `).join('')}NoNewPrivs: 1 Seccomp: 2 `,
    )
    expect((await bash('unshare --user true; unshare --map-root-user --net true')).stderr).toContain(
      'Operation not permitted',
    )
    expect((await bash('chmod u+s /tmp/home; cp /bin/true x; chmod 4755 x; stat -c %a x')).stdout).toBe('755\n')
    expect((await bash('mknod d c 1 5 || mount -t tmpfs none /tmp || chroot / true')).exitCode).not.toBe(0)
  })

  test('only the workspace and the temporary folders can be written', async () => {
    const { stdout } = await bash(
      'for f in / /usr /etc /opt /opt/plaited/bin /dev /proc /proc/sys/kernel; do touch $f/x 2>/dev/null && echo $f; done; echo 1 >/opt/plaited/bin/bun; true',
    )
    expect(stdout).toBe('')
  })

  test('the git file and the git dir cannot be changed, moved, removed or covered', async () => {
    const { exitCode, stdout } = await bash(`
      cd /workspace; g=${home.gitDir}
      for attempt in "rm -f .git" "mv .git other" "ln -sfn /tmp .git" "cp /etc/passwd .git" "touch $g/config" "rm -rf $g/hooks" \\
        "mkdir -p $g/hooks/x" "git config core.fsmonitor /bin/true" "git commit --allow-empty -m x" "chmod 777 $g" "mv $g /tmp/x"; do
        eval "$attempt" 2>/dev/null >&2 && echo "$attempt"
      done; git log --format=%s`)
    expect({ exitCode, stdout }).toEqual({ exitCode: 0, stdout: 'workspace created\n' })
  })
})

describeReal('the end of a call', () => {
  const MIB = 1024 * 1024
  const sandbox = createTestSandbox({
    outputBytesMax: 100_000,
    treeBytesMax: 200 * MIB,
    diskGrowthBytesMax: 20 * MIB,
    processesMax: 64,
  })
  const { bash, home, run } = sandbox
  afterAll(sandbox.dispose)

  test('a daemon that left its session is dead when the call is over', async () => {
    const beat = 'while :; do date +%N >/workspace/beat; done'
    const { exitCode } = await bash(`setsid bash -c '${beat}' >/dev/null 2>&1 & until test -s beat; do :; done; exit 0`)
    expect(exitCode).toBe(0)
    const read = () => statSync(join(home.workspace, 'beat')).mtimeMs
    const before = read()
    await bash('true')
    expect(read()).toBe(before)
  })

  test('time-out ends the whole tree', async () => {
    const outcome = await bash('sleep 300 & (sleep 300; :) ; echo never', 100)
    expect(outcome).toMatchObject({ exitCode: null, killedBy: 'timeout', stdout: '' })
    expect(descendants().filter(isSleeping)).toEqual([])
  })

  test('a stop ends a call at once, and one before the start starts nothing', async () => {
    const abort = new AbortController()
    const running = run({ kind: 'bash', command: 'touch started; sleep 300', timeoutMs: 600_000 }, abort.signal)
    while (!existsSync(join(home.workspace, 'started'))) await Bun.sleep(1)
    abort.abort()
    expect(asText(await running)).toMatchObject({ exitCode: null, killedBy: 'stop' })
    expect(descendants().filter(isSleeping)).toEqual([])
    const late = await run({ kind: 'bash', command: 'touch late', timeoutMs: 1000 }, abort.signal)
    expect(asText(late).killedBy).toBe('stop')
    expect(existsSync(join(home.workspace, 'late'))).toBe(false)
  })

  test('output beyond the limit is cut, and a flood is ended', async () => {
    const long = await bash('head -c 150000 /dev/zero | tr "\\0" x; echo end >&2')
    expect(long).toMatchObject({ exitCode: 0, truncated: true, killedBy: null, stderr: 'end\n' })
    expect(long.stdout).toBe('x'.repeat(100_000))
    const flood = await bash('yes')
    expect(flood).toMatchObject({ exitCode: null, truncated: true, killedBy: 'output' })
    expect(flood.stdout.length).toBeWithin(99_000, 100_001)
    expect(flood.notes.join()).toContain('What it printed until it was ended is in /workspace/')
  })

  test('of long output the end is answered and all of it kept, where grep finds it', async () => {
    const long = await bash('seq 1 12000; echo failed >&2; exit 3')
    const path = '/workspace/.plaited/out/1.txt'
    expect(long).toMatchObject({ exitCode: 3, truncated: false, stderr: 'failed\n' })
    expect(long.notes.join()).toContain(`All of the output is in ${path}`)
    expect(await run({ kind: 'grep', pattern: '^77(77)?$|failed', path, glob: null })).toMatchObject({
      matches: [{ hit: '78:77' }, { hit: '7778:7777' }, { hit: '12003:failed' }],
    })
    expect((await bash('git status --short')).stdout).not.toContain('.plaited')
    expect(await run({ kind: 'grep', pattern: '^7777$', path: '/workspace', glob: null })).toMatchObject({
      matches: [],
    })
    expect(await run({ kind: 'glob', pattern: '**/*.txt', path: '/workspace' })).toMatchObject({ matches: [] })
  })

  test('a link in the place of the kept output leads nowhere, and the model is told', async () => {
    const planted = [
      'rm -rf .plaited; mkdir elsewhere; ln -s elsewhere .plaited',
      'rm -rf .plaited elsewhere; mkdir .plaited elsewhere; ln -s ../elsewhere .plaited/out',
      'rm -rf .plaited elsewhere; mkdir -p .plaited/out elsewhere/1.txt; ln -s ../../elsewhere .plaited/out/1.txt',
      'rm -rf .plaited elsewhere; mkdir elsewhere; echo >.plaited',
    ]
    for (const plant of planted) {
      const { notes } = await bash(`${plant}; seq 1 12000`)
      expect(notes.join()).toContain('could not be kept')
      expect((await bash('find elsewhere -type f')).stdout).toBe('')
    }
    await bash('rm -rf .plaited elsewhere')
  })

  test('processes have a limit that a fork bomb meets', async () => {
    const bomb = 'let n = 0; try { for (;; n++) Bun.spawn(["sleep", "300"]) } catch { console.log(n) } process.exit()'
    const { stdout } = await bash(`bun -e '${bomb}'`)
    expect(Number(stdout)).toBeGreaterThan(10)
    expect(Number(stdout)).toBeLessThan(64)
    expect((await bash('echo well')).stdout).toBe('well\n')
    expect(descendants().filter(isSleeping)).toEqual([])
  })

  test('memory and disk have limits', async () => {
    const memory = await bash("bun -e 'const all = []; for (;;) all.push(new Uint8Array(1 << 24).fill(1))'")
    expect(memory).toMatchObject({ exitCode: null, killedBy: 'memory' })
    expect(memory.notes.join()).toContain('too much memory')
    const disk = await bash('dd if=/dev/zero of=big bs=1M count=400 2>/dev/null; sleep 300')
    expect(disk).toMatchObject({ exitCode: null, killedBy: 'disk' })
    await bash('rm -f big')
    expect((await bash('fallocate -l 4G big')).stderr).toContain('not supported')
  })

  test('no descriptor of the node stays open', async () => {
    const count = () => readdirSync('/proc/self/fd').length
    await bash('true')
    const before = count()
    for (let round = 0; round < 30; round++) await bash('true')
    expect(count()).toBeLessThan(before + 20) // waiting sandboxes hold up to 12; a leak would add 30 or more
  })
})

describeReal('a limit that a call meets', () => {
  const MIB = 1024 * 1024
  const sandbox = createTestSandbox({
    ...{ cpuSecondsMax: 1, fileBytesMax: MIB, openFilesMax: 64, temporaryBytesMax: MIB, keptOutputBytesMax: 200_000 },
  })
  const { bash, home } = sandbox
  afterAll(sandbox.dispose)

  test.each([
    ['processor time', 'while :; do :; done', 'processor time'],
    ['file size', 'head -c 2000000 /dev/zero >big', 'A file reached 1MiB'],
    ['temporary space', 'for n in 1 2 3; do head -c 900000 /dev/zero >/tmp/$n || exit; done', 'hold 1MiB each'],
    ['open files', `bun -e 'for (;;) require("fs").openSync("/dev/null")'`, '64 open files'],
  ])('is named, with what to do instead: %s', async (_, command, what) => {
    expect((await bash(command)).notes.join()).toContain(what)
  })

  test('the kept outputs together have one too: the oldest go', async () => {
    const outputs = join(home.workspace, '.plaited/out')
    mkdirSync(outputs, { recursive: true })
    if (TEST_USER !== null)
      for (const path of [join(home.workspace, '.plaited'), outputs]) chownSync(path, TEST_USER.uid, TEST_USER.gid)
    for (const [age, name] of ['new', 'old', 'older'].entries()) {
      writeFileSync(join(outputs, name), 'x'.repeat(90_000))
      utimesSync(join(outputs, name), 1000 - age, 1000 - age)
    }
    await bash('seq 1 12000')
    expect(readdirSync(outputs).sort()).toEqual(['1.txt', 'new'])
  })
})

// These look at the whole disk, where others write too: hence a sandbox, and room, of their own.
describeReal('limits of the disk', () => {
  test('a call that makes too many files is ended', async () => {
    const { bash, dispose } = createTestSandbox({ newFilesMax: 1000 })
    const many = await bash('mkdir d; touch d/{1..20000}; sleep 300')
    expect(many).toMatchObject({ killedBy: 'files', notes: [expect.stringContaining('1000')] })
    await dispose()
  })

  test('a full workspace takes no more writes until something is deleted', async () => {
    const { bash, run, dispose } = createTestSandbox({ workspaceBytesMax: 64 * 1024 * 1024 })
    const write = () => run({ kind: 'write', path: '/workspace/more', content: 'x' })
    await bash('for n in {1..70}; do head -c 1000000 /dev/zero >part$n; done')
    let answer = await write()
    while (answer.kind !== 'failed') answer = await write() // the count is made beside the calls
    expect(answer).toMatchObject({ message: expect.stringContaining('/workspace is full (64MiB') })
    expect((await bash('rm part*')).exitCode).toBe(0)
    expect((await write()).kind).toBe('text')
    await dispose()
  })
})

const isSleeping = (pid: number): boolean => {
  const command = Bun.spawnSync(['cat', `/proc/${pid}/cmdline`], { env: {} }).stdout.toString()
  return command.includes('sleep\x00300')
}
