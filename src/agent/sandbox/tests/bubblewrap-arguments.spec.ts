import { describe, expect, test } from 'bun:test'
import { bubblewrapArguments, type Confinement, limitedCommand, type SandboxHost } from '../bubblewrap-arguments.ts'
import { SANDBOX_LIMITS } from '../sandbox-limits.ts'

const host: SandboxHost = {
  workspace: '/home/alice/.plaited/workspace',
  gitDir: '/home/alice/.plaited/data/git/workspace.git',
  etcDir: '/runtime/etc',
  bunPath: '/runtime/bin/bun',
  ripgrepPath: '/runtime/bin/rg',
  workerDir: '/app/sandbox',
  filterPaths: { bash: '/runtime/bash.bpf', files: '/runtime/files.bpf' },
  rootEntries: [
    { path: '/bin', linkTo: 'usr/bin' },
    { path: '/lib', linkTo: null },
  ],
  hasAlternatives: false,
  bubblewrapPath: '/usr/bin/bwrap',
  drop: null,
  mode: 'full',
  limits: SANDBOX_LIMITS,
  makePipe: () => {
    throw new Error('no pipe is needed for arguments')
  },
  mark: 'plaited-mark',
}
const confinement: Confinement = { binds: [], environment: {}, cwd: '/workspace', command: ['--evil', '--bind'] }
const argumentsOf = (changes: Partial<SandboxHost> = {}, more: Partial<Confinement> = {}) =>
  bubblewrapArguments({ ...host, ...changes }, { ...confinement, ...more })

/** Where these words stand one after the other. */
const positionOf = (words: readonly string[], ...wanted: readonly string[]): number => {
  const found = words.findIndex((_, index) => wanted.every((word, offset) => words[index + offset] === word))
  if (found === -1) throw new Error(`not found: ${wanted.join(' ')}`)
  return found
}

describe('the recipe', () => {
  test('asks for every namespace by name, drops all rights, and dies with the node', () => {
    const words = argumentsOf()
    for (const namespace of ['user', 'pid', 'net', 'ipc', 'uts', 'cgroup'])
      expect(words).toContain(`--unshare-${namespace}`)
    for (const word of ['--die-with-parent', '--as-pid-1', '--new-session', '--disable-userns', '--clearenv'])
      expect(words).toContain(word)
    positionOf(words, '--cap-drop', 'ALL')
    positionOf(words, '--seccomp', '3', '--json-status-fd', '4', '--', '--evil', '--bind')
    expect(words[0]).toBe('/usr/bin/bwrap')
  })

  test('lays the git file over the workspace, the named binds over that, and closes the root last', () => {
    const bind = { source: host.gitDir, target: host.gitDir, writable: true }
    const words = argumentsOf({}, { binds: [bind] })
    const order = [
      positionOf(words, '--bind', host.workspace, '/workspace'),
      positionOf(words, '--ro-bind', `${host.workspace}/.git`, '/workspace/.git'),
      positionOf(words, '--ro-bind', host.gitDir, host.gitDir),
      positionOf(words, '--bind', host.gitDir, host.gitDir),
      positionOf(words, '--remount-ro', '/'),
    ]
    expect(order).toEqual(order.toSorted((a, b) => a - b))
  })

  test('shows nothing writable but the workspace and what was named so', () => {
    const shown = { source: '/app/worker', target: '/opt/plaited/worker', writable: false }
    const words = argumentsOf({}, { binds: [shown] })
    expect(words.filter((word) => word === '--bind').length).toBe(2) // the workspace, and the command's own word
    positionOf(words, '--ro-bind', '/app/worker', '/opt/plaited/worker')
    expect(words.filter((word) => word.endsWith('-try'))).toEqual([])
  })

  test('follows how the host lays out its root', () => {
    const words = argumentsOf()
    positionOf(words, '--symlink', 'usr/bin', '/bin')
    positionOf(words, '--ro-bind', '/lib', '/lib')
    expect(words).not.toContain('/etc/alternatives')
    positionOf(argumentsOf({ hasAlternatives: true }), '--ro-bind', '/etc/alternatives', '/etc/alternatives')
  })

  test('becomes an ordinary user first when the node is root', () => {
    const words = argumentsOf({ drop: { to: { uid: 10001, gid: 10000 }, setprivPath: '/usr/bin/setpriv' } })
    expect(words.slice(0, 7)).toEqual([
      '/usr/bin/setpriv',
      '--reuid=10001',
      '--regid=10000',
      '--clear-groups',
      '--inh-caps=-all',
      '--',
      '/usr/bin/bwrap',
    ])
  })

  test('takes environment values as they are, over its own', () => {
    const words = argumentsOf({}, { environment: { HOME: '/elsewhere', ODD: '--bind / /\n' } })
    positionOf(words, '--setenv', 'HOME', '/elsewhere')
    positionOf(words, '--setenv', 'ODD', '--bind / /\n')
    expect(words.filter((word) => word === 'HOME').length).toBe(1)
  })
})

test('a limited command reaches its program as separate words, after every limit', () => {
  const words = limitedCommand(['git', 'log', '$(id)'], host, { cpuLimited: true })
  expect(words.slice(-3)).toEqual(['git', 'log', '$(id)'])
  const script = words[4] ?? ''
  for (const limit of ['umask 002', 'ulimit -c 0', 'ulimit -St 60', 'ulimit -u 256', 'ulimit -n 1024'])
    expect(script).toContain(limit)
  expect(script).toEndWith('; exec "$@"')
  expect(limitedCommand(['git'], host, { cpuLimited: false })[4]).not.toContain('ulimit -St')
})
