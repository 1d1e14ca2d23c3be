import { describe, expect, test } from 'bun:test'
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { permissionVocabulary } from '../../agent/permission-vocabulary.ts'
import {
  BLOCK_DANGEROUS_BASH,
  BLOCK_SENSITIVE_FILES,
  MAX_PAYMENT_5USD,
} from '../../constraint-language/tests/specification-examples.ts'
import { compileSpec } from '../../constraint-spec/compile-spec.ts'
import { parseTemplateWords, TEMPLATE_FORMS } from '../../constraint-spec/template-words.ts'
import type { RuleFile } from '../acceptance.types.ts'
import { createRuleAcceptance } from '../rule-acceptance.ts'

const acceptance = createRuleAcceptance()

const fileOf = (source: string, examples: RuleFile['examples'] = null): RuleFile => ({
  file: 'tried',
  source,
  examples,
})

/** A file of one rule: the value of `block`, or several syncs. */
const ruleFile = (syncs: string, constants = ''): string =>
  `import { bThread, bSync, on } from 'plaited'\n${constants}\nexport const rule = bThread([${syncs.startsWith('bSync') ? syncs : `bSync({ block: ${syncs} })`}], true)\n`

const accept = (syncs: string, examples: RuleFile['examples'] = null) =>
  acceptance.acceptRule(fileOf(ruleFile(syncs), examples))

const refusalOf = (syncs: string, examples: RuleFile['examples'] = null) => {
  const accepted = accept(syncs, examples)
  return accepted.ok ? 'accepted' : `${accepted.step}: ${accepted.reason} [${accepted.entry}]`
}

const rulesOf = (syncs: string) => {
  const accepted = accept(syncs)
  if (!accepted.ok) throw new Error(accepted.reason)
  return accepted.rules
}

describe('a rule is accepted', () => {
  test.each([BLOCK_SENSITIVE_FILES, BLOCK_DANGEROUS_BASH, MAX_PAYMENT_5USD])(
    'as the specification has it',
    (source) => {
      expect(acceptance.acceptRule(fileOf(source))).toMatchObject({ ok: true })
    },
  )

  const seeds = join(import.meta.dir, '../../../constraints-seed')
  test.each(readdirSync(seeds))('as it is shipped: %s', (name) => {
    const source = readFileSync(join(seeds, name), 'utf8')
    expect(acceptance.acceptRule({ file: name.replace('.ts', ''), source, examples: null })).toMatchObject({ ok: true })
  })

  test.each(TEMPLATE_FORMS)('with its examples, from the words: %s', (words) => {
    const spec = parseTemplateWords(words)
    if (spec === null) throw new Error('no form')
    const file = { file: spec.name, source: compileSpec(spec), examples: spec.examples }
    expect(acceptance.acceptRule(file)).toMatchObject({ ok: true, report: { types: [spec.event] } })
  })

  test('with what it would block and still allow', () => {
    const accepted = accept("on('permission:payment:send', ({ detail }) => parseFloat(detail.amount) > 3)", {
      mustBlock: [{ type: 'permission:payment:send', detail: { amount: '3.5', payTo: 'bob' } }],
      mustAllow: [{ type: 'permission:payment:send', detail: { amount: '3', payTo: 'bob' } }],
    })
    if (!accepted.ok) throw new Error(accepted.reason)
    expect(accepted.report.wouldBlock[0]).toBe('payment:send {"amount":"3.5","payTo":"bob"}')
    expect(accepted.report.wouldBlock).toContain('payment:send {"amount":"4","payTo":"someone"}')
    expect(accepted.report.stillAllows.slice(0, 2)).toEqual([
      'payment:send {"amount":"3","payTo":"bob"}',
      'payment:send {"amount":"2.5","payTo":"someone"}',
    ])
    expect(accepted.report.wouldBlock.length + accepted.report.stillAllows.length).toBeLessThanOrEqual(10)
  })
})

