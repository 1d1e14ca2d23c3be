import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import {
  chmodSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { SandboxHost } from '../bubblewrap-arguments.ts'
import { firstUnreachable, requireGitDir, requireReadable, requireWorkspace } from '../reachability.ts'
import { reachableProgram } from '../reachable-programs.ts'
import { putCopy, putFile } from '../runtime-files.ts'
import { restoreWorkspaceMode } from '../workspace-mode.ts'

const root = mkdtempSync(join(tmpdir(), 'plaited-reach-'))
const closed = join(root, 'closed')
const inner = join(closed, 'inner')
const file = join(inner, 'file')
const READ = 4
const own = { uid: process.getuid?.() ?? 0, gid: process.getgid?.() ?? 0 }
const stranger = { uid: 54321, gid: 54321 }
const member = { uid: 54321, gid: own.gid }

beforeAll(() => {
  chmodSync(root, 0o755)
  mkdirSync(inner, { recursive: true })
  writeFileSync(file, 'content')
  chmodSync(closed, 0o750)
  chmodSync(inner, 0o755)
  chmodSync(file, 0o750)
})
afterAll(() => rmSync(root, { recursive: true }))

describe('who reaches a file', () => {
  test('is told by owner, group and others, and by the folders on the way', () => {
    expect(firstUnreachable(file, own, READ)).toBeNull()
    expect(firstUnreachable(file, member, READ)).toBeNull()
    expect(firstUnreachable(file, stranger, READ)).toBe(closed)
    chmodSync(closed, 0o751)
    expect(firstUnreachable(file, stranger, READ)).toBe(file)
    chmodSync(closed, 0o750)
  })

  test('the owner is held to the rights of the owner, even where others have more', () => {
    chmodSync(file, 0o044)
    expect(firstUnreachable(file, own, READ)).toBe(file)
    chmodSync(file, 0o750)
  })

  test('a refusal names the folder that blocks and the command that opens it', () => {
    expect(() => requireReadable(inner, stranger)).toThrow(
      expect.objectContaining({ code: 'SANDBOX_UNAVAILABLE', hint: `chgrp 54321 ${closed} && chmod g+x ${closed}` }),
    )
    expect(() => requireWorkspace(inner, member)).toThrow(
      expect.objectContaining({ code: 'WORKSPACE_UNUSABLE', hint: expect.stringContaining(`chmod g+rwx ${inner}`) }),
    )
    expect(() => requireWorkspace(file, null)).toThrow(expect.objectContaining({ code: 'WORKSPACE_UNUSABLE' }))
    requireWorkspace(inner, own)
    requireReadable(inner, null)
  })

  test('what the system does not let the node look at is refused with a mend, and is no fault of the node', () => {
    const loop = join(root, 'loop')
    symlinkSync(loop, loop)
    const unavailable = { code: 'SANDBOX_UNAVAILABLE', hint: expect.stringContaining('namei -l') }
    expect(() => requireGitDir({ workspace: loop, gitDir: inner, drop: null })).toThrow(
      expect.objectContaining({ ...unavailable, message: expect.stringContaining(join(loop, '.git')) }),
    )
    expect(() => requireReadable(loop, own)).toThrow(expect.objectContaining(unavailable))
    expect(() => requireWorkspace(loop, null)).toThrow(expect.objectContaining({ code: 'WORKSPACE_UNUSABLE' }))
    expect(() => restoreWorkspaceMode({ workspace: loop, drop: null })).toThrow(
      expect.objectContaining({ code: 'SANDBOX_UNAVAILABLE', hint: expect.stringContaining(`chmod`) }),
    )
  })
})

describe('the mode of the workspace', () => {
  const folder = join(root, 'workspace')
  const modeAfter = (mode: number, drop: SandboxHost['drop'] = null): string => {
    chmodSync(folder, mode)
    restoreWorkspaceMode({ workspace: folder, drop })
    return (statSync(folder).mode & 0o7777).toString(8)
  }
  beforeAll(() => mkdirSync(folder))

  test('lets the node in and no other user write, whatever a command made of it', () => {
    expect([0o000, 0o777, 0o022, 0o1777].map((mode) => modeAfter(mode))).toEqual(['700', '755', '700', '1755'])
  })

  test('stays as the owner tightened it', () => {
    expect([0o700, 0o750, 0o755].map((mode) => modeAfter(mode))).toEqual(['700', '750', '755'])
  })

  test('is left alone where another user runs the commands and shares it by its group', () => {
    expect(modeAfter(0o2775, { to: stranger, setprivPath: '/usr/bin/setpriv' })).toBe('2775')
  })
})

describe('what the sandbox reads', () => {
  test('a program out of reach is copied, one within reach is not', async () => {
    const copy = join(root, 'bin/program')
    expect(await reachableProgram(file, copy, own)).toBe(file)
    expect(await reachableProgram(file, copy, null)).toBe(file)
    expect(await reachableProgram(file, copy, stranger)).toBe(copy)
    expect(readFileSync(copy, 'utf8')).toBe('content')
    expect(firstUnreachable(copy, stranger, READ)).toBeNull()
  })

  test('a copy is made anew when the original has another size or time, and only then', async () => {
    const copy = join(root, 'copy')
    await putCopy(file, copy)
    const made = statSync(copy).ino
    await putCopy(file, copy)
    expect(statSync(copy).ino).toBe(made)
    writeFileSync(file, 'CONTENT')
    utimesSync(file, 1_000_000, 1_000_000)
    await putCopy(file, copy)
    expect(readFileSync(copy, 'utf8')).toBe('CONTENT')
    writeFileSync(file, 'longer content')
    utimesSync(file, 1_000_000, 1_000_000)
    await putCopy(file, copy)
    expect(readFileSync(copy, 'utf8')).toBe('longer content')
  })

  test('a file that is the same already is not written again', async () => {
    const path = join(root, 'put')
    await putFile(path, 'one')
    const made = statSync(path).ino
    await putFile(path, 'one')
    expect(statSync(path).ino).toBe(made)
    await putFile(path, 'two')
    expect(readFileSync(path, 'utf8')).toBe('two')
    expect(statSync(path).mode & 0o777).toBe(0o644)
  })
})
