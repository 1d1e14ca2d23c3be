import { describe, expect, test } from 'bun:test'
import {
  chmodSync,
  existsSync,
  mkdirSync,
  readlinkSync,
  rmSync,
  statSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { FILE_BYTES_MAX } from '../large-files.ts'
import type { PendingChange } from '../workspace.types.ts'
import { createOpenedFixture, type Fixture } from './workspace-fixture.ts'

/** A turn whose `paths` must not stay; also what its review was asked about. */
const reviewed = async (fixture: Fixture, ...paths: readonly string[]) => {
  const asked: PendingChange[] = []
  const result = await fixture.repo.commitTurn({
    ...{ id: 't2', intent: 'do it', reason: 'asked' },
    review: async (changes) => {
      asked.push(...changes)
      return new Set(paths)
    },
  })
  return { ...result, asked: new Map(asked.map((change) => [change.path, change])) }
}

/** A turn has begun: what the owner did is committed. */
const begun = async (...files: readonly (readonly [path: string, text: string])[]) => {
  const fixture = await createOpenedFixture()
  for (const [path, text] of files) await fixture.write(path, text)
  await fixture.repo.commitOwnerEdits()
  return { ...fixture, at: (path: string) => join(fixture.worktree, path) }
}

describe('the review of a turn', () => {
  test('is asked about each change with size and mode', async () => {
    using fixture = await begun(['a.txt', 'a'], ['b.txt', 'b'])
    rmSync(fixture.at('a.txt'))
    chmodSync(fixture.at('b.txt'), 0o755)
    await fixture.write('sub/c.txt', 'four')
    const { asked, commit } = await reviewed(fixture)
    expect([...asked.values()]).toEqual([
      { path: 'a.txt', change: 'deleted', bytes: 0, executable: false, ignored: false },
      { path: 'b.txt', change: 'modified', bytes: 1, executable: true, ignored: false },
      { path: 'sub/c.txt', change: 'added', bytes: 4, executable: false, ignored: false },
    ])
    expect(commit?.files).toHaveLength(3)
  })

  test('has what it refuses put back, and the rest committed', async () => {
    using fixture = await begun(['changed', '1'], ['gone', '1'], ['mode', '1'], ['folder/file', '1'])
    symlinkSync('target', fixture.at('link'))
    await fixture.repo.commitOwnerEdits()
    await fixture.write('changed', '2')
    rmSync(fixture.at('gone'))
    chmodSync(fixture.at('mode'), 0o755)
    rmSync(fixture.at('link'))
    await fixture.write('link', 'a file')
    rmSync(fixture.at('folder'), { recursive: true })
    symlinkSync('/etc', fixture.at('folder'))
    await fixture.write('new/\n"ü', '2')
    await fixture.write('fine', '2')
    const paths = ['changed', 'gone', 'mode', 'link', 'folder', 'folder/file', 'new/\n"ü']
    const { commit, putBack } = await reviewed(fixture, ...paths)
    expect(commit?.files).toEqual([{ path: 'fine', change: 'added' }])
    expect([putBack.paths.toSorted(), putBack.kept]).toEqual([paths.toSorted(), []])
    expect([await fixture.read('changed'), await fixture.read('gone'), await fixture.read('folder/file')]).toEqual([
      '1',
      '1',
      '1',
    ])
    expect(readlinkSync(fixture.at('link'))).toBe('target')
    expect(existsSync(fixture.at('new/\n"ü'))).toBe(false)
    expect(fixture.faults()).toBe('')
  })

  test('makes no commit when it refuses everything', async () => {
    using fixture = await begun()
    await fixture.write('a', '1')
    expect(await reviewed(fixture, 'a')).toMatchObject({ commit: null, putBack: { paths: ['a'] } })
    expect(fixture.ownerGit('rev-list', '--count', 'HEAD')).toBe('1')
  })

  test('wins over folders that were closed to writing', async () => {
    using fixture = await begun(['stored/a', '1'])
    await fixture.write('stored/a', '2')
    await fixture.write('closed/deep/b', '2')
    for (const path of ['stored', 'closed/deep', 'closed']) chmodSync(fixture.at(path), 0o555)
    const { commit, putBack } = await reviewed(fixture, 'stored/a', 'closed/deep/b')
    expect([commit, putBack.kept]).toEqual([null, []])
    expect(await fixture.read('stored/a')).toBe('1')
    expect(existsSync(fixture.at('closed/deep/b'))).toBe(false)
  })

  test('lets a stored file take back its place from a folder', async () => {
    using fixture = await begun(['x', '1'])
    rmSync(fixture.at('x'))
    await fixture.write('x/deep/y', '2')
    await reviewed(fixture, 'x')
    expect(await fixture.read('x')).toBe('1')
  })
})

describe('an ignored file', () => {
  const IGNORE = ['.gitignore', '.env\nsecrets/\n'] as const

  test('that is new is asked about, and removed when it must not be', async () => {
    using fixture = await begun(IGNORE)
    await fixture.write('.env', 'x')
    await fixture.write('secrets/key', 'x')
    const { asked, putBack, leftOut } = await reviewed(fixture, '.env', 'secrets/key')
    expect(asked.get('.env')).toEqual({ path: '.env', change: 'added', bytes: 1, executable: false, ignored: true })
    expect(putBack.paths.toSorted()).toEqual(['.env', 'secrets/key'])
    expect([existsSync(fixture.at('.env')), existsSync(fixture.at('secrets')), leftOut]).toEqual([false, false, []])
  })

  test('that was there before is asked about when it was touched, and never removed', async () => {
    using fixture = await begun(IGNORE, ['.env', 'mine'], ['secrets/key', 'mine'])
    await fixture.write('.env', 'x')
    const { asked, putBack } = await reviewed(fixture, '.env', 'secrets')
    expect([...asked.keys()]).toEqual(['.env'])
    expect(putBack).toMatchObject({ paths: [], kept: ['.env'] })
    expect(await fixture.read('.env')).toBe('x')
  })

  test('that was deleted is asked about', async () => {
    using fixture = await begun(IGNORE, ['.env', 'mine'])
    rmSync(fixture.at('.env'))
    const { asked, putBack } = await reviewed(fixture, '.env')
    expect(asked.get('.env')?.change).toBe('deleted')
    expect(putBack.kept).toEqual(['.env'])
  })

  test('that is ignored no longer is nobody’s change, and never removed', async () => {
    using fixture = await begun(IGNORE, ['.env', 'mine'], ['secrets/key', 'mine'])
    rmSync(fixture.at('.gitignore'))
    const { asked, putBack } = await reviewed(fixture, '.env', 'secrets/key')
    expect([...asked.keys()]).toEqual(['.gitignore'])
    expect(putBack).toMatchObject({ paths: [], kept: [] })
    expect([await fixture.read('.env'), await fixture.read('secrets/key')]).toEqual(['mine', 'mine'])
  })
})

describe('a file in an ignored folder', () => {
  const IGNORE = ['.gitignore', 'cache/\n'] as const
  const TOO_MANY = 5_001

  test('is asked about by its own name: new ones go, others are named when they changed or went', async () => {
    using fixture = await begun(IGNORE, ['cache/a', '1'], ['cache/deep/b', '1'], ['cache/c', '1'])
    await fixture.write('cache/a', '2')
    rmSync(fixture.at('cache/deep/b'))
    await fixture.write('cache/deep/er/d', '2')
    const paths = ['cache/a', 'cache/deep/b', 'cache/deep/er/d']
    const { asked, putBack } = await reviewed(fixture, ...paths)
    expect([...asked.values()].map(({ path, change }) => [path, change])).toEqual([
      ['cache/a', 'modified'],
      ['cache/deep/b', 'deleted'],
      ['cache/deep/er/d', 'added'],
    ])
    expect(putBack).toMatchObject({ paths: ['cache/deep/er/d'], kept: ['cache/a', 'cache/deep/b'] })
    expect([existsSync(fixture.at('cache/deep/er')), existsSync(fixture.at('cache/deep'))]).toEqual([false, true])
  })

  test('is not followed through a link to a folder', async () => {
    using fixture = await begun(['.gitignore', 'cache\n'], ['elsewhere/a', '1'])
    symlinkSync('elsewhere', fixture.at('cache'))
    const { asked } = await reviewed(fixture)
    expect([...asked.keys()]).toEqual(['cache'])
  })

  test('counts as its folder where there are too many, and nothing of the owner is removed for that', async () => {
    using fixture = await begun(IGNORE, ['cache/mine', '1'])
    for (let index = 0; index < TOO_MANY; index++) writeFileSync(fixture.at(`cache/${index}`), '')
    const { asked, putBack } = await reviewed(fixture, 'cache')
    expect([...asked.values()].map(({ path, change }) => [path, change])).toEqual([['cache', 'modified']])
    expect(putBack).toMatchObject({ paths: [], kept: ['cache'] })
    expect(await fixture.read('cache/mine')).toBe('1')
  })

  test('is nobody’s change when others went and now all of them fit', async () => {
    using fixture = await begun(IGNORE, ['cache/mine', '1'])
    for (let index = 0; index < TOO_MANY; index++) writeFileSync(fixture.at(`cache/${index}`), '')
    await fixture.repo.commitOwnerEdits()
    for (let index = 0; index < TOO_MANY; index++) rmSync(fixture.at(`cache/${index}`))
    const { asked, putBack } = await reviewed(fixture, 'cache', 'cache/mine')
    expect([...asked.keys()]).toEqual(['cache'])
    expect([putBack.paths, existsSync(fixture.at('cache/mine'))]).toEqual([[], true])
  })
})

describe('a file that is put back', () => {
  test('is as closed as it was, whatever became of it, and never wider', async () => {
    const modes = { a: 0o600, b: 0o640, c: 0o400, d: 0o644, 'e.sh': 0o700, 'f.sh': 0o755 }
    const names = Object.keys(modes)
    using fixture = await begun()
    for (const name of names) await fixture.write(name, '1')
    for (const [name, mode] of Object.entries(modes)) chmodSync(fixture.at(name), mode)
    await fixture.repo.commitOwnerEdits()
    for (const name of names) {
      rmSync(fixture.at(name))
      if (name !== 'a') await fixture.write(name, '2')
    }
    const { putBack } = await reviewed(fixture, ...names)
    expect(putBack.paths.toSorted()).toEqual(names)
    const found = names.map((name) => [name, statSync(fixture.at(name)).mode & 0o777] as const)
    expect(Object.fromEntries(found)).toEqual(modes)
  })

  test('is closed to others where nobody knows how it was', async () => {
    using fixture = await begun(['a', '1'])
    const again = { ...fixture, repo: fixture.reopen() }
    await fixture.write('a', '2')
    await reviewed(again, 'a')
    expect([await fixture.read('a'), statSync(fixture.at('a')).mode & 0o777]).toEqual(['1', 0o600])
  })

  test('leaves no folder that was made for it, and those that were there', async () => {
    using fixture = await begun()
    mkdirSync(fixture.at('mine/empty'), { recursive: true })
    await fixture.repo.commitOwnerEdits()
    await fixture.write('mine/empty/new/a', '1')
    await fixture.write('made/for/a', '1')
    await reviewed(fixture, 'mine/empty/new/a', 'made/for/a')
    const left = ['made', 'mine/empty/new', 'mine/empty'].filter((path) => existsSync(fixture.at(path)))
    expect(left).toEqual(['mine/empty'])
  })
})

describe('what git does not see', () => {
  test('is judged by its name and named: a FIFO, and the .git of a nested repository', async () => {
    using fixture = await begun()
    Bun.spawnSync(['sh', '-c', 'mkfifo bad.env kept; mkdir sub; git init -q sub; echo x >sub/a'], {
      cwd: fixture.worktree,
    })
    const { asked, putBack, leftOut } = await reviewed(fixture, 'bad.env')
    expect([...asked.keys()].toSorted()).toEqual(['bad.env', 'kept', 'sub/a'])
    expect([putBack.paths, existsSync(fixture.at('bad.env'))]).toEqual([['bad.env'], false])
    expect(leftOut).toEqual(['kept', 'sub/.git'])
  })

  test('is opened for the look: a folder that a command closed, and no folder of the owner', async () => {
    using fixture = await begun(['hid/old.env', '1'])
    mkdirSync(fixture.at('private'), { mode: 0o000 })
    await fixture.repo.commitOwnerEdits()
    await fixture.write('hid/old.env', '2')
    await fixture.write('hid/in/new.env', '2')
    for (const path of ['hid/in', 'hid']) chmodSync(fixture.at(path), 0o000)
    const { asked, putBack, commit } = await reviewed(fixture, 'hid/old.env', 'hid/in/new.env')
    expect([...asked.keys()].toSorted()).toEqual(['hid/in/new.env', 'hid/old.env'])
    expect([putBack.kept, commit, await fixture.read('hid/old.env')]).toEqual([[], null, '1'])
    expect(statSync(fixture.at('private')).mode & 0o777).toBe(0)
    chmodSync(fixture.at('private'), 0o700) // so that it can be removed
    expect(statSync(fixture.at('hid')).mode & 0o700).toBe(0o700)
  })
})

describe('a file over the limit', () => {
  const large = (path: string, bytes = FILE_BYTES_MAX + 1) => {
    writeFileSync(path, '')
    truncateSync(path, bytes)
  }

  test('is left out and named with its size, also beside a file that git refuses', async () => {
    using fixture = await begun()
    large(fixture.at('big\u00fc.bin'))
    large(fixture.at('fits.bin'), 1_000)
    const first = await reviewed(fixture)
    expect(first.commit?.files).toEqual([{ path: 'fits.bin', change: 'added' }])
    expect(first.leftOut).toEqual(['big\u00fc.bin (101 MiB, over the limit of 100 MiB)'])
    expect(first.asked.get('big\u00fc.bin')?.bytes).toBe(FILE_BYTES_MAX + 1)
    await fixture.write('git~1', 'refused')
    await fixture.write('more', 'x')
    const { commit, leftOut } = await reviewed(fixture)
    expect(commit?.files).toEqual([{ path: 'more', change: 'added' }])
    expect(leftOut[0]).toStartWith('big\u00fc.bin (')
    expect(leftOut).toContain('git~1')
    expect(fixture.ownerGit('ls-files')).not.toContain('big')
  })

  test('can be put back to what it was', async () => {
    using fixture = await begun(['grows', 'small'])
    large(fixture.at('grows'))
    large(fixture.at('new'))
    expect((await reviewed(fixture, 'grows', 'new')).putBack.paths).toEqual(['grows', 'new'])
    expect(await fixture.read('grows')).toBe('small')
    expect(existsSync(fixture.at('new'))).toBe(false)
  })

  test('alone makes no commit, and no undo touches it', async () => {
    using fixture = await begun(['grows', 'small'])
    await fixture.write('grows', 'of the turn')
    await fixture.turn('t1')
    large(fixture.at('grows'))
    expect((await reviewed(fixture)).commit).toBeNull()
    await expect(fixture.repo.undo(null)).rejects.toMatchObject({ code: 'WORKSPACE_CONFLICT' })
    expect(Bun.file(fixture.at('grows')).size).toBe(FILE_BYTES_MAX + 1)
  })
})

test('whole outputs that the sandbox keeps are neither committed nor told', async () => {
  using fixture = await begun()
  await fixture.write('.plaited/out/1.txt', 'long')
  const { asked, ...result } = await reviewed(fixture)
  expect([result, [...asked.keys()]]).toMatchObject([{ commit: null, leftOut: [] }, []])
})

test('what else is put beside whole outputs is judged', async () => {
  using fixture = await begun()
  await fixture.write('.plaited/out/x.env', 'hidden')
  expect((await reviewed(fixture, '.plaited/out/x.env')).putBack.paths).toEqual(['.plaited/out/x.env'])
  expect(existsSync(fixture.at('.plaited/out/x.env'))).toBe(false)
})

test('1,000 refused files are put back in one go', async () => {
  using fixture = await begun(['stored', '1'])
  const paths = Array.from({ length: 1_000 }, (_, index) => `new/${index % 10}/${index}`)
  for (let folder = 0; folder < 10; folder++) mkdirSync(fixture.at(`new/${folder}`), { recursive: true })
  for (const path of paths) writeFileSync(fixture.at(path), '')
  const { commit, putBack } = await reviewed(fixture, ...paths)
  expect([commit, putBack.paths.length, putBack.kept]).toEqual([null, 1_000, []])
})