describe('a rule that cannot answer is refused, with the event that shows it', () => {
  test.each([
    ['a null field', "on('permission:file:write', ({ detail }) => detail.bytes > 5)", 'trial', '"bytes":null'],
    [
      'a null word',
      "on('permission:bash:exec', ({ detail }) => detail.commands.some(({ argv }) => argv[0].startsWith('x')))",
      'trial',
      '$X',
    ],
    [
      'a missing element',
      "on('permission:bash:exec', ({ detail }) => detail.commands[0].dynamic)",
      'trial',
      'bash:exec',
    ],
    [
      'a text that is no number',
      "on('permission:payment:send', ({ detail }) => parseFloat(detail.payTo) > 5)",
      'trial',
      'payTo',
    ],
    [
      'a null in a fact',
      "bSync({ waitFor: on('turn:end', ({ detail }) => detail.turn.startsWith('x')) }), bSync({ block: 'permission:payment:send' })",
      'trial',
      'turn:end',
    ],
    [
      'a long text',
      `on('permission:bash:exec', ({ detail }) => detail.cmd.split('').some((a) => detail.cmd.split('').some((b) => a === b && a === '~')))`,
      'trial',
      'characters',
    ],
    [
      'a field that does not exist',
      "on('permission:file:write', ({ detail }) => detail.pth === '')",
      'language',
      'tried.ts:3:',
    ],
    [
      'a field of another event',
      "on('permission:file:read', ({ detail }) => detail.op === 'edit')",
      'language',
      'tried.ts:3:',
    ],
    ['no rule at all', '5', 'language', 'tried.ts:3:'],
  ])('%s', (_, syncs, step, entry) => {
    const refusal = refusalOf(syncs)
    expect(refusal).toStartWith(`${step}: `)
    expect(refusal).toContain(entry)
  })

  test('and accepted once it asks first', () => {
    expect(refusalOf("on('permission:file:write', ({ detail }) => detail.bytes !== null && detail.bytes > 5)")).toBe(
      'accepted',
    )
    expect(refusalOf("on('permission:file:write', ({ detail }) => detail.bytes === null || detail.bytes > 5)")).toBe(
      'accepted',
    )
  })

  test('so are many cheap ones', () => {
    const sync = `bSync({ block: [${'small, '.repeat(200)}small], waitFor: 'turn:start' })`
    const judged = acceptance.acceptRule(
      fileOf(ruleFile(`${sync}, `.repeat(16), 'const small = ({ detail }) => detail.v > 99')),
    )
    expect(judged.ok ? 'accepted' : judged.reason).toContain('takes too long')
  })

  test('many expensive predicates are refused before they are all tried', () => {
    const pattern = '/(a|b|ab)(a|b|ab)(a|b|ab)~/.test(detail.cmd)'
    const listeners = Array.from(
      { length: 200 },
      () => `on('permission:bash:exec', ({ detail }) => ${pattern} || ${pattern})`,
    )
    expect(refusalOf(`[${listeners.join(', ')}]`)).toContain('takes too long')
  })
})

describe('examples', () => {
  const send = { type: 'permission:payment:send', detail: { amount: '4' } }
  const list = { type: 'permission:memory:read', detail: { query: 'x' } }
  const over3 = "on('permission:payment:send', ({ detail }) => detail.amountMicros > 3_000_000)"

  test('hold, or the rule is refused with the one that does not', () => {
    expect(refusalOf(over3, { mustBlock: [send], mustAllow: [list] })).toBe('accepted')
    expect(refusalOf(over3, { mustBlock: [list], mustAllow: [] })).toBe(
      'examples: its example of what must be blocked is not blocked [memory:read {"query":"x"}]',
    )
    expect(refusalOf(over3, { mustBlock: [], mustAllow: [list, send] })).toBe(
      'examples: its example of what must be allowed is blocked by tried#rule [payment:send {"amount":"4"}]',
    )
  })

  test('that are no events refuse', () => {
    expect(refusalOf(over3, { mustBlock: [{ ...send, detail: { amount: 'four' } }], mustAllow: [] })).toContain(
      'is no event',
    )
    expect(refusalOf(over3, { mustBlock: [{ ...send, type: 'permission:x' }], mustAllow: [] })).toContain('is no event')
    expect(
      refusalOf(over3, { mustBlock: [], mustAllow: [{ ...send, after: [{ type: 'turn:end', detail: { x: 1 } }] }] }),
    ).toContain('is no event')
  })

  test('of a sequence say what happened before', () => {
    const sequence =
      "bSync({ waitFor: 'untrusted:read' }), bSync({ waitFor: 'owner:message', block: 'permission:payment:send' })"
    const read = { type: 'untrusted:read', detail: { label: 'web:x' } }
    const spoke = { type: 'owner:message', detail: { senderId: 'o' } }
    expect(
      refusalOf(sequence, {
        mustBlock: [{ ...send, after: [read] }],
        mustAllow: [send, { ...send, after: [read, spoke] }],
      }),
    ).toBe('accepted')
    expect(refusalOf(sequence, { mustBlock: [{ ...send, after: [read, spoke] }], mustAllow: [] })).toContain(
      'untrusted:read {"label":"web:x"}, then owner:message {"senderId":"o"}, then payment:send {"amount":"4"}',
    )
    expect(refusalOf(sequence, { mustBlock: [{ ...send, after: [read, send] }], mustAllow: [] })).toContain(
      'blocked already',
    )
  })
})

