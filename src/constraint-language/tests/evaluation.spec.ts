import { describe, expect, test } from 'bun:test'
import { RuleFault } from '../rule-fault.ts'
import { bashOf, paymentOf, predicate, writeOf } from './sample-rules.ts'

const write = (expression: string, constants = '') =>
  predicate(`on('permission:file:write', ({ type, detail }) => ${expression})`, constants)
const bash = (expression: string, constants = '') =>
  predicate(`on('permission:bash:exec', ({ detail }) => ${expression})`, constants)

const faultOf = (run: () => unknown): RuleFault => {
  try {
    run()
  } catch (error) {
    if (error instanceof RuleFault) return error
    throw error
  }
  throw new Error('no fault')
}

describe('expressions mean what they mean in JavaScript', () => {
  const event = writeOf('/workspace/src/app.ts', { hour: 14, bytes: 10 })
  test.each([
    ["detail.op === 'create'", true],
    ["detail.op !== 'create'", false],
    ["'create' === detail.op", true],
    ['detail.hour > 13 && detail.hour <= 14', true],
    ['detail.hour < 9 || detail.hour >= 18', false],
    ['!detail.exec', true],
    ['-detail.hour < -13', true],
    ['(detail.hour + 2) * 3 - 8 === 40', true],
    ['detail.hour % 5 === 4', true],
    ['detail.hour / 4 === 3.5', true],
    ['detail.confirmed === null', true],
    ['detail.confirmed !== null && detail.confirmed.at > 5', false],
    ['(detail.bytes ?? 0) === 10', true],
    ["(detail.rel ?? 'x') + '!' === 'src/app.ts!'", true],
    // biome-ignore lint/suspicious/noTemplateCurlyInString: the text of a rule
    ['`${detail.hour}:00` === "14:00"', true],
    ["(detail.exec ? 'a' : 'b') === 'b'", true],
    ["detail.path.startsWith('/workspace/')", true],
    ["detail.path.endsWith('.ts') && detail.path.includes('src')", true],
    ["detail.path.slice(detail.path.lastIndexOf('/') + 1) === 'app.ts'", true],
    ["detail.path.slice(0, 10) === '/workspace'", true],
    ["detail.path.split('/').length === 4", true],
    ["detail.path.split('/')[2] === 'src'", true],
    ['detail.path.toUpperCase().toLowerCase().trim() === detail.path', true],
    ["detail.path.length > 5 && detail.path.indexOf('x') === -1", true],
    ["detail.taint.includes('owner')", true],
    ["detail.taint.some((label) => label.startsWith('web:'))", true],
    ["detail.taint.every((label) => label === 'owner')", false],
    ["detail.taint.filter((label) => label !== 'owner').length === 1", true],
    ['detail.taint.map((label) => label.length).includes(5)', true],
    ["detail.taint.some((label, index) => index === 1 && label === 'owner')", false],
    ["detail.taint.slice(1).join('+') === 'web:example.com'", true],
    ["['src', 'test'].some((folder) => detail.rel !== null && detail.rel.startsWith(folder))", true],
    ['Math.max(Math.min(detail.hour, 3), Math.floor(2.5), Math.abs(-1)) === 3', 'two'],
    ['Math.round(2.5) + Math.ceil(0.2) === 4', true],
    ["Number('0x10') === 16 && parseInt('12px', 10) === 12 && parseInt('7') === 7", true],
    ["String(detail.hour) === '14' && String(detail.confirmed) === 'null'", true],
    ["type === 'permission:file:write'", true],
    ["detail.principal.kind === 'owner' && detail.principal.verified", true],
    ['detail.rel', true],
    ['detail.bytes', true],
  ] as const)('%s', (expression, expected) => {
    if (expected === 'two') expect(() => write(expression)).toThrow('wrong number')
    else expect(write(expression).test(event)).toBe(expected)
  })

  test('constants are computed once, and may be lists, objects and patterns', () => {
    const constants = `const limits = { small: 5, names: ['a', 'b'] }
const large = limits.small * 1_000
const endings = [/\\.env$/, /\\.pem$/]
const suffix = '.e' + 'nv'
const isOver = (value, limit) => value > limit`
    const source = `isOver(detail.bytes ?? 0, large) || endings.some((ending) => ending.test(detail.path)) ||
      detail.path.endsWith(suffix + limits.names[0])`
    expect(write(source, constants).test(writeOf('/a', { bytes: 5001 }))).toBe(true)
    expect(write(source, constants).test(writeOf('/a.pem'))).toBe(true)
    expect(write(source, constants).test(writeOf('/x.enva'))).toBe(true)
    expect(write(source, constants).test(writeOf('/a'))).toBe(false)
  })

  test('helpers nest, also within themselves', () => {
    const constants = `const first = (text) => text.slice(0, 1)
const both = (a, b) => first(a) + first(b)
const has = ({ argv }, word) => argv.some((each) => each === word)`
    expect(write("both(both('ab', 'cd'), detail.path) === 'a/'", constants).test(writeOf('/x'))).toBe(true)
    expect(
      bash("detail.commands.some((c) => has(c, 'push') && has(c, '--force'))", constants).test(
        bashOf('git push --force'),
      ),
    ).toBe(true)
  })

  test('a function may return from a block', () => {
    const listener = predicate("({ type, detail }) => { return type === 'permission:file:write' && detail.exec }")
    expect(listener.test(writeOf('/a', { exec: true }))).toBe(true)
  })
})

