import { describe, expect, test } from 'bun:test'
import { parseRuleFile } from '../parse-rule-file.ts'
import type { RuleEvent } from '../rule.types.ts'
import { bashOf, faultsOf, fileWith, paymentOf, predicate, sampleFields, writeOf } from './sample-rules.ts'
import { BLOCK_DANGEROUS_BASH, BLOCK_SENSITIVE_FILES, MAX_PAYMENT_5USD } from './specification-examples.ts'

const onlyRuleOf = (file: string, source: string) => {
  const parsed = parseRuleFile({ file, source, fields: sampleFields })
  if (!parsed.ok) throw new Error(JSON.stringify(parsed.faults))
  expect(parsed.rules).toHaveLength(1)
  const [rule] = parsed.rules
  if (rule === undefined) throw new Error('no rule')
  return rule
}

const blocks = (source: string, event: RuleEvent): boolean =>
  onlyRuleOf('example', source).syncs.some(({ block }) => block.some((listener) => listener.test(event)))

describe('the examples of the specification', () => {
  test('block writes of sensitive files and nothing else', () => {
    expect(blocks(BLOCK_SENSITIVE_FILES, writeOf('/workspace/.env'))).toBe(true)
    expect(blocks(BLOCK_SENSITIVE_FILES, writeOf('/workspace/secrets/prod.pem'))).toBe(true)
    expect(blocks(BLOCK_SENSITIVE_FILES, writeOf('/workspace/src/app.ts'))).toBe(false)
    expect(blocks(BLOCK_SENSITIVE_FILES, bashOf('cat .env'))).toBe(false)
  })

  test('block the dangerous commands as typed', () => {
    for (const cmd of ['rm -rf /', 'rm  -rf   /tmp', 'mkfs.ext4 /dev/sda', 'dd if=/dev/zero', ':(){ :|:& };:']) {
      expect(blocks(BLOCK_DANGEROUS_BASH, bashOf(cmd))).toBe(true)
    }
    expect(blocks(BLOCK_DANGEROUS_BASH, bashOf('rm -rf ./build'))).toBe(false)
  })

  test('block payments over five dollars', () => {
    expect(blocks(MAX_PAYMENT_5USD, paymentOf('6.50'))).toBe(true)
    expect(blocks(MAX_PAYMENT_5USD, paymentOf('5'))).toBe(false)
    expect(blocks(MAX_PAYMENT_5USD, writeOf('/workspace/a'))).toBe(false)
    expect(() => blocks(MAX_PAYMENT_5USD, paymentOf('a lot'))).toThrow('got NaN')
  })

  test('keep waitFor beside block, key and sentence', () => {
    const rule = onlyRuleOf('block-sensitive-files', BLOCK_SENSITIVE_FILES)
    expect(rule.key).toBe('block-sensitive-files#blockSensitiveWrites')
    expect(rule.sentence).toBe('block sensitive writes')
    expect(rule.syncs).toHaveLength(1)
    expect(rule.syncs[0]?.waitFor[0]?.eventTypes).toEqual(['permission:file:write'])
    expect(rule.syncs[0]?.waitFor[0]?.test(writeOf('/workspace/.env'))).toBe(true)
  })
})

describe('the sentence', () => {
  const sentenceOf = (above: string): string =>
    onlyRuleOf('a', fileWith("'permission:payment:send'").replace('export', `${above}export`)).sentence

  test('is the comment above the export, on one line', () => {
    expect(sentenceOf('/** No payments\n * at night. */\n')).toBe('No payments at night.')
    expect(sentenceOf('// No payments\n// at night.\n')).toBe('No payments at night.')
    expect(sentenceOf('// Something else.\n\n// No payments.\n')).toBe('No payments.')
  })

  test('is the name in words when there is no prose above', () => {
    expect(sentenceOf('')).toBe('rule')
    expect(onlyRuleOf('a', fileWith("'permission:payment:send'").replace('rule', '$_')).sentence).toBe('$_')
    expect(sentenceOf('// /data/constraints/x.ts\n')).toBe('rule')
    expect(sentenceOf('/** About the file. */\n\n')).toBe('rule')
  })

  test('is refused when it is too long to be read', () => {
    const source = fileWith("'permission:payment:send'").replace('export', `// ${'word '.repeat(80)}\nexport`)
    expect(faultsOf(source)[0]?.message).toContain('characters')
  })
})

