import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { mkdirSync, readdirSync, readFileSync, rmSync, statSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describeWhen } from '../../../test/helpers.ts'
import { auditHistoryNow } from '../../constraint-history/audit-history.ts'
import { parseRuleRecord } from '../../constraint-history/rule-records.ts'
import { sha256Of } from '../plan-append.ts'
import { createTestHome, git, HOUR_MS, request, ruleText, TEST_NOW, type TestHome } from './keeper-fixture.ts'

/** With the shipped rules signed: made once, because signing waits for the disk. */
const template = createTestHome()
beforeAll(() => void template.open())
afterAll(() => template[Symbol.dispose]())

const auditOf = ({ folders }: TestHome) => auditHistoryNow({ folder: folders.constraints, anchor: null })
const rulesIn = ({ folders }: TestHome) =>
  readdirSync(folders.constraints)
    .filter((name) => name.endsWith('.ts'))
    .sort()

describe('a rule that is added', () => {
  test('lies there with who, when and why, and its commit holds both', () => {
    using home = createTestHome(template)
    const keeper = home.open()
    const answer = keeper.handle(request('no-pay', { intent: 'never pay' }))
    expect(answer).toMatchObject({ ok: true, value: { count: 3, sha256: sha256Of(ruleText('added')) } })
    expect(readFileSync(home.path('no-pay.ts'), 'utf8')).toBe(ruleText('added'))
    expect(parseRuleRecord(readFileSync(home.path('no-pay.json'), 'utf8'))).toMatchObject({
      ...{ rule: 'no-pay', who: 'cli/owner', intent: 'never pay', at: TEST_NOW, sha256: sha256Of(ruleText('added')) },
    })
    expect(auditOf(home)).toMatchObject({ faults: [], rules: ['first', 'no-pay', 'second'], head: { count: 3 } })
  })

  test('may be read by everybody and written by its owner alone', () => {
    using home = createTestHome()
    const umask = process.umask(0o077)
    try {
      home.open().handle(request('no-pay'))
    } finally {
      process.umask(umask)
    }
    expect((statSync(home.folders.constraints).mode & 0o777).toString(8)).toBe('755')
    for (const name of ['no-pay.ts', 'no-pay.json', '.git/refs/heads/main'])
      expect([name, (statSync(home.path(name)).mode & 0o777).toString(8)]).toEqual([name, '644'])
    expect((statSync(join(home.folders.keys, 'constraint-key.pem')).mode & 0o777).toString(8)).toBe('600')
  })

  test.each([
    ['that exists', { name: 'first' }, 'RULE_REFUSED'],
    ['with a path for a name', { name: '../escape' }, 'USAGE'],
    ['with capitals in its name', { name: 'No-Pay' }, 'USAGE'],
    ['without a name', { name: '' }, 'USAGE'],
    ['with a name of 65 characters', { name: 'a'.repeat(65) }, 'USAGE'],
    ['named as the record of another', { name: 'first.json' }, 'USAGE'],
    ['over 32 KiB', { source: `//${'é'.repeat(16 * 1024)}` }, 'USAGE'],
    ['with half a character', { source: 'const a = "\ud800"' }, 'USAGE'],
    ['nobody asks for', { who: '' }, 'USAGE'],
    ['without a reason', { intent: '' }, 'USAGE'],
    ['with a reason of a book', { intent: 'a'.repeat(2001) }, 'USAGE'],
    ['with examples of another shape', { examples: { mustBlock: 1 } }, 'USAGE'],
    ['with a member more', { force: true }, 'USAGE'],
  ] as const)('is refused when it is one %s', (_, more, code) => {
    using home = createTestHome(template)
    const keeper = home.open()
    const before = auditOf(home)
    expect(keeper.handle({ ...request('no-pay'), ...more })).toMatchObject({ ok: false, code })
    expect(auditOf(home)).toEqual(before)
    expect(rulesIn(home)).toEqual(['first.ts', 'second.ts'])
  })

  test('is refused when it is not accepted, with the reason', () => {
    using home = createTestHome(template)
    const keeper = home.open({ accept: ({ name }) => ({ ok: false, reason: `${name} bricks the node` }) })
    expect(keeper.handle(request('no-pay'))).toEqual({
      ...{ ok: false, code: 'RULE_REFUSED', message: 'no-pay bricks the node', hint: null },
    })
  })

  test('is refused when something else has its name, and nothing follows a link', () => {
    using home = createTestHome(template)
    const keeper = home.open()
    const target = join(home.root, 'elsewhere')
    symlinkSync(target, home.path('no-pay.ts'))
    expect(keeper.handle(request('no-pay'))).toMatchObject({ ok: false, code: 'RULES_TAMPERED' })
    rmSync(home.path('no-pay.ts'))
    mkdirSync(home.path('no-pay.json'))
    expect(keeper.handle(request('no-pay'))).toMatchObject({ ok: false, code: 'RULES_TAMPERED' })
    expect(readdirSync(home.root).sort()).toEqual(['constraints', 'keeper', 'seeds'])
  })

  test('cannot be added often: twenty in an hour, restarts and a clock set back included', () => {
    using home = createTestHome(template)
    let keeper = home.open()
    for (let added = 2; added < 20; added++) {
      if (added === 10) keeper = home.open()
      expect(keeper.handle(request(`rule-${added}`))).toMatchObject({ ok: true })
    }
    expect(keeper.handle(request('more'))).toMatchObject({ ok: false, code: 'KEEPER_BUSY' })
    expect(home.open().handle(request('more'))).toMatchObject({ ok: false, code: 'KEEPER_BUSY' })
    home.clock.advance(-HOUR_MS)
    expect(home.open().handle(request('more'))).toMatchObject({ ok: false, code: 'KEEPER_BUSY' })
    home.clock.advance(2 * HOUR_MS + 1000)
    expect(keeper.handle(request('more'))).toMatchObject({ ok: true })
  })

  test('is completed by the next request when a full disk broke it off', () => {
    using home = createTestHome(template)
    let isFull = true
    const atPoint = (point: string) => {
      if (point === 'objects' && isFull) throw Object.assign(new Error('no space left'), { code: 'ENOSPC' })
    }
    const keeper = home.open({ atPoint })
    expect(keeper.handle(request('no-pay'))).toMatchObject({ ok: false, code: 'DISK_FULL' })
    expect(auditOf(home)).toMatchObject({ faults: [], pending: 'no-pay' })
    isFull = false
    expect(keeper.handle(request('next'))).toMatchObject({ ok: true, value: { count: 4 } })
    expect(auditOf(home)).toMatchObject({ faults: [], pending: null, rules: ['first', 'next', 'no-pay', 'second'] })
  })

  test('is not added to rules that are not what was signed', () => {
    using home = createTestHome(template)
    const keeper = home.open()
    writeFileSync(home.path('second.ts'), '// nothing')
    for (const one of [keeper, home.open()]) {
      const answer = one.handle(request('no-pay'))
      expect(answer).toMatchObject({ ok: false, code: 'RULES_TAMPERED', message: expect.stringContaining('second.ts') })
    }
    expect(rulesIn(home)).toEqual(['first.ts', 'second.ts'])
  })
})