describe('a fault, never a guess, when', () => {
  test.each([
    ['a member of null is read', 'detail.confirmed.at > 5', {}, 'cannot read .at of null'],
    ['a method of null is called', "detail.rel.endsWith('x')", { rel: null }, 'got null'],
    ['a field is missing', 'detail.exec', { exec: undefined }, 'no .exec'],
    ['an order meets null', 'detail.bytes > 5', { bytes: null }, 'got null'],
    ['arithmetic meets null', 'detail.bytes + 1 > 0', { bytes: null }, 'got null'],
    ['a number cannot be read', 'parseFloat(detail.path) > 5', {}, 'got NaN'],
    ['an unreadable number is compared', 'parseFloat(detail.path) === 5', {}, 'NaN'],
    ['an unreadable number is a condition', 'parseFloat(detail.path)', {}, 'NaN'],
    ['an unreadable number is negated', '!parseFloat(detail.path)', {}, 'NaN'],
    [
      'the fault stands beside what is certain',
      '(detail.bytes > 5 || true) && detail.exec',
      { bytes: null },
      'got null',
    ],
    ['a pattern gets null', '/x/.test(detail.rel)', { rel: null }, 'got null'],
    ['a pattern gets a number', '/x/.test(detail.path)', { path: 5 }, 'got a number'],
    ['the event is not as described', 'detail.path.length > 1', { path: 5 }, 'needs an array'],
    ['an index is outside', "detail.taint[7] === 'x'", {}, 'no element'],
    ['an index is fractional', "detail.taint[0.5] === 'x'", {}, 'no element'],
    ['a list is not one', "detail.taint.includes('x')", { taint: 'x' }, 'got a string'],
    ['an object is printed', 'String(detail.rel).length > 1', { rel: {} }, 'cannot print'],
  ] as const)('%s', (_, expression, more, reason) => {
    const fault = faultOf(() => write(expression).test(writeOf('/workspace/a', more)))
    expect(fault.reason).toContain(reason)
    expect(fault.key).toBe('sample#rule')
    expect(fault.line).toBe(3)
  })

  test('the detail is missing', () => {
    const event = { type: 'permission:file:write', detail: JSON.parse('null') }
    expect(faultOf(() => write('detail.exec').test(event)).reason).toContain('of null')
  })

  test('a payment has no amount', () => {
    const rule = predicate("on('permission:payment:send', ({ detail }) => parseFloat(detail.amount) > 5)")
    expect(() => rule.test(paymentOf('five'))).toThrow(RuleFault)
    expect(() => rule.test(paymentOf(6))).toThrow(RuleFault)
    expect(rule.test(paymentOf('5.01'))).toBe(true)
  })
})

