import { describe, expect, test } from 'bun:test'
import { join } from 'node:path'
import { permissionFields } from '../../agent/permission-fields.ts'
import { ARRAY_METHODS, FUNCTIONS, STRING_METHODS } from '../../constraint-language/operations.ts'
import type { FieldShape, FieldTable } from '../../constraint-language/rule.types.ts'
import { compileSpec } from '../../constraint-spec/compile-spec.ts'
import { parseRuleSpec, ruleExamplesSchema } from '../../constraint-spec/rule-spec.schemas.ts'
import { parseTemplateWords } from '../../constraint-spec/template-words.ts'
import { createRuleAcceptance } from '../rule-acceptance.ts'

const folder = join(import.meta.dir, '../../../skills/behavioral-core')
const skill = await Bun.file(join(folder, 'SKILL.md')).text()
const acceptance = createRuleAcceptance()

/** The fenced examples, in order: what stands behind the fence, and the text. */
const blocks = [...skill.matchAll(/^```(\S+)(?: (.*))?\n([\s\S]*?)^```$/gm)].map(
  ([, kind = '', note = '', text = '']) => ({
    kind,
    note,
    text,
  }),
)
const blocksOf = (kind: string, note: RegExp) => blocks.filter((block) => block.kind === kind && note.test(block.note))

const accept = (source: string, examples: unknown = null) =>
  acceptance.acceptRule({
    file: 'from-the-skill',
    source,
    examples: examples === null ? null : ruleExamplesSchema.parse(examples),
  })

test('the skill says what it is for', () => {
  expect(skill).toMatch(/^---\nname: behavioral-core\ndescription: \S.*\ncompatibility: Bun 1\.4\.5\n---\n/)
})

test('every example is of a kind that is run here', () => {
  expect(blocks.length).toBeGreaterThan(12)
  for (const { kind, note } of blocks) {
    expect(`${kind} ${note}`).toMatch(/^(words |json (examples)?|ts (refused: .+)?)$/)
  }
})

describe('the words', () => {
  const lines = blocksOf('words', /^$/).flatMap(({ text }) => text.trim().split('\n'))
  test.each(lines)('%s', (line) => {
    const spec = parseTemplateWords(line)
    if (spec === null) throw new Error('has no form')
    expect(accept(compileSpec(spec), spec.examples)).toMatchObject({ ok: true })
  })
})

describe('the specs', () => {
  test.each(blocksOf('json', /^$/))('%#', ({ text }) => {
    const parsed = parseRuleSpec(JSON.parse(text))
    if (!parsed.ok) throw new Error(parsed.message)
    expect(accept(compileSpec(parsed.spec), parsed.spec.examples)).toMatchObject({ ok: true })
  })
})

describe('the files', () => {
  test.each(blocksOf('ts', /^$/))('that are accepted, %#', ({ text }) => {
    const next = blocks[blocks.findIndex((block) => block.text === text) + 1]
    const accepted = accept(text, next?.note === 'examples' ? JSON.parse(next.text) : null)
    expect(accepted).toMatchObject({ ok: true })
  })

  test.each(blocksOf('ts', /^refused: /))('that are refused, %#: $note', ({ note, text }) => {
    const accepted = accept(text)
    expect(accepted.ok ? 'accepted' : accepted.reason).toContain(note.replace('refused: ', ''))
  })
})

test('every operation of the language is named', () => {
  const names = [...STRING_METHODS.keys(), ...ARRAY_METHODS.keys(), ...FUNCTIONS.keys()].map((name) =>
    name.replace('Math.', ''),
  )
  for (const name of names) expect(skill).toMatch(new RegExp(`\\b${name}\``))
})

test('the table of events is the vocabulary', async () => {
  expect(await Bun.file(join(folder, 'references/events.md')).text()).toBe(renderEvents())
})

const sayShape = (shape: FieldShape): string => {
  if (typeof shape === 'string') return shape === 'boolean' ? 'true or false' : shape === 'string' ? 'text' : shape
  if ('oneOf' in shape) return shape.oneOf.map((each) => `'${each}'`).join(' or ')
  if ('nullable' in shape) return `${sayShape(shape.nullable)}, or null`
  if ('array' in shape) return `list of (${sayShape(shape.array)})`
  return `{ ${Object.entries(shape.fields)
    .map(([name, member]) => `${name}: ${sayShape(member)}`)
    .join('; ')} }`
}

const renderEvents = (): string => {
  const entries = Object.entries(permissionFields)
  const permissions = entries.filter(([type]) => type.startsWith('permission:'))
  const [, first = {}] = permissions[0] ?? []
  const isCommon = (name: string) => permissions.every(([, table]) => Object.hasOwn(table, name))
  const common = Object.fromEntries(Object.entries(first).filter(([name]) => isCommon(name)))
  const list = (table: FieldTable) =>
    Object.entries(table)
      .map(([name, shape]) => `- \`${name}\`: ${sayShape(shape)}`)
      .join('\n')
  const own = (table: FieldTable) => Object.fromEntries(Object.entries(table).filter(([name]) => !isCommon(name)))
  const section = ([type, table]: readonly [string, FieldTable]) => `### ${type}\n\n${list(table)}\n`
  return [
    '# Events and their fields\n',
    'What a rule may read under `detail`. A field is never missing; what is not known is null.\n',
    '## In every permission\n',
    `${list(common)}\n`,
    '## Permissions\n',
    ...permissions.map(([type, table]) => section([type, own(table)])),
    '## Facts\n',
    'They have happened: no rule blocks them, a sequence may wait for them.\n',
    ...entries.filter(([type]) => !type.startsWith('permission:')).map(section),
  ].join('\n')
}
