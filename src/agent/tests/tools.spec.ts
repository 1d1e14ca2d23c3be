import { expect, test } from 'bun:test'
import { createToolSet } from '../tools/tools.ts'

test('a proposed rule that is nested beyond the stack is answered, and ends no turn', () => {
  const deep = JSON.parse('['.repeat(100_000) + ']'.repeat(100_000))
  const proposed = { type: 'permission:memory:read', detail: { query: deep } }
  const spec = { name: 'a', examples: { mustBlock: [proposed], mustAllow: [proposed] } }
  expect(createToolSet().find('propose_rule')?.prepare({ intent: 'no payments', spec })).toMatchObject({ ok: false })
})
