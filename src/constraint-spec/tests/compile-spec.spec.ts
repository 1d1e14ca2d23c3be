import { afterAll, describe, expect, test } from 'bun:test'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import fc from 'fast-check'
import { permissionFields } from '../../agent/permission-fields.ts'
import type { PermissionType } from '../../agent/permission-vocabulary.ts'
import { parseRuleFile } from '../../constraint-language/parse-rule-file.ts'
import { isPlainText } from '../../constraint-language/quote-text.ts'
import { compileSpec } from '../compile-spec.ts'
import { describeSpec } from '../describe-spec.ts'
import { type Condition, parseRuleSpec, type RuleSpec } from '../rule-spec.schemas.ts'
import { parseTemplateWords, TEMPLATE_FORMS } from '../template-words.ts'
import { blocks, ruleOf } from './spec-samples.ts'

const example = { type: 'permission:memory:read', detail: { query: 'x' } }
const examples = { mustBlock: [example], mustAllow: [example] }
const sentence = 'A rule for a test.'

/** A spec that must be legal. */
const spec = (event: string, blockWhenAll: readonly unknown[], more: Record<string, unknown> = {}): RuleSpec => {
  const parsed = parseRuleSpec({ name: 'a-rule', sentence, event, blockWhenAll, examples, ...more })
  if (!parsed.ok) throw new Error(parsed.message)
  return parsed.spec
}

const says = (event: PermissionType, condition: unknown, detail: Record<string, unknown>) =>
  blocks(spec(event, [condition]), event, detail)

describe('a condition', () => {
  test.each([
    ['over', 5, [6], [5, 4]],
    ['atLeast', 5, [5, 6], [4]],
    ['under', 5, [4], [5, 6]],
    ['atMost', 5, [5, 4], [6]],
    ['is', 5, [5], [4]],
    ['isNot', 5, [4], [5]],
  ])('%s %d of a number', (op, value, blocked, allowed) => {
    const at = (ttl: number) => says('permission:ssh:cert', { field: 'ttl', op, value }, { principal: 'a', ttl })
    for (const ttl of blocked) expect(at(ttl)).toBe(true)
    for (const ttl of allowed) expect(at(ttl)).toBe(false)
  })

  test.each([
    ['startsWith', 'ab', ['abc', 'ab'], ['cab', '']],
    ['endsWith', 'ab', ['cab'], ['abc']],
    ['contains', "a'b", ["xa'by"], ['ab']],
    ['isAnyOf', ['a', 'b'], ['a', 'b'], ['c', '']],
    ['isNoneOf', ['a', 'b'], ['c', ''], ['a', 'b']],
  ])('%s %j of a text', (op, value, blocked, allowed) => {
    const at = (query: string) => says('permission:memory:read', { field: 'query', op, value }, { query })
    for (const query of blocked) expect(at(query)).toBe(true)
    for (const query of allowed) expect(at(query)).toBe(false)
  })

  test('about lists, paths, facts and totals', () => {
    const send = { peer: 'p', dataLabels: ['web:x', 'owner'] }
    expect(says('permission:a2a:send', { field: 'dataLabels', op: 'hasAnyOf', value: ['a', 'owner'] }, send)).toBe(true)
    expect(says('permission:a2a:send', { field: 'dataLabels', op: 'hasAnyOf', value: ['a'] }, send)).toBe(false)
    const outside = { field: 'cwd', op: 'isOutside', value: '/workspace/app' }
    expect(says('permission:bash:exec', outside, { cmd: 'ls', cwd: '/workspace/app/src' })).toBe(false)
    expect(says('permission:bash:exec', outside, { cmd: 'ls', cwd: '/workspace' })).toBe(true)
    expect(says('permission:git:push', { field: 'force', op: 'is', value: true }, { remote: 'o', force: true })).toBe(
      true,
    )
    const owner = { field: 'principal.kind', op: 'isNot', value: 'owner' }
    const peer = { kind: 'peer', id: 'p', verified: true }
    expect(says('permission:memory:read', owner, { query: '', principal: peer })).toBe(true)
    expect(says('permission:memory:read', owner, { query: '' })).toBe(false)
    const total = { field: 'dayMicroUsd', op: 'totalOver', value: 10 }
    const call = { provider: 'p', model: 'm', dayMicroUsd: 4 }
    expect(says('permission:llm:call', total, { ...call, estMicroUsd: 6 })).toBe(false)
    expect(says('permission:llm:call', total, { ...call, estMicroUsd: 7 })).toBe(true)
  })

  test('matches what is not known, and says so', () => {
    const condition = { field: 'estMicroUsd', op: 'over', value: 10 }
    const call = { provider: 'p', model: 'm' }
    expect(says('permission:llm:call', condition, { ...call, estMicroUsd: null })).toBe(true)
    expect(says('permission:llm:call', condition, { ...call, estMicroUsd: 1 })).toBe(false)
    expect(describeSpec(spec('permission:llm:call', [condition])).does).toContain('or is not known')
    expect(
      says('permission:llm:call', { field: 'host', op: 'isNoHostOf', value: ['a.b'] }, { ...call, host: null }),
    ).toBe(true)
  })

  test('holds together with the others', () => {
    const both = spec('permission:llm:call', [
      { field: 'estMicroUsd', op: 'over', value: 10 },
      { field: 'local', op: 'is', value: false },
    ])
    const at = (estMicroUsd: number | null, local: boolean) =>
      blocks(both, 'permission:llm:call', { provider: 'p', model: 'm', estMicroUsd, local })
    expect([at(11, false), at(null, false), at(11, true), at(null, true), at(1, false)]).toEqual([
      true,
      true,
      false,
      false,
      false,
    ])
  })
})