describe('a rule that would brick the node is refused', () => {
  test.each([
    ["'permission:channel:send'", 'answering the owner'],
    ["on('permission:channel:send', ({ detail }) => detail.isOwner)", 'answering the owner'],
    ["on('permission:file:read', ({ detail }) => detail.path.startsWith('/workspace/'))", 'reading a file'],
    ["'permission:constraint:add'", 'adding a rule'],
    ["'permission:ssh:cert'", 'SSH certificate'],
    ["on('permission:git:push', ({ detail }) => !detail.force)", 'pushing the work'],
    ["'permission:llm:call'", 'calling a model'],
    ["on('permission:channel:send', ({ detail }) => detail.bytes > 500)", 'answering the owner'],
    ["on('permission:channel:send', ({ detail }) => detail.turn !== null)", 'answering the owner'],
    ["on('permission:file:read', ({ detail }) => detail.path !== '/workspace/notes.md')", 'reading a file'],
    ["on('permission:channel:send', ({ detail }) => detail.confirmed === null)", 'answering the owner'],
    ["on('permission:llm:call', ({ detail }) => detail.dayMicroUsd < 1)", 'calling a model'],
    ['() => true', 'answering the owner'],
    ["({ type }) => type.startsWith('permission:')", 'answering the owner'],
    ['({ detail }) => detail.confirmed === null', 'answering the owner'],
    ["bSync({ waitFor: 'untrusted:read' }), bSync({ block: 'permission:channel:send' })", 'answering the owner'],
  ])('%s', (syncs, what) => {
    expect(refusalOf(syncs)).toStartWith('must-work: ')
    expect(refusalOf(syncs)).toContain(what)
  })

  test.each([
    "on('permission:channel:send', ({ detail }) => !detail.isOwner)",
    "on('permission:llm:call', ({ detail }) => detail.hour >= 9 && detail.hour < 17)",
    "on('permission:channel:send', ({ detail }) => detail.hour >= 22 || detail.hour < 7)",
    "on('permission:git:push', ({ detail }) => detail.confirmed === null)",
    "on('permission:llm:call', ({ detail }) => detail.dayMicroUsd > 1_000_000)",
    "on('permission:llm:call', ({ detail }) => !detail.local)",
    "on('permission:constraint:add', ({ detail }) => detail.source === 'agent')",
    "bSync({ waitFor: 'untrusted:read' }), bSync({ waitFor: 'owner:message', block: 'permission:git:push' })",
  ])('and %s is not', (syncs) => expect(refusalOf(syncs)).toBe('accepted'))

  test('also when only the rules together would', () => {
    const existing = rulesOf("on('permission:llm:call', ({ detail }) => !detail.local)")
    const local = ruleFile("on('permission:llm:call', ({ detail }) => detail.local)")
    expect(acceptance.acceptRule(fileOf(local))).toMatchObject({ ok: true })
    expect(acceptance.acceptRule(fileOf(local), existing)).toMatchObject({ ok: false, step: 'must-work' })
  })
})

describe('the audit of stored files', () => {
  const good = { file: 'good', source: ruleFile("'permission:payment:send'"), examples: null }
  test('gives the rules of those that hold, and names every one that does not', () => {
    const send = { type: 'permission:payment:send', detail: { amount: '4' } }
    const audit = acceptance.auditRules([
      good,
      { file: 'broken', source: 'export const a = 1', examples: null },
      { ...good, file: 'strays', examples: { mustBlock: [], mustAllow: [send] } },
      { file: 'bricks', source: ruleFile("'permission:channel:send'"), examples: null },
    ])
    expect(audit.faults.map(({ file, step }) => [file, step])).toEqual([
      ['broken', 'language'],
      ['strays', 'examples'],
      [null, 'must-work'],
    ])
    expect(audit.rules.map(({ key }) => key)).toEqual(['good#rule', 'strays#rule', 'bricks#rule'])
    expect(acceptance.auditRules([good])).toMatchObject({ faults: [] })
  })

  test('can be taken one by one', () => {
    const { rules, fault } = acceptance.checkStored(good)
    expect(fault).toBeNull()
    expect(acceptance.checkTogether(rules)).toBeNull()
    const send = { type: 'permission:payment:send', detail: { amount: '4' } }
    const strays = acceptance.checkStored({ ...good, examples: { mustBlock: [], mustAllow: [send] } })
    expect(strays).toMatchObject({ rules: [{ key: 'good#rule' }], fault: { step: 'examples' } })
    const silent = acceptance.checkStored({ ...good, source: ruleFile("'permission:channel:send'") })
    expect(acceptance.checkTogether([...rules, ...silent.rules])).toMatchObject({ step: 'must-work' })
  })
})

test('the samples are legal events of every type, the same ones each time', () => {
  for (const type of Object.keys(permissionVocabulary)) {
    const samples = acceptance.samplesOf([type])
    expect(samples.length).toBeGreaterThan(100)
    expect(createRuleAcceptance().samplesOf([type])).toEqual(samples)
  }
  const longest = (type: string, field: string) =>
    Math.max(...acceptance.samplesOf([type]).map(({ event }) => String(event.detail[field]).length))
  expect(longest('permission:bash:exec', 'cmd')).toBeGreaterThan(32_000)
  expect(longest('permission:file:write', 'path')).toBeGreaterThan(4000)
  expect(acceptance.samplesOf(['permission:x', '__proto__'])).toEqual([])
})