describe('listeners', () => {
  test.each([
    ["'permission:payment:send'", ['permission:payment:send']],
    ["on('permission:file:write', () => true)", ['permission:file:write']],
    ["on(['permission:file:write', 'permission:file:read'], ({ detail }) => detail.path === '/a')", 2],
    ["({ type, detail }) => type === 'permission:file:write' && detail.op === 'edit'", ['permission:file:write']],
    ["event => event.type === 'permission:file:read'", ['permission:file:read']],
    ["({ type }) => type === 'permission:file:read' || type === 'permission:file:write'", 2],
    ["({ type, detail }) => type.startsWith('permission:file:') && detail.path !== ''", 2],
    ["({ type, detail }) => type !== 'permission:bash:exec' && detail.hour > 5", 3],
    ["({ type, detail }) => !(type !== 'permission:bash:exec') && detail.cmd === 'ls'", ['permission:bash:exec']],
    ["({ type, detail }) => ['permission:bash:exec'].includes(type) && detail.cmd === 'ls'", ['permission:bash:exec']],
    ['({ detail }) => detail.hour > 22', null],
    ['() => true', null],
  ])('%s knows the events it can match', (block, types) => {
    const { eventTypes } = predicate(block)
    if (typeof types === 'number') expect(eventTypes).toHaveLength(types)
    else expect(eventTypes).toEqual(types)
  })

  test('may be several, and helpers may be shared', () => {
    const constants = `const isNight = (event) => event.detail.hour > 22
const isSecret = (path) => path.endsWith('.env')
const touchesSecret = ({ type, detail }) => type === 'permission:file:write' && isSecret(detail.path)`
    const source = fileWith("[touchesSecret, 'permission:payment:send', isNight]", constants)
    expect(blocks(source, writeOf('/workspace/.env'))).toBe(true)
    expect(blocks(source, writeOf('/workspace/a'))).toBe(false)
    expect(blocks(source, writeOf('/workspace/a', { hour: 23 }))).toBe(true)
    expect(blocks(source, paymentOf('1'))).toBe(true)
  })

  test('never fault for events of another type', () => {
    const listener = predicate("({ type, detail }) => type === 'permission:payment:send' && detail.amountMicros > 5")
    expect(listener.test({ type: 'permission:file:write', detail: {} })).toBe(false)
  })

  test('a field must exist in every event that reaches it', () => {
    expect(faultsOf(fileWith("({ detail }) => detail.path === 'x'"))[0]?.fix).toContain('name the event first')
    const either = "type === 'permission:file:write' || type === 'permission:bash:exec'"
    expect(faultsOf(fileWith(`({ type, detail }) => (${either}) && detail.path === 'x'`))).toHaveLength(1)
    expect(faultsOf(fileWith(`({ type, detail }) => (${either}) && detail.hour > 3`))).toEqual([])
    const branches =
      "({ type, detail }) => type === 'permission:file:write' ? detail.exec : type === 'permission:bash:exec' && detail.cmd === ''"
    expect(predicate(branches).eventTypes).toHaveLength(2)
  })

  test('a helper is checked against what each call passes', () => {
    const helper = 'const isLong = (detail) => detail.cmd.length > 10'
    expect(faultsOf(fileWith("on('permission:bash:exec', ({ detail }) => isLong(detail))", helper))).toEqual([])
    const [fault] = faultsOf(fileWith("on('permission:file:write', ({ detail }) => isLong(detail))", helper))
    expect(fault?.message).toContain('no field `cmd`')
    expect(fault?.line).toBe(2)
  })
})

test('every faulty export of a file is reported, with its place', () => {
  const source = `import { bThread, bSync } from 'plaited'
export const a = bThread([bSync({ block: 'permission:nothing' })], true)
export const b = bThread([bSync({ block: 'permission:payment:send' })], false)
`
  expect(faultsOf(source).map(({ line, column }) => [line, column])).toEqual([
    [2, 42],
    [3, 73],
  ])
})

test('a file name that is not a plain word is refused', () => {
  const source = fileWith("'permission:payment:send'")
  for (const file of ['', '../a', 'A', 'a.ts', 'a'.repeat(65)]) {
    expect(parseRuleFile({ file, source, fields: sampleFields }).ok).toBe(false)
  }
})