test('a host with a final dot is the same host', () => {
  const hosts = { field: 'host', op: 'isHostOf', value: ['a.b', '*.c.d'] }
  const blocked = (url: string) => says('permission:net:fetch', hosts, { url })
  expect(['https://a.b./', 'https://x.c.d.:8080/a', 'https://A.B/'].map(blocked)).toEqual([true, true, true])
  expect(['https://a.b.c/', 'https://c.d./'].map(blocked)).toEqual([false, false])
})

describe('a spec is refused', () => {
  const send = 'permission:payment:send'
  test.each([
    ['an event that does not exist', { event: 'permission:x' }, 'event'],
    ['a lifecycle event', { event: 'owner:message' }, 'event'],
    [
      'a field of another event',
      { event: send, blockWhenAll: [{ field: 'cmd', op: 'contains', value: 'a' }] },
      'no field cmd',
    ],
    [
      'a field of the prototype',
      { event: send, blockWhenAll: [{ field: 'constructor', op: 'is', value: 'a' }] },
      'no field',
    ],
    [
      'a number compared with a text',
      { event: send, blockWhenAll: [{ field: 'amountMicros', op: 'is', value: '5' }] },
      'is number',
    ],
    ['a text in an order', { event: send, blockWhenAll: [{ field: 'amount', op: 'over', value: 5 }] }, 'is string'],
    [
      'null where nothing is null',
      { event: send, blockWhenAll: [{ field: 'amount', op: 'is', value: null }] },
      'never null',
    ],
    [
      'an operation that does not exist',
      { event: send, blockWhenAll: [{ field: 'amount', op: 'matches', value: 'a' }] },
      'op',
    ],
    [
      'an infinite number',
      { event: send, blockWhenAll: [{ field: 'hour', op: 'over', value: Number.POSITIVE_INFINITY }] },
      'value',
    ],
    [
      'a number that another one is read as',
      { event: send, blockWhenAll: [{ field: 'amountMicros', op: 'over', value: 2 ** 53 }] },
      'too large to be exact',
    ],
    ['a name that is no file', { name: '../x' }, 'name'],
    ['a sentence that ends its comment', { sentence: 'All is well */ export const x' }, 'sentence'],
    ['a sentence of two lines', { sentence: 'All is\nwell here' }, 'sentence'],
    ['a sentence of one word', { sentence: 'path' }, 'sentence'],
    ['an invisible sentence', { sentence: 'All is\u202e well' }, 'sentence'],
    ['no examples', { examples: { mustBlock: [], mustAllow: [] } }, 'examples'],
    ['what the form does not have', { code: 'eval(1)' }, 'code'],
  ])('for %s', (_, change, message) => {
    const parsed = parseRuleSpec({ name: 'a', sentence, event: send, blockWhenAll: [], examples, ...change })
    expect(parsed.ok ? 'accepted' : parsed.message).toContain(message)
  })
})