describe('the rules of a home', () => {
  test('that is new are the shipped ones, signed', () => {
    using home = createTestHome()
    expect(home.open().faults).toEqual([])
    expect(auditOf(home)).toMatchObject({ faults: [], rules: ['first', 'second'], head: { count: 2 } })
  })

  test('that was made without a keeper are signed when they are exactly the shipped ones', () => {
    using home = createTestHome()
    mkdirSync(home.folders.constraints)
    for (const name of ['first', 'second']) writeFileSync(home.path(`${name}.ts`), ruleText(name))
    expect(home.open().faults).toEqual([])
    expect(auditOf(home)).toMatchObject({ faults: [], head: { count: 2 } })
  })

  test.each([
    ['edited', (home: TestHome) => writeFileSync(home.path('first.ts'), ruleText('edited'))],
    ['more', (home: TestHome) => writeFileSync(home.path('third.ts'), ruleText('third'))],
    ['missing', (home: TestHome) => rmSync(home.path('first.ts'))],
  ])('that was made without a keeper are not signed when one is %s', (_, change) => {
    using home = createTestHome()
    mkdirSync(home.folders.constraints)
    for (const name of ['first', 'second']) writeFileSync(home.path(`${name}.ts`), ruleText(name))
    change(home)
    const keeper = home.open()
    expect(keeper.faults).toHaveLength(1)
    expect(keeper.faults[0]?.what).toMatch(/(first|third)\.ts/)
    expect(keeper.handle(request('no-pay'))).toMatchObject({ ok: false, code: 'RULES_TAMPERED' })
    expect(auditOf(home).head).toBeNull()
  })

  test('are not looked for behind a link, nor is their history', () => {
    using home = createTestHome()
    const target = join(home.root, 'elsewhere')
    mkdirSync(target)
    symlinkSync(target, home.folders.constraints)
    expect(home.open().faults[0]?.what).toBe(`${home.folders.constraints} is not a folder that the keeper made`)
    rmSync(home.folders.constraints)
    symlinkSync(join(home.root, 'nowhere'), home.folders.constraints)
    expect(home.open().faults[0]?.what).toBe(`${home.folders.constraints} is not a folder that the keeper made`)
    rmSync(home.folders.constraints)
    mkdirSync(home.folders.constraints)
    for (const name of ['first', 'second']) writeFileSync(home.path(`${name}.ts`), ruleText(name))
    symlinkSync(target, home.path('.git'))
    expect(home.open().faults[0]?.what).toContain('.git is not a folder that the keeper made')
    expect(readdirSync(target)).toEqual([])
  })

  test('are not waited for when one is a pipe', () => {
    using home = createTestHome()
    mkdirSync(home.folders.constraints)
    writeFileSync(home.path('second.ts'), ruleText('second'))
    Bun.spawnSync(['mkfifo', home.path('first.ts')])
    expect(home.open().faults[0]?.what).toContain('first.ts was never signed')
  })

  test('are not made anew in a folder that was emptied', () => {
    using home = createTestHome()
    mkdirSync(home.folders.constraints)
    expect(home.open().faults).toHaveLength(2)
    expect(rulesIn(home)).toEqual([])
  })

  test('are not made anew when the folder is gone and the key is there', () => {
    using home = createTestHome()
    home.open()
    rmSync(home.folders.constraints, { recursive: true })
    expect(home.open().faults[0]?.what).toContain('is gone')
    expect(readdirSync(home.root).sort()).toEqual(['keeper', 'seeds'])
  })

  test('are not signed by another key when theirs is gone', () => {
    using home = createTestHome()
    home.open()
    rmSync(join(home.folders.keys, 'constraint-key.pem'))
    expect(home.open).toThrow(expect.objectContaining({ code: 'KEEPER_FAILED' }))
    expect(readdirSync(home.folders.keys)).toEqual([])
  })
})

