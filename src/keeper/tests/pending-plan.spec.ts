import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { generateKeyPairSync } from 'node:crypto'
import { rmSync, writeFileSync } from 'node:fs'
import { auditHistory, auditHistoryNow } from '../../constraint-history/audit-history.ts'
import { type AppendPlan, signPlan, writePending } from '../../constraint-history/pending-append.ts'
import { readBranch } from '../../constraint-history/repository.ts'
import { createSigner } from '../../constraint-history/ssh-signature.ts'
import { readKey } from '../keeper-key.ts'
import { planRule, sha256Of } from '../plan-append.ts'
import { createTestHome, request, ruleText, type TestHome } from './keeper-fixture.ts'

const audit = ({ folders }: TestHome) => auditHistoryNow({ folder: folders.constraints, anchor: null })
const whatIn = (home: TestHome) =>
  audit(home)
    .faults.map(({ what }) => what.replaceAll(`${home.folders.constraints}/`, ''))
    .sort()

/** With the two shipped rules and one more: made once, because signing waits for the disk. */
const template = createTestHome()
beforeAll(() => void template.open().handle(request('no-pay')))
afterAll(() => template[Symbol.dispose]())

const openHome = () => createTestHome(template)
const headOf = ({ folders }: TestHome): string | null => readBranch(folders.constraints)

describe('a rule that is being added', () => {
  const begin = (home: TestHome, plan: AppendPlan): void =>
    writePending(home.folders.constraints, signPlan(plan, readKey(home.folders.keys)))
  const pendingOf = (home: TestHome) => {
    const record = { v: 1 as const, rule: 'x', sha256: 'a'.repeat(64), who: 'o', intent: 'i', at: 1, examples: null }
    return planRule(record, ruleText('x'), headOf(home))
  }

  test('may have its files there already, and they are what they will be', () => {
    using home = openHome()
    const pending = pendingOf(home)
    begin(home, pending)
    expect(audit(home)).toMatchObject({ faults: [], pending: 'x' })
    for (const { name, content } of pending.files) writeFileSync(home.path(name), content)
    expect(audit(home)).toMatchObject({ faults: [], pending: 'x' })
    writeFileSync(home.path('x.ts'), ruleText('y'))
    expect(whatIn(home)).toEqual(['x.ts is not what was signed'])
  })

  test('is no fault to an audit that began before and ends behind it', async () => {
    using home = openHome()
    for (let rule = 0; rule < 15; rule++) home.open().handle(request(`rule-${rule}`))
    const running = auditHistory({ folder: home.folders.constraints, anchor: null })
    home.open().handle(request('meanwhile'))
    expect(await running).toMatchObject({ faults: [], head: { count: 19 } })
  })

  test('excuses no change of a rule that is there', () => {
    using home = openHome()
    const parent = headOf(home)
    const files = [{ name: 'first.ts', content: '//' }]
    begin(home, { v: 1, parent, at: 1, message: '', files })
    writeFileSync(home.path('first.ts'), '//')
    expect(whatIn(home)).toEqual(['first.ts is not what was signed'])
  })
})

describe('a plan that the keeper did not make', () => {
  const FOREIGN = ".git/appending.json was changed, or is not the keeper's"
  const stranger = createSigner(generateKeyPairSync('ed25519').privateKey)
  const content = JSON.stringify({
    ...{ v: 1, rule: 'no-pay', sha256: sha256Of(ruleText('added')), who: 'user 0', reason: 'no', at: 1 },
  })
  const retirementOf = (home: TestHome): AppendPlan => ({
    ...{ v: 1, parent: headOf(home), at: 1, message: 'retire no-pay\n' },
    files: [{ name: 'no-pay.retired.json', content }],
  })

  test('excuses no retirement, and is never signed', () => {
    using home = openHome()
    const keeper = home.open()
    writePending(home.folders.constraints, signPlan(retirementOf(home), stranger))
    writeFileSync(home.path('no-pay.retired.json'), content)
    expect(whatIn(home)).toEqual([FOREIGN, 'no-pay.retired.json was never signed'])
    expect(audit(home).retired).toEqual([])
    expect(keeper.handle(request('more'))).toMatchObject({ ok: false, code: 'RULES_TAMPERED' })
    expect(home.open).toThrow(expect.objectContaining({ code: 'RULES_TAMPERED' }))
    expect(audit(home)).toMatchObject({ retired: [], head: { count: 3 } })
  })

  test('is not made of one that the keeper signed for another rule, or another point of the history', () => {
    using home = openHome()
    const plan = signPlan(retirementOf(home), readKey(home.folders.keys))
    const other = { ...plan, files: [{ name: 'first.retired.json', content }] }
    for (const pending of [other, { ...plan, at: 2 }]) {
      writePending(home.folders.constraints, pending)
      expect(whatIn(home)).toEqual([FOREIGN])
      rmSync(home.path('.git/appending.json'))
    }
    home.open().handle(request('more'))
    writePending(home.folders.constraints, plan)
    expect(whatIn(home)).toEqual([FOREIGN])
    expect(home.open).toThrow(expect.objectContaining({ code: 'RULES_TAMPERED' }))
  })

  test.each<[string, (home: TestHome) => AppendPlan, string]>([
    [
      'a retirement of another text',
      (home) => {
        const files = [
          {
            name: 'first.retired.json',
            content: content.replace('no-pay', 'first').replace(/[0-9a-f]{64}/, 'a'.repeat(64)),
          },
        ]
        return { ...retirementOf(home), files }
      },
      'not of the rule first',
    ],
    [
      'a rule whose record tells of another text',
      (home) => {
        const record = {
          v: 1 as const,
          rule: 'x',
          sha256: 'a'.repeat(64),
          who: 'o',
          intent: 'i',
          at: 1,
          examples: null,
        }
        return planRule(record, ruleText('x'), headOf(home))
      },
      'not of the rule x',
    ],
    [
      'a rule that is refused today',
      (home) => {
        const sha256 = sha256Of(ruleText('x'))
        const record = { v: 1 as const, rule: 'x', sha256, who: 'o', intent: 'i', at: 1, examples: null }
        return planRule(record, ruleText('x'), headOf(home))
      },
      'x bricks the node',
    ],
    [
      'a change of a rule',
      (home) => ({ ...retirementOf(home), files: [{ name: 'first.ts', content: '//' }] }),
      'neither',
    ],
  ])('nor one of the right key that would be refused now is completed: %s', (_, plan, reason) => {
    using home = openHome()
    writePending(home.folders.constraints, signPlan(plan(home), readKey(home.folders.keys)))
    const before = headOf(home)
    const accept = ({ name }: { readonly name: string }) => ({ ok: false, reason: `${name} bricks the node` }) as const
    expect(() => home.open({ accept })).toThrow(expect.objectContaining({ message: expect.stringContaining(reason) }))
    expect(headOf(home)).toEqual(before)
  })
})