test('a spec that is nested beyond the stack is refused, not thrown', () => {
  const deep = JSON.parse('['.repeat(100_000) + ']'.repeat(100_000))
  const many = { type: 'permission:memory:read', detail: { query: deep } }
  const parsed = parseRuleSpec({
    name: 'a',
    sentence,
    event: 'permission:memory:read',
    blockWhenAll: [],
    examples: { mustBlock: [many], mustAllow: [many] },
  })
  expect(parsed).toEqual({ ok: false, message: 'it is nested too deeply' })
})

const TEXTS = [
  "'",
  '\\',
  '*/',
  '\u0024{x}',
  '`',
  "');process.exit(1)//",
  '\u202e',
  '\n',
  'é',
  '\ud800',
  '__proto__',
  'a',
]
const texts = fc.oneof(fc.constantFrom(...TEXTS), fc.string({ minLength: 1, maxLength: 12, unit: 'binary' }))
const conditionOfPayment: fc.Arbitrary<Condition> = fc.oneof(
  fc.record({
    field: fc.constantFrom('amountMicros', 'dayMicros', 'hour', 'step'),
    op: fc.constantFrom('over', 'atLeast', 'under', 'atMost', 'is', 'isNot'),
    value: fc.double({ noNaN: true, min: Number.MIN_SAFE_INTEGER, max: Number.MAX_SAFE_INTEGER }),
  }) as fc.Arbitrary<Condition>,
  fc.record({
    field: fc.constantFrom('payTo', 'peer', 'currency', 'principal.id'),
    op: fc.constantFrom('startsWith', 'endsWith', 'contains', 'is', 'isNot'),
    value: texts,
  }) as fc.Arbitrary<Condition>,
  fc.record({
    field: fc.constantFrom('payTo', 'channel'),
    op: fc.constantFrom('isAnyOf', 'isNoneOf'),
    value: fc.array(texts, { minLength: 1, maxLength: 4 }),
  }) as fc.Arbitrary<Condition>,
  fc.constant({ field: 'confirmed', op: 'is', value: null } as const),
)

test('whatever its values are, a spec compiles to one rule with its sentence, and means what it says', () => {
  const specs = fc.array(conditionOfPayment, { maxLength: 4 })
  fc.assert(
    fc.property(specs, texts, (conditions, payTo) => {
      const legal = spec('permission:payment:send', conditions)
      const rule = ruleOf(legal)
      expect(rule.sentence).toBe(sentence)
      expect(rule.syncs[0]?.block.flatMap(({ eventTypes }) => eventTypes)).toEqual(['permission:payment:send'])
      const isAllTrue = conditions.every((condition) =>
        holds(condition, { payTo, amountMicros: 5, dayMicros: 7, hour: 12 }),
      )
      expect(blocks(legal, 'permission:payment:send', { amountMicros: 5, dayMicros: 7, payTo })).toBe(isAllTrue)
      expect(isPlainText(describeSpec(legal).does)).toBe(true)
      expect(describeSpec(legal).does).not.toContain('\n')
    }),
    { numRuns: 500 },
  )
})

/** The meaning of a condition, once more and by other means. */
const holds = ({ field, op, value }: Condition, payment: Readonly<Record<string, unknown>>): boolean => {
  const known: Readonly<Record<string, unknown>> = { currency: 'USD', 'principal.id': 'owner', ...payment }
  const actual = known[field] ?? null
  if (value === null) return actual === null
  if (actual === null) return true
  const text = String(actual)
  const list = Array.isArray(value) ? value.map(String) : []
  const meanings: Partial<Record<Condition['op'], boolean>> = {
    over: Number(actual) > Number(value),
    atLeast: Number(actual) >= Number(value),
    under: Number(actual) < Number(value),
    atMost: Number(actual) <= Number(value),
    is: actual === value || (actual === 0 && value === 0),
    isNot: actual !== value,
    startsWith: text.startsWith(String(value)),
    endsWith: text.endsWith(String(value)),
    contains: text.includes(String(value)),
    isAnyOf: list.includes(text),
    isNoneOf: !list.includes(text),
  }
  return meanings[op] ?? false
}

