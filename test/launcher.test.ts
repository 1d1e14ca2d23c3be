/**
 * bin/plaited, started for real in copies of the checkout that hold a stand-in for the command line. PATH is a folder
 * made here, so that what the launcher finds, and what it tries to bring, is decided by the test and needs no network.
 */
import { afterAll, describe, expect, test } from 'bun:test'
import { chmodSync, cpSync, existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, symlinkSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { PROGRAM_FOLDERS } from '../src/agent/sandbox/find-programs.ts'
import { describeWhen, projectRoot } from './helpers.ts'

const scratch = mkdtempSync(join(tmpdir(), 'plaited launcher '))
chmodSync(scratch, 0o755) // another user enters it below
afterAll(() => rmSync(scratch, { recursive: true, force: true }))

const STAND_IN = `
const { PLAITED_CALLER_CWD: caller, FROM_ENV_FILE: fromEnvFile = null, NODE_TLS_REJECT_UNAUTHORIZED: tls = null } = process.env
console.log(JSON.stringify({ args: process.argv.slice(2), cwd: process.cwd(), caller, fromEnvFile, tls }))
process.exitCode = 7
`
/** What the launcher itself needs; no npm, no bun, no apt-get. */
const TOOLS = [
  'sh',
  'cat',
  'chmod',
  'cmp',
  'cp',
  'dirname',
  'grep',
  'id',
  'ln',
  'mkdir',
  'mv',
  'readlink',
  'rm',
  'tail',
]
const LOCAL_BUN = '.runtime/bun-1.4.5/node_modules/bun/bin/bun.exe'

const createFolder = (): string => mkdtempSync(join(scratch, 'f'))

/** A copy of what the launcher reads, with Bun and the dependencies in place unless they are to be missing. */
const createCheckout = async (missing: { bun?: boolean; dependencies?: boolean } = {}): Promise<string> => {
  const root = createFolder()
  for (const name of ['bin', 'package.json', 'bunfig.toml', 'bun.lock']) {
    cpSync(join(projectRoot, name), join(root, name), { recursive: true })
  }
  await Bun.write(join(root, 'src/cli.ts'), STAND_IN)
  if (missing.bun !== true) link(process.execPath, join(root, LOCAL_BUN))
  if (missing.dependencies !== true) {
    mkdirSync(join(root, 'node_modules'))
    cpSync(join(root, 'bun.lock'), join(root, 'node_modules/.installed.lock'))
  }
  return root
}

const link = (target: string, path: string): void => {
  mkdirSync(dirname(path), { recursive: true })
  symlinkSync(target, path)
}

/** A folder for PATH: the tools, a bubblewrap that is never started, and the given shell scripts by name. */
const createPath = async (scripts: Readonly<Record<string, string>> = {}): Promise<string> => {
  const folder = createFolder()
  for (const tool of TOOLS) link(Bun.which(tool) ?? '', join(folder, tool))
  for (const [name, script] of Object.entries({ bwrap: 'exit 1', ...scripts })) {
    await Bun.write(join(folder, name), `#!/bin/sh\n${script}\n`)
    chmodSync(join(folder, name), 0o755)
  }
  return folder
}

type Launch = {
  readonly path?: string
  readonly args?: readonly string[]
  readonly cwd?: string
  readonly env?: Readonly<Record<string, string>>
  readonly as?: { readonly uid?: number; readonly gid?: number }
}

const launch = async (launcher: string, options: Launch = {}) => {
  const child = Bun.spawn([launcher, ...(options.args ?? [])], {
    cwd: options.cwd ?? scratch,
    env: { PATH: options.path ?? (await createPath()), HOME: scratch, ...options.env },
    stdio: ['ignore', 'pipe', 'pipe'],
    ...options.as,
  })
  const [exitCode, stdout, stderr] = await Promise.all([child.exited, child.stdout.text(), child.stderr.text()])
  return { exitCode, stdout, stderr }
}

/** What the stand-in was started with; fails when it was not. */
const started = (result: { readonly stdout: string; readonly stderr: string }) => {
  expect(result.stderr).toBe('')
  return JSON.parse(result.stdout)
}

describe('a start', () => {
  test('passes arguments and exit code on unchanged, and the caller folder by name', async () => {
    const root = await createCheckout()
    const cwd = createFolder()
    const args = ['chat', '', 'two words', '*', '--preload=x', '$HOME']
    const result = await launch(join(root, 'bin/plaited'), { args, cwd })
    expect(started(result)).toEqual({ args, cwd: root, caller: cwd, fromEnvFile: null, tls: null })
    expect(result.exitCode).toBe(7)
  })

  test('finds its checkout through a chain of relative links, from another folder', async () => {
    const root = await createCheckout()
    const folder = createFolder()
    symlinkSync(join(root, 'bin/plaited'), join(folder, 'first'))
    link('../first', join(folder, 'below/second'))
    const result = await launch('below/second', { cwd: folder })
    expect(started(result)).toMatchObject({ cwd: root, caller: folder })
  })

  test('leaves nothing behind in the checkout', async () => {
    const root = await createCheckout()
    await launch(join(root, 'bin/plaited'))
    expect(readdirSync(join(root, '.runtime'))).toEqual(['bun-1.4.5'])
    expect(readdirSync(join(root, 'node_modules'))).toEqual(['.installed.lock'])
  })
})

describe('nothing that the caller has around runs beside the keys', () => {
  /** A folder whose settings all name a module that leaves a marker. */
  const plant = async () => {
    const folder = createFolder()
    const marker = join(folder, 'marker')
    const module = join(folder, 'evil.cjs')
    await Bun.write(module, `require('node:fs').writeFileSync(${JSON.stringify(marker)}, '')`)
    const bunfig = `preload = [${JSON.stringify(module)}]\n`
    for (const name of ['bunfig.toml', '.bunfig.toml', '.config/.bunfig.toml'])
      await Bun.write(join(folder, name), bunfig)
    await Bun.write(join(folder, '.env'), `FROM_ENV_FILE=yes\nBUN_OPTIONS=--preload=${module}\n`)
    return { folder, marker, module }
  }

  test('the planted module does run in a plain Bun', async () => {
    const { folder, marker } = await plant()
    const child = Bun.spawn([process.execPath, '--print', '1'], {
      cwd: folder,
      env: {},
      stdio: ['ignore', 'ignore', 'ignore'],
    })
    expect(await child.exited).toBe(0)
    expect(existsSync(marker)).toBe(true)
  })

  test('not a bunfig.toml or .env of the folder it is called from, nor of the home', async () => {
    const root = await createCheckout()
    const { folder, marker } = await plant()
    const env = { HOME: folder, XDG_CONFIG_HOME: folder }
    const result = await launch(join(root, 'bin/plaited'), { cwd: folder, env })
    expect(started(result)).toMatchObject({ fromEnvFile: null })
    expect(existsSync(marker)).toBe(false)
  })

  test('not a .env of the checkout itself', async () => {
    const root = await createCheckout()
    await Bun.write(join(root, '.env'), 'FROM_ENV_FILE=yes\n')
    expect(started(await launch(join(root, 'bin/plaited')))).toMatchObject({ fromEnvFile: null })
  })

  test.each([
    ['BUN_OPTIONS', '--preload='],
    ['BUN_INSPECT_PRELOAD', ''],
  ])('not a module named by %s', async (name, prefix) => {
    const root = await createCheckout()
    const { marker, module } = await plant()
    // An option in the environment ends at a space, so the module is reached through a path without one.
    const alias = join(mkdtempSync(join(tmpdir(), 'plaited-alias-')), 'evil.cjs')
    symlinkSync(module, alias)
    try {
      started(await launch(join(root, 'bin/plaited'), { env: { [name]: `${prefix}${alias}` } }))
      expect(existsSync(marker)).toBe(false)
    } finally {
      rmSync(dirname(alias), { recursive: true })
    }
  })

  test('a setting that lets any server pass for the real one is not heeded', async () => {
    const root = await createCheckout()
    const result = await launch(join(root, 'bin/plaited'), { env: { NODE_TLS_REJECT_UNAUTHORIZED: '0' } })
    expect(started(result)).toMatchObject({ tls: null })
  })

  test('CDPATH does not lead it to another checkout', async () => {
    const root = await createCheckout()
    const result = await launch('bin/plaited', { cwd: root, env: { CDPATH: await createCheckout() } })
    expect(started(result)).toMatchObject({ cwd: root })
  })
})

describe('a start that cannot be made says the next step', () => {
  test('without npm and Bun', async () => {
    const root = await createCheckout({ bun: true })
    const result = await launch(join(root, 'bin/plaited'))
    expect(result).toMatchObject({ exitCode: 1, stdout: '' })
    expect(result.stderr).toContain('neither npm nor Bun is on PATH')
    expect(result.stderr).toContain('install Node.js with npm')
    expect(readdirSync(join(root, '.runtime'))).toEqual([])
  })

  test('when npm fails, with what npm said last', async () => {
    const root = await createCheckout({ bun: true })
    const path = await createPath({ npm: 'echo first >&2; echo "no route to host" >&2; exit 1' })
    const result = await launch(join(root, 'bin/plaited'), { path })
    expect(result).toMatchObject({ exitCode: 1, stdout: '' })
    expect(result.stderr).toContain('npm could not install bun@1.4.5: no route to host')
    expect(result.stderr).toContain('check the network')
    expect(readdirSync(join(root, '.runtime'))).toEqual([])
  })

  test('when npm explains itself, with its code and reason instead of the name of its log', async () => {
    const root = await createCheckout({ bun: true })
    const said = [
      'npm error code ENOTFOUND',
      'npm error syscall getaddrinfo',
      'npm error network request failed, reason: no such host',
      'npm error network This is a problem related to network connectivity.',
      'npm error A complete log of this run can be found in: /home/a/debug-0.log',
    ]
    const npm = `printf '%s\\n' ${said.map((line) => `'${line}'`).join(' ')} >&2; exit 1`
    const result = await launch(join(root, 'bin/plaited'), { path: await createPath({ npm }) })
    expect(result).toMatchObject({ exitCode: 1, stdout: '' })
    expect(result.stderr).toContain('bun@1.4.5: ENOTFOUND network request failed, reason: no such host\n')
    expect(result.stderr).not.toContain('debug-0.log')
  })

  test('when what npm brought does not run', async () => {
    const root = await createCheckout({ bun: true })
    const result = await launch(join(root, 'bin/plaited'), { path: await createPath({ npm: 'exit 0' }) })
    expect(result).toMatchObject({ exitCode: 1, stdout: '' })
    expect(result.stderr).toContain('install Bun 1.4.5 by hand')
  })

  test('when the dependencies cannot be installed, and starts nothing', async () => {
    const root = await createCheckout({ bun: true, dependencies: true })
    const path = await createPath({
      bun: '[ "$1" = --version ] && echo 1.4.5 && exit; echo "error: no space left"; exit 1',
    })
    const result = await launch(join(root, 'bin/plaited'), { path })
    expect(result).toMatchObject({ exitCode: 1, stdout: '' })
    expect(result.stderr).toContain('bun install failed: error: no space left')
    expect(existsSync(join(root, 'node_modules/.installed.lock'))).toBe(false)
  })
})

/** Someone who may not write in the checkout. Root may write everywhere, so root becomes nobody. */
const stranger = process.getuid?.() === 0 ? { uid: 65_534, gid: 65_534 } : {}
const isReachableForStranger = (): boolean => {
  try {
    return Bun.spawnSync(['test', '-x', scratch], stranger).success
  } catch {
    return false // root that may not change its uid
  }
}

describeWhen(
  isReachableForStranger(),
  'another user cannot enter the temporary folder',
  'a start in a folder of someone else',
  () => {
    test.each([
      ['Bun is', { bun: true }],
      ['the dependencies are', { dependencies: true }],
    ])('names the owner as the one to go on when %s missing', async (_, missing) => {
      const root = await createCheckout(missing)
      const path = await createPath()
      chmodSync(path, 0o755)
      chmodSync(root, 0o555)
      const result = await launch(join(root, 'bin/plaited'), { path, as: stranger })
      chmodSync(root, 0o755)
      expect(result).toMatchObject({ exitCode: 1, stdout: '' })
      expect(result.stderr).toContain(`${root} is not writable`)
      expect(result.stderr).toContain('as the owner of that folder')
    })
  },
)

describe('a missing Bun', () => {
  const installs = `while [ "$1" != --prefix ]; do shift; done
mkdir -p "$2/node_modules/bun/bin" && ln -s ${JSON.stringify(process.execPath)} "$2/node_modules/bun/bin/bun.exe"`

  test('is brought once, and the second start brings nothing', async () => {
    const root = await createCheckout({ bun: true })
    const first = await launch(join(root, 'bin/plaited'), { path: await createPath({ npm: installs }) })
    expect(first.exitCode).toBe(7)
    expect(first.stderr).toContain('bringing Bun 1.4.5')
    expect(readdirSync(join(root, '.runtime'))).toEqual(['bun-1.4.5'])
    expect(started(await launch(join(root, 'bin/plaited')))).toMatchObject({ cwd: root })
  })

  test('is taken from PATH when it is the pinned one, and kept for the starts that do not find it there', async () => {
    const root = await createCheckout({ bun: true })
    const pinned = await createPath()
    symlinkSync(process.execPath, join(pinned, 'bun'))
    expect(started(await launch(join(root, 'bin/plaited'), { path: pinned }))).toMatchObject({ cwd: root })
    expect(readdirSync(join(root, '.runtime'))).toEqual(['bun-1.4.5'])
    expect(started(await launch(join(root, 'bin/plaited')))).toMatchObject({ cwd: root })
  })

  test('is brought when the one on PATH is of another version', async () => {
    const root = await createCheckout({ bun: true })
    const other = await createPath({ bun: 'echo 1.0.0', npm: installs })
    expect((await launch(join(root, 'bin/plaited'), { path: other })).stderr).toContain('bringing Bun 1.4.5')
  })

  test('is in place whole when another start brought it in the meantime', async () => {
    const root = await createCheckout({ bun: true })
    const runtime = join(root, '.runtime/bun-1.4.5')
    const overtaken = `${installs}\nmkdir -p ${JSON.stringify(runtime)} && cp -R "$2/node_modules" ${JSON.stringify(runtime)}`
    const result = await launch(join(root, 'bin/plaited'), { path: await createPath({ npm: overtaken }) })
    expect(result.exitCode).toBe(7)
    expect(readdirSync(runtime)).toEqual(['node_modules'])
  })
})

describe('a missing bubblewrap', () => {
  /** Looks in a folder of the test instead of those of the system, which are the node's own list. */
  const createCheckoutThatLooksIn = async (folder: string): Promise<string> => {
    const root = await createCheckout()
    const script = await Bun.file(join(root, 'bin/plaited')).text()
    const looked = `for folder in ${PROGRAM_FOLDERS.join(' ')}; do`
    expect(script).toContain(looked)
    await Bun.write(join(root, 'bin/plaited'), script.replace(looked, `for folder in '${folder}'; do`))
    return root
  }

  test('is told with its mend and does not keep the command from starting, though one is on PATH', async () => {
    const root = await createCheckoutThatLooksIn(createFolder())
    const result = await launch(join(root, 'bin/plaited'), { args: ['chat'] })
    expect(result.exitCode).toBe(7)
    expect(result.stderr).toContain('bubblewrap is missing')
    expect(result.stderr).toContain('apt-get install bubblewrap')
  })

  test('is one that the node does not find: PATH says nothing about it', async () => {
    const path = await createPath()
    const root = await createCheckoutThatLooksIn(path)
    const elsewhere = await createPath()
    rmSync(join(elsewhere, 'bwrap'))
    started(await launch(join(root, 'bin/plaited'), { path: elsewhere, args: ['chat'] }))
  })
})
