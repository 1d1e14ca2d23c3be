import { describe, expect, test } from 'bun:test'
import { existsSync, mkdirSync, readdirSync, rmSync, statSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { installSeedRules, loadRules } from '../constraint-store.ts'
import { createDecisionChain } from '../decision-chain.ts'
import { createRuleAnchor } from '../rule-anchor.ts'
import { createTestFolder, createTestState } from './state-fixture.ts'

const RULE = `import { bThread, bSync } from 'plaited'
export const noPayments = bThread([bSync({ block: 'permission:payment:send' })], true)
`

const folderWith = (files: Readonly<Record<string, string | Uint8Array>>) => {
  const folder = createTestFolder()
  for (const [name, content] of Object.entries(files)) writeFileSync(join(folder.path, name), content)
  return folder
}

describe('the rules of a home', () => {
  test('are all its files, in an order that does not depend on the disk', () => {
    using folder = folderWith({ 'b.ts': RULE, 'a.ts': RULE })
    expect(loadRules(folder.path).rules.map(({ key }) => key)).toEqual(['a#noPayments', 'b#noPayments'])
  })

  test('have another hash when any byte or name is another', () => {
    using one = folderWith({ 'a.ts': RULE })
    using same = folderWith({ 'a.ts': RULE })
    using text = folderWith({ 'a.ts': `${RULE}\n` })
    using name = folderWith({ 'b.ts': RULE })
    using more = folderWith({ 'a.ts': RULE, 'b.ts': RULE })
    expect(loadRules(same.path).hash).toBe(loadRules(one.path).hash)
    expect(new Set([one, text, name, more].map(({ path }) => loadRules(path).hash)).size).toBe(4)
  })

  test.each([
    ['a file that is no rule', { 'a.ts': RULE, 'notes.txt': 'hello' }, 'RULE_ILLEGAL'],
    ['a file of an editor', { 'a.ts': RULE, 'a.ts~': RULE }, 'RULE_ILLEGAL'],
    ['a name with capitals', { 'A.ts': RULE }, 'RULE_ILLEGAL'],
    ['an empty file', { 'a.ts': '' }, 'RULE_ILLEGAL'],
    ['text that is not UTF-8', { 'a.ts': new Uint8Array([0x2f, 0x2f, 0xff]) }, 'RULES_UNREADABLE'],
    ['nothing', {}, 'RULES_UNREADABLE'],
  ])('are refused whole when the folder holds %s', (_, files, code) => {
    using folder = folderWith(files)
    expect(() => loadRules(folder.path)).toThrow(expect.objectContaining({ code, hint: expect.any(String) }))
  })

  test('are refused whole when one cannot be read: a folder, or a link to nowhere', () => {
    using folder = folderWith({ 'a.ts': RULE })
    mkdirSync(join(folder.path, 'b.ts'))
    expect(() => loadRules(folder.path)).toThrow(expect.objectContaining({ code: 'RULES_UNREADABLE' }))
    using dangling = folderWith({ 'a.ts': RULE })
    symlinkSync(join(dangling.path, 'missing'), join(dangling.path, 'b.ts'))
    expect(() => loadRules(dangling.path)).toThrow(expect.objectContaining({ code: 'RULES_UNREADABLE' }))
    expect(() => loadRules(join(folder.path, 'missing'))).toThrow(expect.objectContaining({ code: 'RULES_UNREADABLE' }))
  })

  test('that are illegal are named with file, line and mend', () => {
    using folder = folderWith({ 'a.ts': RULE.replace('block:', 'request:') })
    expect(() => loadRules(folder.path)).toThrow(
      expect.objectContaining({
        message: expect.stringMatching(/a\.ts:2:\d+: .*request/),
        hint: expect.stringContaining('block'),
      }),
    )
  })
})

describe('the shipped rules', () => {
  test('are copied into a home that has none, all or nothing, and readable', () => {
    using home = createTestFolder()
    using seeds = folderWith({ 'a.ts': RULE, 'b.ts': RULE })
    const target = join(home.path, 'constraints')
    installSeedRules(target, seeds.path, { state: join(home.path, 'events.sqlite') })
    expect(readdirSync(home.path)).toEqual(['constraints'])
    expect(loadRules(target).rules).toHaveLength(2)
    expect((statSync(target).mode & 0o777).toString(8)).toBe('755')
  })

  test('are not copied into a home that has decided by rules of its own', () => {
    using store = createTestState()
    using seeds = folderWith({ 'a.ts': RULE })
    using home = createTestFolder()
    const target = join(home.path, 'constraints')
    installSeedRules(target, seeds.path, { state: store.path })
    expect(readdirSync(target)).toEqual(['a.ts'])
    rmSync(target, { recursive: true })
    const entry = { turn: null, toolUseId: null, type: 'permission:file:read', outcome: 'allowed' } as const
    const rest = { blockedBy: [], reason: null, rulesHash: 'h', rulesHead: null, positions: null, detail: {} }
    createDecisionChain(store.state(), store.clock).append({ ...entry, ...rest })
    installSeedRules(target, seeds.path, { state: store.path })
    expect(existsSync(target)).toBe(false)
  })

  test('are not copied into a home that has audited rules of its own, nor over a link to nowhere', () => {
    using store = createTestState()
    using seeds = folderWith({ 'a.ts': RULE })
    using home = createTestFolder()
    const target = join(home.path, 'constraints')
    symlinkSync(join(home.path, 'nowhere'), target)
    installSeedRules(target, seeds.path, { state: store.path })
    expect(readdirSync(home.path)).toEqual(['constraints'])
    rmSync(target)
    createRuleAnchor(store.state(), store.clock).write({ head: 'a'.repeat(40), count: 1 })
    installSeedRules(target, seeds.path, { state: store.path })
    expect(readdirSync(home.path)).toEqual([])
  })

  test('never touch a folder that exists, also when a rule was taken out of it', () => {
    using home = createTestFolder()
    using seeds = folderWith({ 'a.ts': RULE, 'b.ts': RULE })
    const target = join(home.path, 'constraints')
    mkdirSync(target)
    writeFileSync(join(target, 'mine.ts'), RULE)
    installSeedRules(target, seeds.path, { state: join(home.path, 'events.sqlite') })
    expect(readdirSync(target)).toEqual(['mine.ts'])
  })

  test('leave nothing behind when they cannot be copied', () => {
    using home = createTestFolder()
    using seeds = createTestFolder()
    mkdirSync(join(seeds.path, 'a.ts')) // a folder where a file should be
    expect(() =>
      installSeedRules(join(home.path, 'constraints'), seeds.path, { state: join(home.path, 'events.sqlite') }),
    ).toThrow()
    expect(readdirSync(home.path)).toEqual([])
  })
})