describe('the step limit', () => {
  test('ends loops within loops', () => {
    const list = Array.from({ length: 1000 }, (_, index) => `label ${index}`)
    const loops = bash(
      'detail.programs.every((a) => detail.programs.every((b) => detail.programs.every((c) => a !== b || b === c || c !== a)))',
    )
    expect(faultOf(() => loops.test(bashOf('x', { programs: list }))).reason).toContain('step limit')
    expect(loops.test(bashOf('x', { programs: ['a', 'b'] }))).toBe(true)
  })

  test('ends text that grows', () => {
    const constants = Array.from(
      { length: 18 },
      (_, i) => `const g${i + 1} = (text) => ${i ? `g${i}(text + text)` : 'text + text'}`,
    )
    const growing = bash("g18(detail.cmd) === 'x'", constants.join('\n'))
    expect(faultOf(() => growing.test(bashOf('x'.repeat(10_000)))).reason).toContain('step limit')
  })

  test('ends text that is joined from one long piece', () => {
    const joined = bash("detail.programs.map((p) => detail.cmd).join('').length > 5")
    expect(
      faultOf(() => joined.test(bashOf('x'.repeat(10_000), { programs: Array.from({ length: 1000 }, String) }))).reason,
    ).toContain('step limit')
  })

  test.each([
    ['a search for a long part', "detail.cmd.includes(detail.cmd.slice(20000) + 'b' + detail.cmd.slice(20000))"],
    ['the same from the end', "detail.cmd.lastIndexOf(detail.cmd.slice(20000) + 'bb' + detail.cmd.slice(20000)) > 0"],
    ['a cut at a long part', "detail.cmd.split(detail.cmd.slice(20000) + 'b' + detail.cmd.slice(20000)).length > 1"],
    ['many comparisons of long texts', 'differs(detail.programs, detail.cmd.slice(1), detail.cmd.slice(1))'],
    ['many beginnings of long texts', 'begins(detail.programs, detail.cmd.slice(1), detail.cmd.slice(1))'],
    [
      'looking for a long text in a list',
      "has(detail.programs, detail.programs.map((p) => detail.cmd), detail.cmd.slice(1) + 'b')",
    ],
    [
      'many readings of a long number',
      'detail.programs.some((p) => parseInt(detail.cmd, 16) < 0 || parseFloat(detail.cmd) < 0)',
    ],
  ])('ends %s', (_, expression) => {
    const helpers = [
      'const differs = (all, x, y) => all.some(() => all.some(() => x !== y))',
      'const begins = (all, x, y) => all.some(() => all.some(() => !x.startsWith(y)))',
      'const has = (all, list, x) => all.some(() => list.includes(x))',
    ]
    const long = bash(expression, helpers.join('\n'))
    const event = bashOf('1'.repeat(32_000), { programs: Array.from({ length: 350 }, String) })
    expect(faultOf(() => long.test(event)).reason).toContain('step limit')
    expect(long.test(bashOf('1111', { programs: ['b'] }))).toBe(false)
  })

  test('ends a slow pattern', () => {
    const slow = bash('detail.programs.every((p) => !/(?:a|b)*a(?:a|b){50}[cd]/.test(detail.cmd))')
    const event = bashOf('abbabaab'.repeat(4096), { programs: Array.from({ length: 100 }, String) })
    expect(faultOf(() => slow.test(event)).reason).toContain('step limit')
  })

  test('holds for constants, for a whole file', () => {
    const loop = 'numbers.every((x) => numbers.every((y) => numbers.every((z) => x + y + z > 0)))'
    const constants = `const numbers = [${Array.from({ length: 200 }, (_, i) => i + 1).join(', ')}]\nconst all = ${loop}`
    expect(() => write('all', constants)).toThrow('step limit')
  })

  test('leaves the stack to the deepest helpers that the other limits allow', () => {
    const constants = Array.from({ length: 19 }, (_, i) => `const h${i + 1} = (a) => ${'!'.repeat(118)}h${i}(a)`)
    const deep = write('h19(detail.hour)', ['const h0 = (a) => a === 1', ...constants].join('\n'))
    expect(deep.test(writeOf('/a', { hour: 1 }))).toBe(true)
  })

  test('starts anew for each event, and leaves room for ordinary rules over a command of 32 KiB', () => {
    const constants =
      'const patterns = [/rm\\s+-rf\\s+\\//, /mkfs/, /dd\\s+if=/, /curl.*\\|\\s*sh/, /chmod\\s+-R\\s+777/]'
    const ordinary = bash('patterns.some((p) => p.test(detail.cmd))', constants)
    const event = bashOf(`echo ${'rm -r f '.repeat(4000)}`)
    for (let round = 0; round < 3; round += 1) expect(ordinary.test(event)).toBe(false)
  })
})
