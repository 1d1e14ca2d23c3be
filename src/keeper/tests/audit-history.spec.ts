import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { generateKeyPairSync } from 'node:crypto'
import {
  chmodSync,
  chownSync,
  cpSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { dirname, join } from 'node:path'
import { describeWhen } from '../../../test/helpers.ts'
import { auditHistory, auditHistoryNow } from '../../constraint-history/audit-history.ts'
import { encodeTree, objectId, writeObject } from '../../constraint-history/git-objects.ts'
import type { Anchor, AuditOptions } from '../../constraint-history/history.types.ts'
import { beginKeyHistory } from '../../constraint-history/key-history.ts'
import { gitDirOf, readBranch, writeBranch } from '../../constraint-history/repository.ts'
import { encodeCommit } from '../../constraint-history/signed-commit.ts'
import { createSigner, type Signer } from '../../constraint-history/ssh-signature.ts'
import { treeOf } from '../complete-append.ts'
import { readKey } from '../keeper-key.ts'
import { createTestHome, git, request, ruleText, type TestHome } from './keeper-fixture.ts'

const audit = ({ folders }: TestHome, more: Partial<AuditOptions> = {}) =>
  auditHistoryNow({ folder: folders.constraints, anchor: null, ...more })

/** What the audit says, without the mends. */
const whatIn = (home: TestHome, more: Partial<AuditOptions> = {}) =>
  audit(home, more)
    .faults.map(({ what }) =>
      what.replaceAll(`${home.folders.constraints}/`, '').replace(/commit [0-9a-f]{12}/, 'commit'),
    )
    .sort()

/** With the two shipped rules and one more: made once, because signing waits for the disk. */
const template = createTestHome()
beforeAll(() => void template.open().handle(request('no-pay')))
afterAll(() => template[Symbol.dispose]())

const openHome = () => createTestHome(template)

const newestOf = (home: TestHome): Anchor => {
  const { head } = audit(home)
  if (head === null) throw new Error('no history')
  return head
}

/** Writes a commit over the files as they would then be, signed by `signer`, and makes it the newest. */
const forge = (
  home: TestHome,
  change: (files: Map<string, string>) => void,
  { signer, parents }: { readonly signer?: Signer; readonly parents?: readonly string[] } = {},
): void => {
  const folder = home.folders.constraints
  const gitDir = gitDirOf(folder)
  const head = readBranch(folder)
  const files = new Map(treeOf(folder, head))
  change(files)
  for (const name of readdirSync(folder)) if (name !== '.git' && !files.has(name)) rmSync(join(folder, name))
  const tree = writeObject(gitDir, 'tree', encodeTree(files))
  const commit = { tree, parent: head, at: home.clock.now(), message: 'forged\n' }
  const bytes = encodeCommit(commit, signer ?? readKey(home.folders.keys)).toString()
  const lines = (parents ?? []).map((id) => `parent ${id}\n`).join('')
  writeBranch(folder, writeObject(gitDir, 'commit', Buffer.from(parents ? bytes.replace(/parent .*\n/, lines) : bytes)))
}

/** A file as a commit and the folder both have it. */
const put = (home: TestHome, name: string, content: string) => (files: Map<string, string>) => {
  writeFileSync(home.path(name), content)
  files.set(name, writeObject(gitDirOf(home.folders.constraints), 'blob', Buffer.from(content)))
}

describe('files that are not what was signed', () => {
  test.each<[string, (home: TestHome) => void, string[]]>([
    ['an edited file', (home) => writeFileSync(home.path('first.ts'), '//'), ['first.ts is not what was signed']],
    ['an edited record', (home) => writeFileSync(home.path('first.json'), '{}'), ['first.json is not what was signed']],
    ['a missing file', (home) => rmSync(home.path('first.ts')), ['first.ts is missing']],
    ['an extra file', (home) => writeFileSync(home.path('x.ts'), ruleText('x')), ['x.ts was never signed']],
    ['an extra folder', (home) => mkdirSync(home.path('x')), ['x was never signed']],
    [
      'a file that was renamed',
      (home) => renameSync(home.path('first.ts'), home.path('x.ts')),
      ['first.ts is missing', 'x.ts was never signed'],
    ],
    [
      'two files that changed places',
      (home) => {
        renameSync(home.path('first.ts'), home.path('x'))
        renameSync(home.path('second.ts'), home.path('first.ts'))
        renameSync(home.path('x'), home.path('second.ts'))
      },
      ['first.ts is not what was signed', 'second.ts is not what was signed'],
    ],
    [
      'a link to the same content',
      (home) => {
        renameSync(home.path('first.ts'), join(home.root, 'elsewhere.ts'))
        symlinkSync(join(home.root, 'elsewhere.ts'), home.path('first.ts'))
      },
      ['first.ts is not a regular file'],
    ],
    [
      'a retirement that nobody signed',
      (home) => writeFileSync(home.path('first.retired.json'), '{}'),
      ['first.retired.json was never signed'],
    ],
  ])('%s is named', (_, change, faults) => {
    using home = openHome()
    change(home)
    expect(whatIn(home)).toEqual(faults)
  })

  test('thousands of them are told in twenty', () => {
    using home = openHome()
    for (let name = 0; name < 100; name++) writeFileSync(home.path(`${name}.ts`), '')
    expect(audit(home).faults).toHaveLength(20)
  })
})

describe('a history that is not append-only and signed', () => {
  test.each<[string, (home: TestHome) => void, string[]]>([
    [
      'a rule that is changed, signed by the right key',
      (home) => forge(home, put(home, 'first.ts', '// nothing')),
      ['commit of the rules changes first.ts'],
    ],
    [
      'a rule that is removed, signed by the right key',
      (home) =>
        forge(home, (files) => {
          for (const name of ['first.ts', 'first.json']) files.delete(name)
        }),
      ['commit of the rules removes first.json', 'commit of the rules removes first.ts'],
    ],
    [
      'a rule that comes with another change',
      (home) =>
        forge(home, (files) => {
          for (const name of ['x.json', 'x.ts', 'first.ts']) put(home, name, name)(files)
        }),
      ['commit of the rules changes first.ts'],
    ],
    [
      'a rule without a record',
      (home) => forge(home, put(home, 'x.ts', ruleText('x'))),
      ['commit of the rules adds x.ts, which is not one rule'],
    ],
    [
      'a retirement of a rule that is not there',
      (home) => forge(home, put(home, 'x.retired.json', '{}')),
      ['commit of the rules adds x.retired.json, which is not one rule'],
    ],
    ['a commit that does nothing', (home) => forge(home, () => {}), ['commit of the rules adds more than one rule']],
    [
      'a rule signed by another key',
      (home) => {
        const signer = createSigner(generateKeyPairSync('ed25519').privateKey)
        const add = (files: Map<string, string>) => {
          for (const name of ['x.json', 'x.ts']) put(home, name, name)(files)
        }
        forge(home, add, { signer })
      },
      ['commit of the rules is not signed by a key of this node'],
    ],
    [
      'two parents',
      (home) => {
        const { head } = newestOf(home)
        forge(home, put(home, 'x.ts', 'x'), { parents: [head, head] })
      },
      // Another parent line is another text than was signed.
      ['commit of the rules is not signed by a key of this node'],
    ],
  ])('%s is named', (_, change, faults) => {
    using home = openHome()
    change(home)
    expect(whatIn(home)).toEqual(faults)
  })

  test('a history of another key, with a key history to match, does not hold what this node has seen', () => {
    using home = openHome()
    using other = createTestHome()
    other.open()
    const anchor = newestOf(home)
    rmSync(home.folders.constraints, { recursive: true })
    cpSync(other.folders.constraints, home.folders.constraints, { recursive: true })
    expect(audit(home).faults).toEqual([])
    expect(whatIn(home, { anchor })).toEqual([expect.stringContaining('was set back or rewritten')])
  })

  test('another key slipped into the key history is not believed', () => {
    using home = openHome()
    const path = home.path('.git/constraint-keys.json')
    const keys = JSON.parse(readFileSync(path, 'utf8'))
    const other = beginKeyHistory(createSigner(generateKeyPairSync('ed25519').privateKey), 2)
    writeFileSync(path, JSON.stringify({ ...keys, keys: [...keys.keys, ...other.keys] }))
    expect(whatIn(home)).toEqual(['.git/constraint-keys.json was changed'])
    writeFileSync(path, JSON.stringify(other))
    expect(whatIn(home)).toHaveLength(4) // each commit, and the keys for git
  })

  test('a commit, tree or branch that is damaged or gone is named', () => {
    using home = openHome()
    const { head } = newestOf(home)
    const path = home.path(`.git/objects/${head.slice(0, 2)}/${head.slice(2)}`)
    const bytes = readFileSync(path)
    rmSync(path)
    expect(whatIn(home)).toEqual([expect.stringContaining('missing, packed or damaged')])
    writeFileSync(path, bytes.subarray(1))
    expect(whatIn(home)).toEqual([expect.stringContaining('missing, packed or damaged')])
    writeFileSync(path, bytes)
    writeFileSync(home.path('.git/refs/heads/main'), 'x')
    expect(whatIn(home)).toEqual(['.git/refs/heads/main was changed'])
    rmSync(home.path('.git'), { recursive: true })
    expect(whatIn(home)).toEqual([expect.stringContaining('are not signed')])
    expect(whatIn(home, { anchor: { head, count: 3 } })).toEqual([expect.stringContaining('is gone: 3 commits')])
  })
})

describe('a repository that is not as the keeper laid it out', () => {
  const repository = (name: string) => (home: TestHome) => home.path(`.git/${name}`)
  test.each(['config', 'HEAD', 'allowed_signers'])('a changed %s is named', (name) => {
    using home = openHome()
    const path = repository(name)(home)
    const text = readFileSync(path, 'utf8')
    writeFileSync(path, `${text}\n`)
    expect(whatIn(home)).toEqual([`.git/${name} was changed`])
    rmSync(path)
    expect(whatIn(home)).toEqual([`.git/${name} was changed`])
  })

  test.each([
    'hooks/post-commit',
    'info/attributes',
    'packed-refs',
    'refs/tags/v1',
    'refs/heads/other',
    'refs/replace/x',
    'logs/HEAD',
    'worktrees/w',
  ])('%s is named', (name) => {
    using home = openHome()
    const path = repository(name)(home)
    mkdirSync(dirname(path), { recursive: true })
    writeFileSync(path, '')
    const [fault] = whatIn(home)
    expect(fault).toEndWith(' was not put there by the keeper')
    expect(`.git/${name}`).toStartWith(fault?.split(' ')[0] ?? '-')
  })

  test('a file that the history could not give back is named', () => {
    using home = openHome()
    const { constraints } = home.folders
    const id = treeOf(constraints, readBranch(constraints)).get('first.ts') ?? ''
    const path = repository(`objects/${id.slice(0, 2)}/${id.slice(2)}`)(home)
    const bytes = readFileSync(path)
    rmSync(path)
    expect(whatIn(home)).toEqual([expect.stringContaining('has lost first.ts')])
    writeFileSync(path, bytes.subarray(1))
    expect(whatIn(home)).toEqual([expect.stringContaining('has lost first.ts')])
  })

  test('what a kill left of a file is none of that', () => {
    using home = openHome()
    for (const name of ['staged', 'config.new', 'refs/heads/main.new']) writeFileSync(repository(name)(home), '')
    expect(whatIn(home)).toEqual([])
  })
})

describe('the anchor', () => {
  test('is found again when rules were added since', () => {
    using home = openHome()
    const anchor = newestOf(home)
    home.open().handle(request('more'))
    for (const sinceAnchor of [false, true])
      expect(audit(home, { anchor, sinceAnchor })).toMatchObject({ faults: [], head: { count: 4 } })
  })

  test('finds a history that was set back, files and all', () => {
    using home = openHome()
    const older = join(home.root, 'older')
    cpSync(home.folders.constraints, older, { recursive: true })
    home.open().handle(request('more'))
    const anchor = newestOf(home)
    rmSync(home.folders.constraints, { recursive: true })
    renameSync(older, home.folders.constraints)
    expect(audit(home).faults).toEqual([])
    for (const sinceAnchor of [false, true]) {
      const [fault] = whatIn(home, { anchor, sinceAnchor })
      expect(fault).toContain('this node has seen 4 commits')
      expect(fault).toContain('finds 3')
    }
  })

  test('with another number of commits is not the same history', () => {
    using home = openHome()
    const { head, count } = newestOf(home)
    expect(whatIn(home, { anchor: { head, count: count + 1 } })).toHaveLength(1)
  })
})

describe('an audit of many rules', () => {
  test('lets others have their turn, and one that follows walks only what is new', async () => {
    using home = openHome()
    const keeper = home.open()
    for (let rule = 0; rule < 17; rule++) keeper.handle(request(`rule-${rule}`))
    let turns = 0
    const others = setInterval(() => turns++, 0)
    setImmediate(() => turns++)
    const report = await auditHistory({ folder: home.folders.constraints, anchor: null })
    const meanwhile = turns
    clearInterval(others)
    expect(report).toMatchObject({ faults: [], head: { count: 20 } })
    expect(meanwhile).toBeGreaterThan(0)
    // What lies before the anchor is not read: it may even be gone.
    for (const folder of readdirSync(home.path('.git/objects'))) {
      const newest = [report.head?.head, objectIdOfTree(home)].some((id) => id?.startsWith(folder))
      if (!newest) rmSync(home.path(`.git/objects/${folder}`), { recursive: true })
    }
    expect(audit(home, { anchor: report.head, sinceAnchor: true })).toMatchObject({ faults: [], head: { count: 20 } })
    expect(audit(home).faults).not.toEqual([])
  })
})

const objectIdOfTree = ({ folders }: TestHome): string => {
  const files = treeOf(folders.constraints, readBranch(folders.constraints))
  return objectId('tree', encodeTree(files))
}

describeWhen(process.getuid?.() === 0, 'not root', 'with a keeper of another user', () => {
  test('a file or folder that others than root could change is named', () => {
    using home = openHome()
    expect(whatIn(home, { ownedByRoot: true })).toEqual([])
    chownSync(home.path('first.ts'), 10_001, 10_000)
    chmodSync(home.path('second.ts'), 0o664)
    chmodSync(home.folders.constraints, 0o777)
    chownSync(home.path('.git/refs'), 10_001, 10_000)
    expect(whatIn(home, { ownedByRoot: true })).toEqual([
      'others than root can change .git/refs',
      `others than root can change ${home.folders.constraints}`,
      'others than root can change first.ts',
      'others than root can change second.ts',
    ])
  })
})

describeWhen(Bun.which('git') !== null, 'git is not installed', 'objects, to git', () => {
  test('are not packed or pruned by it', () => {
    using home = openHome()
    for (const words of [
      ['gc', '--prune=now'],
      ['repack', '-a'],
      ['prune', '--expire=now'],
    ])
      git(home.folders.constraints, ...words)
    expect(audit(home).faults).toEqual([])
    git(home.folders.constraints, 'pack-refs', '--all')
    expect(whatIn(home)).toEqual(['.git/refs/heads/main was changed'])
    expect(home.open().handle(request('more'))).toMatchObject({ ok: false, code: 'RULES_TAMPERED' })
  })

  test('have the names that git gives them', () => {
    using home = openHome()
    const { constraints } = home.folders
    const { text } = git(constraints, 'ls-tree', 'HEAD')
    const listed = new Map(
      text
        .trim()
        .split('\n')
        .map((line) => [line.split('\t')[1] ?? '', line.split(/\s/)[2] ?? '']),
    )
    expect(new Map(treeOf(constraints, readBranch(constraints)))).toEqual(listed)
    expect(git(constraints, 'rev-parse', 'HEAD^{tree}').text.trim()).toBe(objectIdOfTree(home))
  })
})
