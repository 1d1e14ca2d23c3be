/** Control groups against a folder of plain files: what is written where. Real ones are the kernel's to test. */
import { afterAll, describe, expect, test } from 'bun:test'
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { findGroupFolder, openCallGroups } from '../call-groups.ts'
import { SANDBOX_LIMITS } from '../sandbox-limits.ts'

const made: string[] = []
afterAll(() => {
  for (const path of made) rmSync(path, { recursive: true, force: true })
})

const fakeFolder = (controllers = 'cpuset cpu io memory hugetlb pids') => {
  const path = mkdtempSync(join(tmpdir(), 'plaited-cgroup-'))
  made.push(path)
  writeFileSync(join(path, 'cgroup.controllers'), `${controllers}\n`)
  writeFileSync(join(path, 'cgroup.subtree_control'), '')
  writeFileSync(join(path, 'cgroup.procs'), '')
  const read = (...names: string[]) => readFileSync(join(path, ...names), 'utf8')
  return {
    path,
    read,
    folders: () =>
      readdirSync(path)
        .filter((name) => name.startsWith('plaited-'))
        .sort(),
  }
}
const remove = (path: string) => rmSync(path, { recursive: true })
const limits = { ...SANDBOX_LIMITS, coresMax: 1 }
const node = `plaited-${process.pid}-node`

describe('a folder that the node may divide', () => {
  test('gets a leaf for the node and the controllers that limits need', () => {
    const fake = fakeFolder()
    expect(openCallGroups({ path: fake.path, remove }, limits)).not.toBeNull()
    expect(fake.read(node, 'cgroup.procs')).toBe(String(process.pid))
    expect(fake.read('cgroup.subtree_control')).toBe('+memory +pids +cpu')
  })

  test('holds each call in a group of its own, with every limit set before the process comes in', () => {
    const fake = fakeFolder()
    const groups = openCallGroups({ path: fake.path, remove }, limits)
    const first = groups?.hold(4711)
    const second = groups?.hold(4712)
    const [one, two] = fake.folders().filter((name) => name !== node)
    if (!first || !second || !one || !two) throw new Error('no groups')
    expect(fake.read(one, 'memory.max')).toBe(String(limits.treeBytesMax))
    expect(fake.read(one, 'memory.swap.max')).toBe('0')
    expect(fake.read(one, 'memory.oom.group')).toBe('1')
    expect(fake.read(one, 'pids.max')).toBe('256')
    expect(fake.read(one, 'cgroup.procs')).toBe('4711')
    expect(fake.read(two, 'cgroup.procs')).toBe('4712')
    const cores = navigator.hardwareConcurrency > 1 ? '100000 100000' : 'max'
    expect(fake.read(one, 'cpu.max')).toBe(cores)
    first.remove()
    expect(fake.folders()).not.toContain(one)
    second.remove()
    groups?.close()
    expect(fake.folders()).toEqual([])
    expect(fake.read('cgroup.subtree_control')).toBe('-memory -pids -cpu')
  })

  test('tells what the kernel refused in a group', () => {
    const fake = fakeFolder()
    const group = openCallGroups({ path: fake.path, remove }, limits)?.hold(4711)
    expect(group?.events()).toEqual({ outOfMemory: false, outOfProcesses: false })
    const name = fake.folders().find((folder) => folder !== node) ?? ''
    writeFileSync(join(fake.path, name, 'memory.events'), 'low 0\nhigh 0\nmax 12\noom 1\noom_kill 1\n')
    writeFileSync(join(fake.path, name, 'pids.events'), 'max 3\n')
    expect(group?.events()).toEqual({ outOfMemory: true, outOfProcesses: true })
  })

  test('a group that is still busy goes with the next one', () => {
    const fake = fakeFolder()
    let busy = true
    const whenIdle = (path: string) => {
      if (busy) throw new Error('EBUSY')
      remove(path)
    }
    const groups = openCallGroups({ path: fake.path, remove: whenIdle }, limits)
    groups?.hold(4711)?.remove()
    expect(fake.folders().length).toBe(2)
    busy = false
    groups?.hold(4712)?.remove()
    expect(fake.folders()).toEqual([node])
  })
})

describe('a folder that the node may not divide', () => {
  test('without the controllers is left alone', () => {
    const fake = fakeFolder('cpu io')
    expect(openCallGroups({ path: fake.path, remove }, limits)).toBeNull()
    expect(fake.folders()).toEqual([])
    expect(openCallGroups({ path: join(fake.path, 'none'), remove }, limits)).toBeNull()
  })

  test('where the kernel refuses to share it out, the node goes back to where it was', () => {
    const fake = fakeFolder()
    rmSync(join(fake.path, 'cgroup.subtree_control'))
    expect(openCallGroups({ path: fake.path, remove }, limits)).toBeNull()
    expect(fake.folders()).toEqual([])
    expect(existsSync(join(fake.path, 'memory.max'))).toBe(false)
  })
})

describe('the folder of the own group', () => {
  const mount = (options: string, type = 'cgroup2') =>
    `25 30 0:23 / /sys/fs/cgroup ${options},nosuid,nodev - ${type} cgroup2 rw,nsdelegate\n`

  test('is found from where the hierarchy is mounted and where the node is in it', () => {
    expect(findGroupFolder(mount('rw'), '0::/\n', true)).toBe('/sys/fs/cgroup')
    expect(findGroupFolder(`21 1 8:1 / / rw - ext4 a rw\n${mount('rw')}`, '0::/user.slice/app\n', false)).toBe(
      '/sys/fs/cgroup/user.slice/app',
    )
  })

  test("is none where it is read-only, of the old kind, or the system manager's", () => {
    expect(findGroupFolder(mount('ro'), '0::/\n', true)).toBeNull()
    expect(findGroupFolder(mount('rw', 'cgroup'), '4:memory:/a\n', true)).toBeNull()
    expect(findGroupFolder(mount('rw'), '0::/user.slice/session-1.scope\n', true)).toBeNull()
  })
})
