/**
 * The same walls through the real command line, from a caller's folder that is as hostile as the workspace: what lies there
 * must steer nothing, and what the caller's environment holds must not come in.
 */
import { afterAll, beforeAll, expect, test } from 'bun:test'
import {
  chmodSync,
  chownSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { whyNoSandbox } from '../../../src/agent/sandbox/tests/sandbox-fixture.ts'
import { describeWhen } from '../../helpers.ts'
import { type Finished, isRoot, launcher, run } from '../../run-plaited.ts'
import { BECOME_ORDINARY_USER, ORDINARY_USER, whyNoOrdinaryUser } from './ordinary-user.ts'
import { randomWord } from './outside.ts'

const TIMEOUT_MS = 60_000
const reason = await whyNoSandbox()

const attackCommandLine = (who: string, uid: number | null): void => {
  const secret = randomWord('secret')
  const mark = randomWord('mark')
  let root = ''
  const at = (...names: string[]) => join(root, ...names)

  beforeAll(() => {
    root = mkdtempSync(join(tmpdir(), 'plaited-caller-'))
    for (const folder of ['', 'home', 'caller', 'drop']) mkdirSync(at(folder), { recursive: true })
    writeFileSync(at('secret'), secret)
    writeFileSync(at('home', 'secret'), secret)
    plantEverything(at('caller'), at('drop', mark))
    for (const folder of ['', 'home', 'caller', 'drop']) {
      chmodSync(at(folder), folder === 'drop' ? 0o1777 : 0o755)
      if (uid !== null) chownSync(at(folder), uid, uid)
    }
  })
  afterAll(() => rmSync(root, { recursive: true, force: true }))

  const sandbox = async (verb: string, ...words: string[]): Promise<Finished> => {
    const become = uid === null ? [] : BECOME_ORDINARY_USER
    const finished = await run([...become, launcher, 'sandbox', verb, '--home', at('home'), ...words], {
      cwd: at('caller'),
      environment: {
        PLAITED_TEST_SECRET: secret,
        ANTHROPIC_API_KEY: secret,
        BASH_ENV: at('caller', 'evil.sh'),
        ENV: at('caller', 'evil.sh'),
      },
    })
    expect(finished.stdout + finished.stderr).not.toContain(secret)
    expect(readdirSync(at('drop'))).toEqual([])
    return finished
  }
  const exec = (script: string, ...options: string[]) => sandbox('exec', ...options, '--', 'bash', '-c', script)

  test(
    `ordinary work is done, with the exit code of the command (${who})`,
    async () => {
      const done = await exec(
        'echo made >a.txt; cat a.txt; bun -e "console.log(6 * 7)"; git log --format=%s | wc -l; echo said >&2; exit 7',
      )
      expect(done).toEqual({ exitCode: 7, stdout: 'made\n42\n1\n', stderr: 'said\n' })
      expect(await sandbox('write', 'notes/ü b.txt', 'text\n')).toMatchObject({ exitCode: 0 })
      expect(await sandbox('read', 'notes/ü b.txt')).toMatchObject({ exitCode: 0, stdout: 'text\n' })
      expect(readFileSync(at('home', 'workspace', 'notes', 'ü b.txt'), 'utf8')).toBe('text\n')
    },
    TIMEOUT_MS,
  )

  test(
    `neither files nor the environment of the caller come in or out (${who})`,
    async () => {
      const { exitCode, stdout } = await exec(`
      env; cat ${at('secret')} ${at('home', 'secret')} /workspace/../secret /proc/*/environ /proc/*/root${at('secret')}; ls ${root}/..
      touch ${at('drop', mark)} /tmp/${mark} ${at('caller', mark)}; ln -s ${at('drop')} d; touch d/${mark}; pwd; exit 0`)
      expect(exitCode).toBe(0)
      expect(stdout).toEndWith('/workspace\n')
      expect([at('caller', mark), `/tmp/${mark}`].filter(existsSync)).toEqual([])
    },
    TIMEOUT_MS,
  )

  test(
    `the file verbs open nothing outside, and follow no link (${who})`,
    async () => {
      symlinkSync(at('secret'), at('home', 'workspace', 'link'))
      symlinkSync(at('drop'), at('home', 'workspace', 'folder'))
      for (const path of ['link']) expect([path, (await sandbox('read', path)).exitCode]).toEqual([path, 1])
      for (const path of [`folder/${mark}`, '.git/hooks/pre-commit'])
        expect([path, (await sandbox('write', path, mark)).exitCode]).toEqual([path, 1])
      expect([readFileSync(at('secret'), 'utf8'), existsSync(at('home', mark))]).toEqual([secret, false])
    },
    TIMEOUT_MS,
  )

  test(
    `a command that hangs is ended with its daemons (${who})`,
    async () => {
      const { exitCode } = await exec(
        `(setsid bash -c 'exec -a ${mark} sleep 300' &); trap '' TERM; sleep 300`,
        '--timeout',
        '300',
      )
      expect(exitCode).toBe(124)
      const commands = readdirSync('/proc')
        .filter((name) => /^\d+$/.test(name))
        .map((pid) => commandOf(pid))
      expect(commands.filter((command) => command.includes(mark))).toEqual([])
    },
    TIMEOUT_MS,
  )
}

const commandOf = (pid: string): string => {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'latin1')
  } catch {
    return '' // gone meanwhile
  }
}

