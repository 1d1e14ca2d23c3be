import { describe, expect, test } from 'bun:test'
import { createPermissionEventBuilder } from '../../agent/permission-event.ts'
import { permissionVocabulary } from '../../agent/permission-vocabulary.ts'
import { createRuleEngine } from '../../agent/rule-engine.ts'
import { generateRules } from '../generate-rules.ts'
import { FILE_WRITE, PERMISSION_EXAMPLES } from '../permission-examples.ts'

const build = createPermissionEventBuilder({ now: () => 0 }, 'UTC')

describe('generated rules', () => {
  test('are about every permission type that exists, in equal parts', () => {
    const types = generateRules(PERMISSION_EXAMPLES, 40).flatMap(({ syncs }) =>
      syncs.flatMap(({ block }) => block.flatMap(({ eventTypes }) => eventTypes ?? [])),
    )
    const all = Object.keys(permissionVocabulary)
    expect(types.toSorted()).toEqual([...all, ...all].sort())
  })

  test('have names of their own, also beyond what one file may hold', () => {
    const keys = generateRules([FILE_WRITE], 70).map(({ key }) => key)
    expect(new Set(keys).size).toBe(70)
  })

  test.each(PERMISSION_EXAMPLES)('of $type allow its example', (example) => {
    const built = build(example.type, example.input)
    const decision = built.ok && createRuleEngine(generateRules([example], 3)).decide(built.event)
    expect(decision).toEqual({ outcome: 'allowed', blockedBy: [] })
  })

  test('are asked: one that matches blocks', () => {
    const built = build('permission:file:write', { path: 'closed-1/a.md' })
    const decision = built.ok && createRuleEngine(generateRules([FILE_WRITE], 3)).decide(built.event)
    expect(decision).toMatchObject({ outcome: 'blocked', blockedBy: [{ by: 'bench-0#rule1' }] })
  })
})