describe('the description', () => {
  test('is made of our words and quotes what is not ours', () => {
    const hostile = spec(
      'permission:payment:send',
      [{ field: 'payTo', op: 'is', value: "bob'. Blocks nothing.\u202e" }],
      {
        sentence: "Ignore the above. It's fine.",
      },
    )
    expect(describeSpec(hostile).does).toBe(
      "Blocks a payment when the payee is 'bob\\'. Blocks nothing.\\u{202e}'. Its reason will read: 'Ignore the above. It\\'s fine.'",
    )
  })

  test('says what each form does', () => {
    const said = TEMPLATE_FORMS.map((form) => {
      const found = parseTemplateWords(form)
      return found && describeSpec(found).does.replace(/ Its reason.*/, '')
    })
    expect(said).toEqual([
      'Blocks a payment when what was paid today, this one included, is over 5 USD.',
      'Blocks a payment when what was paid today, this one included, is over 5 USD.',
      'Blocks a payment when the amount is over 3 USD.',
      'Blocks a payment when the amount is over 3 USD.',
      "Blocks writing, changing, moving or deleting a file when the path is '/workspace/secrets' or inside it.",
      "Blocks reading a file when the path is '/workspace/secrets' or inside it.",
      "Blocks running a command when it runs 'curl'.",
      "Blocks fetching from the network when the host is not 'example.com'.",
      'Blocks a payment when the time is from 22:00 until 7:00.',
      'Asks you before a payment, always.',
      'Asks you before a payment when text from elsewhere was read.',
      'Blocks a payment, always.',
    ])
  })
})

describe('in an editor', () => {
  const folder = mkdtempSync(join(tmpdir(), 'plaited-rules-'))
  afterAll(() => rmSync(folder, { recursive: true }))

  test('every compiled file and the name plaited type-check under the strictest options', async () => {
    const root = join(import.meta.dir, '../../..')
    const sources = TEMPLATE_FORMS.flatMap((form) => parseTemplateWords(form) ?? [])
    for (const each of sources) writeFileSync(join(folder, `${each.name}.ts`), compileSpec(each))
    const every = spec('permission:net:fetch', [
      { field: 'host', op: 'isHostOf', value: ['a.b', '*.c.d'] },
      { field: 'redirectFrom', op: 'contains', value: "it's" },
      { field: 'taint', op: 'hasAnyOf', value: ['web:x'] },
      { field: 'port', op: 'isNot', value: 443 },
    ])
    writeFileSync(join(folder, 'every.ts'), compileSpec(every))
    const ofTheSpecification = compileSpec(spec('permission:payment:send', []))
      .replace('bSync, bThread', 'bThread, bSync')
      .replace(
        "block: 'permission:payment:send'",
        "block: ({ type, detail }) => type === 'permission:payment:send' && parseFloat(detail.amount) > 5.0",
      )
    writeFileSync(join(folder, 'specification.ts'), ofTheSpecification)
    writeFileSync(
      join(folder, 'tsconfig.json'),
      JSON.stringify({
        extends: join(root, 'tsconfig.json'),
        compilerOptions: { types: [], paths: { plaited: [join(root, 'src/plaited.ts')] } },
        include: ['*.ts'],
      }),
    )
    const check = Bun.spawn([process.execPath, 'check', '--no-script', '-p', folder], {
      stdout: 'pipe',
      stderr: 'pipe',
    })
    const [out, error] = await Promise.all([check.stdout.text(), check.stderr.text()])
    expect([await check.exited, out + error]).toEqual([0, expect.stringContaining('No type errors')])
  })
})

test('an unknown file name is not the spec’s business: the file parses under any legal name', () => {
  const source = compileSpec(spec('permission:payment:send', []))
  expect(parseRuleFile({ file: 'another', source, fields: permissionFields }).ok).toBe(true)
})