/** Everything that Bun, git, bash or a package manager might take from the folder they are started in. */
const plantEverything = (folder: string, drop: string): void => {
  const code = `require('node:fs').writeFileSync('${drop}', 'x')\n`
  const script = `#!/bin/sh\ntouch '${drop}'\n`
  const files: Readonly<Record<string, string>> = {
    'evil.js': code,
    'bunfig.toml': 'preload = ["./evil.js"]\n[run]\nbun = true\n[test]\npreload = ["./evil.js"]\n',
    '.env': `BUN_OPTIONS=--preload=${folder}/evil.js\nNODE_OPTIONS=--require=${folder}/evil.js\nPLAITED_HOME=${drop}\nBASH_ENV=${folder}/evil.sh\n`,
    'package.json': `{"name":"x","main":"evil.js","scripts":{"prepare":"touch ${drop}","sandbox":"touch ${drop}"},"imports":{"#*":"./evil.js"}}`,
    'tsconfig.json': '{"compilerOptions":{"baseUrl":".","paths":{"*":["./evil.js"]}}}',
    'config.env': 'PLAITED_SANDBOX=none\n',
    'node_modules/zod/index.js': code,
    'node_modules/zod/package.json': '{"main":"index.js"}',
    'evil.sh': script,
    ...Object.fromEntries(
      ['bun', 'git', 'bwrap', 'setpriv', 'rg', 'bash', 'node_modules/.bin/bun'].map((name) => [name, script]),
    ),
    ...Object.fromEntries(['.bashrc', '.profile', '.npmrc', 'Makefile'].map((name) => [name, script])),
    '.git/config': `[core]\n\tfsmonitor = touch ${drop}\n\thooksPath = .\n`,
    '.git/HEAD': 'ref: refs/heads/main\n',
  }
  for (const [name, text] of Object.entries(files)) {
    mkdirSync(join(folder, name, '..'), { recursive: true })
    writeFileSync(join(folder, name), text, { mode: 0o755 })
  }
}

describeWhen(reason === null, `${reason}`, 'the command line of the sandbox', () => {
  attackCommandLine(isRoot ? 'root, uid dropped' : 'an ordinary user', null)
})

const reasonNotOrdinary = reason ?? whyNoOrdinaryUser(launcher)

describeWhen(
  reasonNotOrdinary === null,
  `${reasonNotOrdinary}`,
  'the command line of the sandbox for an ordinary user',
  () => {
    attackCommandLine('an ordinary user', ORDINARY_USER)
  },
)
