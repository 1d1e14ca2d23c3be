import { describe, expect, test } from 'bun:test'
import {
  chmodSync,
  chownSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describeWhen } from '../../test/helpers.ts'
import { takeLease } from '../agent/lease.ts'
import { openState } from '../agent/persistence.ts'
import { type Home, homePaths, prepareHome } from '../home.ts'

const isRoot = process.getuid?.() === 0
const SANDBOX_GROUP = 10_000

const withHome = (use: (home: Home) => void): void => {
  const folder = mkdtempSync(join(tmpdir(), 'plaited-home-'))
  try {
    use(homePaths(join(folder, 'home')))
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

const modeOf = (path: string): string => (statSync(path).mode & 0o7777).toString(8)

describe('a home', () => {
  test('holds nothing that other users may enter or read, the files of SQLite included', () => {
    withHome((home) => {
      prepareHome(home, null)
      const lease = takeLease(home.lease)
      const state = openState(home.state)
      expect([home.data, home.run, home.gitParent].map(modeOf)).toEqual(['700', '700', '700'])
      const files = [home.state, `${home.state}-wal`, `${home.state}-shm`, home.lease]
      expect(files.map(modeOf)).toEqual(['600', '600', '600', '600'])
      state.close()
      lease.release()
    })
  })

  test('whose data was open to others is closed at the next start', () => {
    withHome((home) => {
      mkdirSync(home.data, { recursive: true })
      chmodSync(home.data, 0o755)
      prepareHome(home, null)
      expect(modeOf(home.data)).toBe('700')
    })
  })

  test('whose workspace a command has closed, or opened to all, is mended at the next start', () => {
    withHome((home) => {
      mkdirSync(home.workspace, { recursive: true })
      for (const [found, mended] of [
        [0o000, '700'],
        [0o777, '755'],
      ] as const) {
        chmodSync(home.workspace, found)
        prepareHome(home, null)
        expect(modeOf(home.workspace)).toBe(mended)
      }
    })
  })

  test('lets the group of the sandbox walk through, and nobody read', () => {
    const group = isRoot ? SANDBOX_GROUP : (process.getgid?.() ?? 0)
    withHome((home) => {
      prepareHome(home, group)
      expect([home.data, home.gitParent].map(modeOf)).toEqual(['710', '710'])
      expect([home.data, home.gitParent].map((path) => statSync(path).gid)).toEqual([group, group])
      expect([modeOf(home.run), modeOf(home.state)]).toEqual(['700', '600'])
    })
  })

  test('can be prepared again, and keeps what it holds', () => {
    withHome((home) => {
      prepareHome(home, null)
      writeFileSync(join(home.data, 'mine'), 'kept')
      prepareHome(home, null)
      expect(statSync(join(home.data, 'mine')).size).toBe(4)
    })
  })

  test('that is a file, or below one, is refused with what to do', () => {
    withHome((home) => {
      writeFileSync(home.root, 'a file')
      const unusable = expect.objectContaining({ code: 'HOME_UNUSABLE', hint: expect.stringContaining('--home') })
      expect(() => prepareHome(home, null)).toThrow(unusable)
      expect(() => prepareHome(homePaths(join(home.root, 'below')), null)).toThrow(unusable)
    })
    withHome((home) => {
      mkdirSync(home.state, { recursive: true })
      expect(() => prepareHome(home, null)).toThrow(expect.objectContaining({ code: 'HOME_UNUSABLE' }))
    })
  })
})

describe('a home in the workspace of another one', () => {
  test('is refused at every depth, also as that workspace itself', () => {
    withHome((outer) => {
      prepareHome(outer, null)
      mkdirSync(join(outer.workspace, 'sub'), { recursive: true })
      for (const root of [outer.workspace, join(outer.workspace, 'new'), join(outer.workspace, 'sub/deep')]) {
        expect(() => prepareHome(homePaths(root), null)).toThrow(
          expect.objectContaining({
            code: 'HOME_UNUSABLE',
            message: expect.stringContaining(`the workspace of another home, ${outer.root}`),
            hint: expect.stringContaining(`a folder outside of ${outer.workspace} with --home`),
          }),
        )
      }
      expect(readdirSync(outer.workspace)).toEqual(['sub'])
      prepareHome(homePaths(join(outer.root, 'workspace-2')), null)
    })
  })

  test('is refused where that workspace is a link to a folder elsewhere', () => {
    withHome((outer) => {
      prepareHome(outer, null)
      const elsewhere = join(outer.root, '..', 'elsewhere')
      mkdirSync(elsewhere)
      symlinkSync(elsewhere, outer.workspace)
      prepareHome(homePaths(join(elsewhere, 'before')), null) // nothing tells that it is a workspace yet
      writeFileSync(join(elsewhere, '.git'), `gitdir: ${outer.gitDir}\n`)
      const unusable = expect.objectContaining({ code: 'HOME_UNUSABLE' })
      expect(() => prepareHome(homePaths(join(elsewhere, 'inner')), null)).toThrow(unusable)
    })
  })
})

describeWhen(isRoot, 'only root has a second user', 'a home of another user', () => {
  test('is refused with that user, and left as it is', () => {
    withHome((home) => {
      prepareHome(home, null)
      chownSync(home.state, 1, 1)
      chmodSync(home.data, 0o755)
      expect(() => prepareHome(home, null)).toThrow(
        expect.objectContaining({ code: 'HOME_UNUSABLE', hint: expect.stringContaining("sudo -u '#1'") }),
      )
      expect(modeOf(home.data)).toBe('755')
    })
  })
})

describeWhen(isRoot, 'only root has a second user', 'a folder of another user', () => {
  test('is no home for root, also when it holds no more than a config.env or lost its state', () => {
    withHome((home) => {
      mkdirSync(home.root)
      chownSync(home.root, 1, 1)
      expect(() => prepareHome(home, null)).toThrow(expect.objectContaining({ code: 'HOME_UNUSABLE' }))
      expect(readdirSync(home.root)).toEqual([])
    })
  })
})

const canMapOne = Bun.which('unshare') !== null && Bun.spawnSync(['unshare', '--map-root-user', 'true']).exitCode === 0

describeWhen(canMapOne, 'this host makes no user namespaces', 'a container that maps one id', () => {
  test('is told that the group of the sandbox is not in it', () => {
    withHome((home) => {
      const script = `
        import { homePaths, prepareHome } from '${import.meta.dir}/../home.ts'
        try { prepareHome(homePaths('${home.root}'), ${SANDBOX_GROUP}) } catch (error) { console.log(JSON.stringify(error)) }`
      const { stdout } = Bun.spawnSync(['unshare', '--map-root-user', process.execPath, '-e', script])
      expect(JSON.parse(stdout.toString())).toMatchObject({
        code: 'HOME_UNUSABLE',
        hint: expect.stringContaining('/etc/subgid'),
      })
    })
  })
})
