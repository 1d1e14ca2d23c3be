import { describe, expect, test } from 'bun:test'
import { faultsOf, fileWith } from './sample-rules.ts'

const PAYMENT = "'permission:payment:send'"
const IMPORT = "import { bThread, bSync, on } from 'plaited'\n"
const RULE = `export const rule = bThread([bSync({ block: ${PAYMENT} })], true)\n`

/** A predicate over bash events whose body is refused. */
const body = (expression: string): string => fileWith(`on('permission:bash:exec', ({ detail }) => ${expression})`)
const above = (constants: string): string => fileWith(PAYMENT, constants)

const doublingHelpers = (count: number): string => {
  const first = 'const f0 = (a) => a === 1'
  const more = Array.from({ length: count }, (_, i) => `const f${i + 1} = (a) => f${i}(a) && f${i}(a)`)
  return [first, ...more].join('\n')
}

/** Each object holds the one before twice, so that 40 lines describe more than could ever be visited. */
const doublingTypes = (name: string): string =>
  [
    `const ${name}0 = { x: 1 }`,
    ...Array.from({ length: 40 }, (_, i) => `const ${name}${i + 1} = { x: ${name}${i}, y: ${name}${i} }`),
  ].join('\n')

const refusals: readonly (readonly [what: string, source: string, reason: string])[] = [
  // What would run, load or reach something.
  ['a macro import', `import { x } from './evil' with { type: 'macro' }\n${RULE}`, 'import from'],
  ['import attributes', `import { bThread } from 'plaited' with { type: 'macro' }\n${RULE}`, 'import attributes'],
  ['another import', `${IMPORT}import fs from 'node:fs'\n${RULE}`, 'import from'],
  ['an import for its effect', `${IMPORT}import './evil.ts'\n${RULE}`, 'import from'],
  ['a macro specifier', `import { bThread } from 'macro:plaited'\n${RULE}`, 'import from'],
  ['a default import', `import plaited from 'plaited'\n${RULE}`, 'default import'],
  ['a namespace import', `import * as plaited from 'plaited'\n${RULE}`, 'namespace import'],
  ['an import under another name', `import { bThread as t, bSync } from 'plaited'\n${RULE}`, 'another name'],
  ['an import of something else', `import { behavioral } from 'plaited'\n${RULE}`, 'does not have'],
  ['import()', body("import('node:fs')"), 'import()'],
  ['import.meta', body("import.meta.path === ''"), 'import.meta'],
  ['require', body("require('fs')"), 'cannot be called'],
  ['eval', body("eval('1')"), 'name `eval`'],
  ['Function', body("Function('return 1')()"), 'name `Function`'],
  ['new', body('new RegExp(detail.cmd).test(detail.cmd)'), '`new`'],
  ['fetch', body("fetch('http://x')"), 'cannot be called'],
  ['a tagged template', body('String.raw`x`'), 'tagged template'],
  ['this', body('this === null'), '`this`'],
  ['globalThis', body('globalThis.process'), 'name `globalThis`'],
  ['process', body('process.env.HOME === null'), 'no `process`'],
  ['the clock', body('Date.now() > 5'), 'no `Date`'],
  ['chance', body('Math.random() > 0.5'), 'no `Math`'],
  // Prototypes.
  ['constructor', body('detail.constructor === null'), 'name `constructor`'],
  ['a chain of constructors', body("''.constructor.constructor('return 1')()"), 'name `constructor`'],
  ['__proto__ member', body('detail.__proto__ === null'), 'name `__proto__`'],
  ['__proto__ key', above('const a = { __proto__: null }'), 'name `__proto__`'],
  ['__proto__ as text', above("const a = { '__proto__': 1 }"), 'name `__proto__`'],
  ['prototype', body('String.prototype === null'), 'name `prototype`'],
  ['toString', body("detail.cmd.toString() === ''"), 'name `toString`'],
  ['call', body("detail.cmd.includes.call('', '')"), 'name `call`'],
  ['a member by text', body("detail['cmd'] === ''"), 'member by text'],
  ['a computed member', body("detail['c' + 'md'] === ''"), 'only arrays have'],
  ['a member by a field', body('detail[detail.cmd] === null'), 'only arrays have'],
  ['a computed key', above("const a = { ['x']: 1 }"), 'computed name'],
  ['a getter', above('const a = { get x() { return 1 } }'), 'method, getter'],
  ['a method', above('const a = { x() { return 1 } }'), 'method, getter'],
  ['a field of the prototype', body("detail.cmd.anchor('x') === ''"), 'no method `anchor`'],
  ['a method as a value', body('detail.cmd.includes'), 'no `includes`'],
  ['an alias of a method', above("const test = 'a'.includes"), 'no `includes`'],
  ['an alias of a function', above('const f = parseFloat'), 'no `parseFloat`'],
  // What changes something, or never ends.
  ['an assignment', body('(detail.cmd = 5)'), 'assignment'],
  ['an update', body('detail.hour++ > 5'), 'assignment'],
  ['let', above('let a = 1'), '`let`'],
  ['var', above('var a = 1'), '`var`'],
  ['delete', body('delete detail.cmd'), '`delete`'],
  ['a loop', above('for (;;) {}'), 'loop'],
  ['while', above('while (true) {}'), 'loop'],
  ['a label', above('a: 1'), 'statement'],
  ['a block', above('{ }'), 'not part of a rule file'],
  ['a statement', above("'use strict'"), 'not a declaration'],
  ['if', above('if (true) {}'), 'statement'],
  ['throw', above("throw 'x'"), 'statement'],
  ['debugger', above('debugger'), 'DebuggerStatement'],
  ['function', above('function f() { return 1 }'), '`function`'],
  ['a function expression', fileWith('function () { return true }'), '`function`'],
  ['a class', above('class A {}'), 'class'],
  ['async', fileWith('async () => true'), 'async'],
  ['await', above('const a = await 1'), 'waiting'],
  ['several statements', fileWith('({ detail }) => { const a = 1; return a === 1 }'), 'several statements'],
  ['no return', fileWith('() => {}'), 'several statements'],
  ['recursion', fileWith('() => f(1)', 'const f = (a) => f(a)'), '`f` cannot be called'],
  [
    'recursion by another',
    fileWith('() => f(1)', 'const f = (a) => g(a)\nconst g = (a) => f(a)'),
    '`g` cannot be called',
  ],
  ['a name before it is declared', above('const a = b\nconst b = 1'), 'no `b`'],
  ['a call of a call', body('((a) => a)(1) === 1'), 'only named functions'],
  ['the comma', body('(1, true)'), 'comma'],
  ['spread', above('const a = [...[1]]'), '`...`'],
  ['spread in a call', body('Math.max(...[1, 2]) > 1'), '`...`'],
  ['rest', fileWith('({ ...all }) => all'), '`...`'],
  ['a default value', fileWith('({ detail = 1 }) => true'), 'default value'],
  ['a nested pattern', fileWith('({ detail: { cmd } }) => cmd'), 'more than once'],
  ['an array pattern', above('const [a] = [1]'), 'takes values apart'],
  ['a hole', above('const a = [1, , 2]'), 'hole'],
  ['==', body("detail.cmd == ''"), '`==`'],
  ['!=', body("detail.cmd != ''"), '`!=`'],
  ['typeof', body("typeof detail.cmd === 'string'"), '`typeof`'],
  ['in', body("'cmd' in detail"), '`in`'],
  ['instanceof', body('detail instanceof Object'), '`instanceof`'],
  ['**', body('2 ** 3 > 4'), '`**`'],
  ['bits', body('(1 | 2) > 2'), '`|`'],
  ['optional members', body('detail?.cmd'), '`?.`'],
  ['optional calls of globals', body("parseFloat?.('1') > 1"), '`?.`'],
  ['undefined', body('detail.cmd === undefined'), 'no `undefined`'],
  ['a bigint', body('detail.hour > 5n'), 'bigint'],
  ['an infinite number', body('detail.hour > 1e999'), 'too large'],
  ['a number that another one is read as', body('detail.hour > 9007199254740993'), 'too large to be exact'],
  ['void', body('void 0'), '`void`'],
  // Names.
  ['a redeclared function', above('const parseFloat = (a) => 1'), 'already has a meaning'],
  ['a shadowing parameter', fileWith('(a) => a.type === a', 'const a = 1'), 'hides another'],
  ['a parameter named like a function', fileWith('(Math) => true'), 'already has a meaning'],
  ['a callback hiding a parameter', body('detail.programs.some((detail) => detail === "x")'), 'hides another'],
  ['an import hidden', fileWith('(on) => true'), 'hides another'],
  ['an escaped name', above('const \\u0061bc = 1'), 'escapes'],
  ['a name beyond ASCII', above('const а = 1'), 'beyond ASCII'],
  ['a second declaration', above('const a = 1\nconst a = 2'), 'already been declared'],
  ['a private name', body('detail.#cmd'), 'must be declared'],
  // The form of a rule.
  ['no rule', `${IMPORT}const a = 1\n`, 'exports no rule'],
  ['an empty file', '', 'exports no rule'],
  ['export default', `${IMPORT}export default bThread([bSync({ block: ${PAYMENT} })], true)`, 'form of export'],
  ['export list', `${IMPORT}const a = 1\nexport { a }`, 'form of export'],
  ['export from', `${IMPORT}export { a } from './b'`, 'form of export'],
  ['export all', `${IMPORT}export * from './b'`, 'form of export'],
  ['an exported function', `${IMPORT}export function a() {}`, 'form of export'],
  ['an exported value', `${IMPORT}export const a = 1`, 'not a call of `bThread`'],
  ['two exports at once', `${IMPORT}export const a = 1, b = 2`, 'not part of a rule file'],
  ['bThread without its import', RULE, 'is not imported'],
  [
    'on without its import',
    fileWith("on('permission:payment:send', () => true)").replace(', on', ''),
    'makes no listener',
  ],
  ['a rule inside a rule', `${IMPORT}const a = bThread([], true)\n${RULE}`, 'cannot be called'],
  ['request', RULE.replace('block:', "request: { type: 'x' }, block:"), '`request` is not allowed'],
  ['request as text', RULE.replace('block:', "'request': { type: 'x' }, block:"), '`request` is not allowed'],
  ['interrupt', RULE.replace('block:', "interrupt: 'x', block:"), '`interrupt` is not allowed'],
  ['another idiom', RULE.replace('block:', "allow: 'x', block:"), 'no `allow`'],
  ['a block twice', RULE.replace('block:', `block: ${PAYMENT}, block:`), 'twice'],
  ['no repeat', RULE.replace(', true', ''), 'repeat forever'],
  ['repeat false', RULE.replace('true', 'false'), 'repeat forever'],
  ['repeat by a function', RULE.replace('true', '() => true'), 'repeat forever'],
  ['no sync', RULE.replace(/\[.*\]/, '[]'), 'blocks nothing'],
  ['a sequence that stops at once', RULE.replace('[bSync', `[bSync({ block: ${PAYMENT} }), bSync`), 'never reached'],
  ['a sequence too long', RULE.replace('[', `[${`bSync({ waitFor: 'turn:start' }), `.repeat(16)}`), 'more than 16'],
  [
    'a sequence that blocks nothing',
    RULE.replace('[', "[bSync({ waitFor: 'turn:start' }), ").replace('block', 'waitFor'),
    'blocks nothing',
  ],
  ['an empty sync', RULE.replace('[', '[bSync({}), '), 'does nothing'],
  ['a hole in a sequence', RULE.replace('[', '[, '), 'hole'],
  ['no block', RULE.replace('block', 'waitFor'), 'blocks nothing'],
  ['an empty block', RULE.replace(PAYMENT, '[]'), 'is empty'],
  ['a block of true', RULE.replace(PAYMENT, 'true'), 'not the name of an event'],
  ['a generator', `${IMPORT}export const rule = function* () {}`, '`function`'],
  // Events and fields.
  ['an unknown event', fileWith("'permission:file:wirte'"), 'no event `permission:file:wirte`'],
  ['an unknown event in on', fileWith("on('permission:x', () => true)"), 'no event'],
  ['an unknown event compared', fileWith("({ type }) => type === 'permission:x'"), 'no event `permission:x`'],
  ['an event that is not a permission', fileWith("'turn:start'"), 'cannot be blocked'],
  ['the same in a comparison', fileWith("({ type }) => type === 'turn:start'"), 'cannot be blocked'],
  ['on without a predicate', fileWith("on('permission:payment:send')"), 'takes an event and a predicate'],
  ['an unknown field', body('detail.cmdd === ""'), 'no field `cmdd`'],
  ['an unknown nested field', body("detail.principal.name === ''"), 'no field `name`'],
  ['an unknown field of the event', fileWith('(event) => event.details'), 'an event has no `details`'],
  [
    'a value that a field never has',
    fileWith("on('permission:file:write', ({ detail }) => detail.op === 'remove')"),
    'never true',
  ],
  ['types that never meet', body('detail.cmd === 5'), 'never equal'],
  [
    'two types at once',
    fileWith("({ type }) => type === 'permission:bash:exec' && type === 'permission:file:read'"),
    'never true',
  ],
  ['text in an order', fileWith("on('permission:payment:send', ({ detail }) => detail.amount > 5)"), 'not a number'],
  ['an array as a condition', body('detail.taint'), 'always true'],
  ['a function as a value', fileWith('() => f', 'const f = (a) => a'), 'is a function'],
  ['a pattern on a number', body('/5/.test(detail.hour)'), 'tests strings'],
  ['a method of another type', body("detail.cmd.some((a) => a === 'x')"), 'no method `some`'],
  ['too few values', body('detail.cmd.startsWith()'), 'wrong number'],
  ['a predicate that is never true', body('false'), 'never true'],
  // Patterns.
  ['flag g', body('/a/g.test(detail.cmd)'), 'flag `g`'],
  ['flag y', body('/a/y.test(detail.cmd)'), 'flag `y`'],
  ['flag d', body('/a/d.test(detail.cmd)'), 'flag `d`'],
  ['flag m', body('/a/m.test(detail.cmd)'), 'flag `m`'],
  ['flag u', body('/a/u.test(detail.cmd)'), 'flag `u`'],
  ['flag v', body('/a/v.test(detail.cmd)'), 'flag `v`'],
  ['a lookahead', body('/a(?=b)/.test(detail.cmd)'), 'lookahead'],
  ['a lookbehind', body('/(?<=a)b/.test(detail.cmd)'), 'lookbehind'],
  ['a backreference', body('/(a)\\1/.test(detail.cmd)'), 'escape `\\1`'],
  ['a named group', body('/(?<a>b)/.test(detail.cmd)'), 'named groups'],
  ['inline flags', body('/(?i:a)/.test(detail.cmd)'), 'inline flags'],
  ['a huge repetition', body('/a{1000}/.test(detail.cmd)'), 'repetition of more'],
  ['nested repetitions', body('/((a{50}){50}){50}/.test(detail.cmd)'), 'states'],
  ['a long pattern', body(`/${'a'.repeat(501)}/.test(detail.cmd)`), '501 characters'],
  ['case folding beyond ASCII', body('/é/i.test(detail.cmd)'), 'beyond ASCII'],
  ['an empty class', body('/[]/.test(detail.cmd)'), 'empty `[ ]`'],
  ['a pattern with an error', body('/(/.test(detail.cmd)'), 'regular expression'],
  // Characters and sizes.
  ['a reordering comment', above('// \u202e'), 'U+202E'],
  ['a zero-width character', body("detail.cmd === 'a\u200bb'"), 'U+200B'],
  ['a control character', above('// \u0007'), 'U+0007'],
  ['a lone carriage return', above('// a\rconst b = 1'), 'U+000D'],
  ['a byte order mark', `\ufeff${RULE}`, 'U+FEFF'],
  ['a tag character', above('// \u{e0041}'), 'U+E0041'],
  ['a line separator', above('// \u2028'), 'U+2028'],
  ['a lone surrogate', above('// \ud800'), 'U+D800'],
  ['a hashbang', `#!/bin/sh\n${IMPORT}${RULE}`, 'nexpected'],
  ['an HTML comment', above('<!-- x'), 'nexpected'],
  ['type syntax', above('const a: number = 1'), 'nexpected'],
  ['a file too large', `// ${'a'.repeat(33_000)}`, 'bytes'],
  ['too many nodes', above(`const a = [${`[${'1,'.repeat(200)}],`.repeat(60)}]`), 'syntax nodes'],
  ['an array too long', above(`const a = [${'1,'.repeat(300)}]`), 'elements'],
  ['deep brackets', body(`${'('.repeat(15_000)}1${')'.repeat(15_000)}`), ''],
  ['deep arrays', above(`const a = ${'['.repeat(15_000)}${']'.repeat(15_000)}`), ''],
  ['deep negation', body(`${'!'.repeat(30_000)}true`), ''],
  ['a long chain', body(`${'detail.exec && '.repeat(500)}true`), 'nesting deeper'],
  ['helpers that double', above(doublingHelpers(18)).replace(PAYMENT, '(event) => f18(event.detail.hour)'), 'helpers'],
  ['types that double', above(`${doublingTypes('a')}\n${doublingTypes('b')}\nconst both = [a40, b40]`), 'too large'],
  [
    'too many rules',
    IMPORT + Array.from({ length: 33 }, (_, i) => RULE.replace('rule', `rule${i}`)).join(''),
    'more than 32',
  ],
]

describe('a source is refused that has', () => {
  test.each(refusals)('%s', (_, source, reason) => {
    const text = source.startsWith('export const rule') ? IMPORT + source : source
    const [fault] = faultsOf(reason === 'is not imported' ? source : text)
    expect(fault?.message ?? 'accepted').toContain(reason)
    expect(fault?.line).toBeGreaterThan(0)
    expect(fault?.column).toBeGreaterThan(0)
    expect(fault?.fix).not.toBe('')
  })
})

test('a refusal says what to write instead', () => {
  const [fault] = faultsOf(body("detail.cmd == 'ls'"))
  expect(fault).toEqual({
    line: 3,
    column: 88,
    message: 'not allowed: `==` is not part of the language',
    fix: 'use ===',
  })
})

test('at most twenty faults are reported', () => {
  expect(faultsOf(above(Array.from({ length: 40 }, (_, i) => `let a${i} = 1`).join('\n')))).toHaveLength(20)
})