describe('a rule that is retired', () => {
  const retirement = { name: 'first', who: 'user 0', reason: 'it was wrong' }

  test('stays where it is, beside the record of its retirement', () => {
    using home = createTestHome(template)
    const keeper = home.open()
    expect(keeper.retire(retirement)).toMatchObject({ count: 3 })
    expect(rulesIn(home)).toEqual(['first.ts', 'second.ts'])
    expect(auditOf(home)).toMatchObject({ faults: [], rules: ['first', 'second'], retired: ['first'] })
    expect(home.open().faults).toEqual([])
  })

  test('is retired once, and its name is not given again', () => {
    using home = createTestHome(template)
    const keeper = home.open()
    keeper.retire(retirement)
    expect(() => keeper.retire(retirement)).toThrow(expect.objectContaining({ code: 'RULE_REFUSED' }))
    expect(keeper.handle(request('first'))).toMatchObject({ ok: false, code: 'RULE_REFUSED' })
  })

  test('has to be there', () => {
    using home = createTestHome(template)
    for (const name of ['third', '../first', 'first.ts', ''])
      expect(() => home.open().retire({ ...retirement, name })).toThrow(expect.objectContaining({ code: 'USAGE' }))
  })

  test('is not retired by any request', () => {
    using home = createTestHome(template)
    for (const op of ['retire', 'remove', 'sign-user-certificate', '__proto__', 1, null])
      expect(home.open().handle({ op, ...retirement })).toMatchObject({ ok: false, code: 'USAGE' })
  })
})

