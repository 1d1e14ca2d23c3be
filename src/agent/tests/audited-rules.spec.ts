import { describe, expect, test } from 'bun:test'
import { generateKeyPairSync } from 'node:crypto'
import { cpSync, mkdirSync, readFileSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { signPlan, writePending } from '../../constraint-history/pending-append.ts'
import { createSigner } from '../../constraint-history/ssh-signature.ts'
import { createTestHome, request, type TestHome } from '../../keeper/tests/keeper-fixture.ts'
import { createAuditedRules } from '../audited-rules.ts'
import { loadRules, readRuleHistories } from '../constraint-store.ts'
import { openLiveRules } from '../live-rules.ts'
import { createRuleAnchor } from '../rule-anchor.ts'
import { createTestState, type TestState } from './state-fixture.ts'

const openRules = async (home: TestHome, store: TestState) => {
  const folder = home.folders.constraints
  const anchor = createRuleAnchor(store.state(), store.clock)
  const rules = await openLiveRules(folder)
  const audited = await createAuditedRules({ folder, rules, anchor, ownedByRoot: false })
  return { ...audited, anchor, keys: () => audited.current().rules.map(({ key }) => key) }
}

const REFUSING = 'tampered-rules'

describe('rules in force', () => {
  test('are not taken out of force by a retirement and a plan that somebody planted', async () => {
    using home = createTestHome()
    using store = createTestState()
    const { head } = home.open().retire({ name: 'second', who: 'user 0', reason: 'it was wrong' })
    const folder = home.folders.constraints
    const content = readFileSync(home.path('second.retired.json'), 'utf8').replaceAll('second', 'first')
    const files = [{ name: 'first.retired.json', content }]
    const stranger = createSigner(generateKeyPairSync('ed25519').privateKey)
    writePending(folder, signPlan({ v: 1, parent: head, at: 1, message: 'retire first\n', files }, stranger))
    writeFileSync(home.path('first.retired.json'), content)
    expect(loadRules(folder).rules.map(({ key }) => key)).toEqual(['first#first'])
    expect(readRuleHistories(folder).get('first')?.retirement).toBeNull()
    expect((await openRules(home, store)).keys()).toEqual([REFUSING, 'first#first'])
  })

  test('are those of a rule that is being retired until its retirement is committed', async () => {
    using home = createTestHome()
    using store = createTestState()
    home.open()
    const rules = await openRules(home, store)
    const seen: unknown[] = []
    const keeper = home.open({ atPoint: (point) => seen.push([point, rules.keys().length]) })
    keeper.retire({ name: 'first', who: 'user 0', reason: 'it was wrong' })
    expect(seen).toEqual([
      ...[
        ['planned', 2],
        ['record', 2],
        ['objects', 2],
        ['branch', 1],
        ['done', 1],
      ],
    ])
  })

  test('are those that were signed, and one that is added holds at once', async () => {
    using home = createTestHome()
    using store = createTestState()
    const keeper = home.open()
    const rules = await openRules(home, store)
    expect(rules.keys()).toEqual(['first#first', 'second#second'])
    keeper.handle(request('third'))
    expect(rules.keys()).toEqual(['first#first', 'second#second', 'third#added'])
    expect(rules.anchor.read()).toEqual(rules.audit().head)
    expect(rules.audit()).toMatchObject({ faults: [], head: { count: 3 } })
    expect(rules.current()).toBe(rules.current())
  })

  test('are not those that are retired', async () => {
    using home = createTestHome()
    using store = createTestState()
    home.open().retire({ name: 'first', who: 'user 0', reason: 'it was wrong' })
    expect((await openRules(home, store)).keys()).toEqual(['second#second'])
    expect(readRuleHistories(home.folders.constraints).get('first')).toMatchObject({
      record: { who: 'plaited' },
      retirement: { who: 'user 0', reason: 'it was wrong' },
    })
    home.open().retire({ name: 'second', who: 'user 0', reason: 'it too' })
    expect(loadRules(home.folders.constraints).rules).toEqual([])
  })

  test('refuse while a file differs: everything is refused with what differs, until it is put back', async () => {
    using home = createTestHome()
    using store = createTestState()
    home.open()
    const rules = await openRules(home, store)
    const text = readFileSync(home.path('first.ts'))
    for (const change of [
      () => writeFileSync(home.path('first.ts'), `${text}\n// and more`),
      () => writeFileSync(home.path('extra.ts'), text),
      () => rmSync(home.path('second.ts')),
    ]) {
      using other = createTestHome()
      cpSync(home.folders.constraints, other.folders.constraints, { recursive: true })
      change()
      expect(rules.keys()[0]).toBe(REFUSING)
      expect(rules.current().rules[0]?.sentence).toMatch(/(first|extra|second)\.ts/)
      rmSync(home.folders.constraints, { recursive: true })
      cpSync(other.folders.constraints, home.folders.constraints, { recursive: true })
      expect(rules.keys()).toEqual(['first#first', 'second#second'])
    }
  })

  test.each([
    ['is gone', 'is gone', () => {}],
    ['is a file', 'is a file, not a folder', (path: string) => writeFileSync(path, '')],
    ['is a pipe', 'is a pipe, a socket', (path: string) => void Bun.spawnSync(['mkfifo', path])],
    ['is a link to nowhere', 'is a link, not a folder', (path: string) => symlinkSync(`${path}.none`, path)],
    ['is a link to the rules', 'is a link, not a folder', (path: string) => symlinkSync(`${path}.moved`, path)],
    ['is empty', 'holds no rules', (path: string) => mkdirSync(path)],
  ])('refuse when their folder %s, at the start and while the node runs, until it is back', async (_, what, put) => {
    using home = createTestHome()
    using store = createTestState()
    home.open()
    const folder = home.folders.constraints
    const before = await openRules(home, store)
    renameSync(folder, `${folder}.moved`)
    put(folder)
    const after = await openRules(home, store)
    for (const rules of [before, after]) {
      expect(rules.keys()[0]).toBe(REFUSING)
      expect(rules.current().rules[0]?.sentence).toContain(what)
      expect(rules.faults().map((fault) => fault.what)).toContainEqual(expect.stringContaining(what))
    }
    rmSync(folder, { recursive: true, force: true })
    renameSync(`${folder}.moved`, folder)
    for (const rules of [before, after]) expect(rules.keys()).toEqual(['first#first', 'second#second'])
  })

  test.each(['.git', '.git/refs', '.git/constraint-keys.json'])('refuse when %s is gone', async (part) => {
    using home = createTestHome()
    using store = createTestState()
    home.open()
    const before = await openRules(home, store)
    rmSync(home.path(part), { recursive: true })
    for (const rules of [before, await openRules(home, store)]) {
      expect(rules.keys()[0]).toBe(REFUSING)
      expect(rules.faults()[0]?.what).toContain('is gone: 2 commits up to')
    }
  })

  test('are audited again after an audit that could not be made', async () => {
    using home = createTestHome()
    using store = createTestState()
    home.open()
    const folder = home.folders.constraints
    const stored = createRuleAnchor(store.state(), store.clock)
    let faults = 0
    const read = () => {
      if (faults-- > 0) throw new Error('the disk is failing')
      return stored.read()
    }
    const rules = await openLiveRules(folder)
    const audited = await createAuditedRules({ folder, rules, anchor: { ...stored, read }, ownedByRoot: false })
    writeFileSync(home.path('first.ts'), `${readFileSync(home.path('first.ts'))}\n// and more`)
    faults = 1
    expect(() => audited.current()).toThrow('the disk is failing')
    expect(audited.current().rules[0]?.key).toBe(REFUSING)
  })

  test('refuse when they were set back while the node was away, or never signed', async () => {
    using home = createTestHome()
    using store = createTestState()
    const keeper = home.open()
    const older = join(home.root, 'older')
    cpSync(home.folders.constraints, older, { recursive: true })
    keeper.handle(request('third'))
    expect((await openRules(home, store)).keys()).toHaveLength(3)
    rmSync(home.folders.constraints, { recursive: true })
    renameSync(older, home.folders.constraints)
    const rules = await openRules(home, store)
    expect(rules.keys()[0]).toBe(REFUSING)
    expect(rules.audit().faults[0]?.what).toContain('this node has seen 3 commits')
    expect(rules.anchor.read()?.count).toBe(3)
    using fresh = createTestState()
    rmSync(home.path('.git'), { recursive: true })
    expect((await openRules(home, fresh)).keys()[0]).toBe(REFUSING)
  })

  test('hold while the keeper is adding one, which counts as soon as it is committed', async () => {
    using home = createTestHome()
    using store = createTestState()
    home.open()
    const rules = await openRules(home, store)
    const seen: unknown[] = []
    home.open({ atPoint: (point) => seen.push([point, rules.keys().length]) }).handle(request('third'))
    expect(seen).toEqual([
      ...[
        ['planned', 2],
        ['record', 2],
        ['rule', 2],
        ['objects', 2],
        ['branch', 3],
        ['done', 3],
      ],
    ])
    expect(rules.audit()).toMatchObject({ faults: [], pending: null, head: { count: 3 } })
  })
})
