import fc from 'fast-check'
import { fileWith, writeOf } from './sample-rules.ts'

const NUMBERS = ['0', '5', '1.5', 'detail.hour', 'detail.path.length', 'detail.bytes', 'parseFloat(detail.path)']
const TEXTS = [
  "'a'",
  "'/workspace/.env'",
  "''",
  'detail.path',
  'detail.rel',
  'detail.op',
  'String(detail.hour)',
  'suffix',
]
const LISTS = ['detail.taint', "['a', '.env']", "detail.path.split('/')", 'names']
const CONSTANTS = `const suffix = '.env'
const names = ['owner', 'a']
const endsWithAny = (text, endings) => endings.some((ending) => text.endsWith(ending))`

/** Predicates that are mostly well typed, so that many are accepted and run. */
export const { condition } = fc.letrec<{ condition: string; number: string; text: string; list: string }>((tie) => {
  const joined = (left: string, operators: readonly string[], right: string) =>
    fc
      .tuple(tie(left as 'number'), fc.constantFrom(...operators), tie(right as 'number'))
      .map((parts) => `(${parts.join(' ')})`)
  return {
    number: fc.oneof(
      { depthSize: 'small', withCrossShrink: true },
      fc.constantFrom(...NUMBERS),
      joined('number', ['+', '-', '*', '/', '%'], 'number'),
      fc.tuple(tie('list'), fc.constant('.length')).map((parts) => parts.join('')),
      fc.tuple(tie('text'), tie('text')).map(([a, b]) => `${a}.indexOf(${b})`),
    ),
    text: fc.oneof(
      { depthSize: 'small', withCrossShrink: true },
      fc.constantFrom(...TEXTS),
      fc.tuple(tie('text'), tie('number')).map(([a, b]) => `${a}.slice(${b})`),
      fc.tuple(tie('text'), tie('text')).map(([a, b]) => `(${a} + ${b})`),
      fc.tuple(tie('text'), tie('number')).map(([a, b]) => `\`\${${a}}:\${${b}}\``),
      fc.tuple(tie('condition'), tie('text'), tie('text')).map(([c, a, b]) => `(${c} ? ${a} : ${b})`),
      tie('text').map((a) => `${a}.toLowerCase()`),
    ),
    list: fc.oneof(
      { depthSize: 'small', withCrossShrink: true },
      fc.constantFrom(...LISTS),
      fc.tuple(tie('list'), tie('text')).map(([a, b]) => `${a}.filter((x) => x !== ${b})`),
      tie('list').map((a) => `${a}.map((x) => x + 'z')`),
    ),
    condition: fc.oneof(
      { depthSize: 'small', withCrossShrink: true },
      fc.constantFrom('detail.exec', 'detail.confirmed === null', 'detail.principal.verified', 'true'),
      joined('number', ['<', '<=', '>', '>=', '===', '!=='], 'number'),
      joined('text', ['===', '!=='], 'text'),
      joined('condition', ['&&', '||'], 'condition'),
      tie('condition').map((a) => `!${a}`),
      fc.tuple(tie('text'), tie('text')).map(([a, b]) => `${a}.endsWith(${b})`),
      fc.tuple(tie('text'), tie('list')).map(([a, b]) => `endsWithAny(${a}, ${b})`),
      tie('text').map((a) => `/\\.(env|pem)$|a+z/i.test(${a})`),
      fc.tuple(tie('list'), tie('text')).map(([a, b]) => `${a}.includes(${b})`),
    ),
  }
})

/** Writes of files, with every field. */
export const writeEvent = fc
  .record({
    path: fc.constantFrom('/workspace/.env', '/workspace/a', '7', '', 'ENV.pem'),
    more: fc.record({
      rel: fc.constantFrom(null, 'a', '.env'),
      op: fc.constantFrom('create', 'edit', 'delete'),
      bytes: fc.constantFrom(null, 0, 5),
      exec: fc.boolean(),
      hour: fc.integer({ min: 0, max: 23 }),
      taint: fc.subarray(['owner', 'a', 'web:x']),
    }),
  })
  .map(({ path, more }) => writeOf(path, more))

/** A rule file around a predicate over writes of files. */
export const fileAround = (predicate: string): string =>
  fileWith(`on('permission:file:write', ({ type, detail }) => ${predicate})`, CONSTANTS)

/** A legal file, for mutilation. */
export const LEGAL_FILE = fileWith(
  "({ type, detail }) => type === 'permission:bash:exec' && detail.commands.some(({ argv }) => argv.includes('--force'))",
  CONSTANTS,
)