describe('the end of the decision chain', () => {
  const row = (count: number, digit = 'a') => ({ count, hash: digit.repeat(64) })
  const sign = (end: ReturnType<typeof row>, previous: ReturnType<typeof row> | null = row(5)) => ({
    ...{ op: 'sign-decision-head', ...end, previous },
  })
  const refusal = { ok: false, code: 'RULES_TAMPERED' }

  test('is signed as it grows, and told to whoever asks', () => {
    using home = createTestHome(template)
    const keeper = home.open()
    expect(keeper.handle({ op: 'public-keys' })).toMatchObject({ value: { decisionHead: null } })
    expect(keeper.handle(sign(row(5), null))).toMatchObject({ ok: true, value: { count: 5, at: TEST_NOW } })
    expect(keeper.handle(sign(row(5)))).toMatchObject({ ok: true })
    expect(home.open().handle(sign(row(6, 'b')))).toMatchObject({ ok: true })
    expect(home.open().handle({ op: 'public-keys' })).toMatchObject({ value: { decisionHead: row(6, 'b') } })
  })

  test('is never signed when the chain has become shorter or another, however long it has grown since', () => {
    using home = createTestHome(template)
    const keeper = home.open()
    keeper.handle(sign(row(5), null))
    expect(home.open().handle(sign(row(4)))).toMatchObject(refusal)
    expect(home.open().handle(sign(row(5, 'b')))).toMatchObject(refusal)
    for (const previous of [null, row(5, 'b'), row(4), row(6)])
      expect(home.open().handle(sign(row(1000), previous))).toMatchObject(refusal)
    expect(keeper.handle({ op: 'sign-decision-head', ...row(6) })).toMatchObject({ ok: false, code: 'USAGE' })
    expect(keeper.handle(sign(row(6)))).toMatchObject({ ok: true })
  })

  test('is not signed so far ahead that nothing could follow it', () => {
    using home = createTestHome(template)
    const keeper = home.open()
    expect(keeper.handle(sign(row(Number.MAX_SAFE_INTEGER), null))).toMatchObject(refusal)
    expect(keeper.handle(sign(row(1_000_001), null))).toMatchObject(refusal)
    expect(keeper.handle(sign(row(1_000_000), null))).toMatchObject({ ok: true })
  })

  test('is not signed while the record of the last one cannot be read', () => {
    using home = createTestHome(template)
    const keeper = home.open()
    writeFileSync(join(home.folders.keys, 'decision-head.json'), '{}')
    expect(keeper.handle(sign(row(5), null))).toMatchObject({ ok: false, code: 'KEEPER_FAILED' })
  })
})

describe('each request', () => {
  test('is one line of the log, whatever it is', () => {
    using home = createTestHome(template)
    const lines: unknown[] = []
    const keeper = home.open({ log: (entry) => lines.push(entry) })
    for (const input of [request('no-pay'), request('no-pay'), { op: 'public-keys' }, 'nonsense']) keeper.handle(input)
    expect(lines).toEqual([
      { op: 'append', name: 'no-pay', result: 'ok' },
      { op: 'append', name: 'no-pay', result: 'RULE_REFUSED' },
      { op: 'public-keys', name: null, result: 'ok' },
      { op: 'malformed', name: null, result: 'USAGE' },
    ])
  })

  test('has its own hourly limit, so that many of one kind stop no other', () => {
    using home = createTestHome(template)
    const keeper = home.open()
    const answers = Array.from({ length: 1001 }, () => keeper.handle({ op: 'public-keys' }))
    expect(answers.at(-2)).toMatchObject({ ok: true })
    expect(answers.at(-1)).toMatchObject({ ok: false, code: 'KEEPER_BUSY' })
    expect(keeper.handle(request('no-pay'))).toMatchObject({ ok: true })
    const head = { op: 'sign-decision-head', count: 1, hash: 'a'.repeat(64), previous: null }
    expect(keeper.handle(head)).toMatchObject({ ok: true })
  })

  test('may be nested as deeply as a frame can hold', () => {
    using home = createTestHome(template)
    let deep: unknown = 1
    for (let level = 0; level < 100_000; level++) deep = [deep]
    const examples = { mustBlock: [{ type: 'a', detail: { deep } }], mustAllow: [{ type: 'a', detail: {} }] }
    expect(home.open().handle({ ...request('deep'), examples })).toMatchObject({ ok: false, code: 'USAGE' })
  })
})

describeWhen(Bun.which('git') !== null, 'git is not installed', 'the repository, to git', () => {
  test('is sound, and every commit has a good signature', () => {
    using home = createTestHome(template)
    const keeper = home.open()
    keeper.handle(request('no-pay', { intent: 'never pay\nasked by: root\u202e', who: 'cli/owner\nat: never' }))
    keeper.retire({ name: 'first', who: 'user 0', reason: 'it was wrong' })
    const { constraints } = home.folders
    expect(git(constraints, 'fsck', '--strict', '--full')).toMatchObject({ exitCode: 0 })
    expect(git(constraints, 'log', '--format=%G? %s').text).toBe(
      'G retire first\nG add no-pay\nG add second\nG add first\n',
    )
    expect(git(constraints, 'verify-commit', 'HEAD')).toMatchObject({ exitCode: 0 })
    const { text } = git(constraints, 'log', '--show-signature', '-1', 'HEAD~1')
    expect(text).toContain('Good "git" signature for keeper@plaited.invalid')
    // Words cannot pose as facts.
    expect(text).toContain('> asked by: root\\u{202e}')
    expect(text).toContain('asked by: cli/owner at: never')
    expect(git(constraints, 'show', '--stat', '--format=', 'HEAD~1').text).toMatch(
      /no-pay\.json.*\n no-pay\.ts.*\n 2 files/,
    )
    expect(git(constraints, 'checkout', '-f', 'HEAD~1').exitCode).not.toBe(0)
  })
})
