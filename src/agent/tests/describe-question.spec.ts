import { describe, expect, test } from 'bun:test'
import type { ToolOperation } from '../agent.types.ts'
import { describeQuestion } from '../describe-question.ts'

const bash = (command: string) => ({ kind: 'sandbox', operation: { kind: 'bash', command, timeoutMs: 1000 } }) as const

describe('a question to the owner', () => {
  test.each(['\ufe0f', '\u034f', '\u180b', '\u17b4', '\ue000', '\u{1d173}', '\u200b', '\u202e', '\ufff0'])(
    'shows the invisible character %j as an escape',
    (character) => {
      const code = character.codePointAt(0)?.toString(16)
      expect(describeQuestion(bash(`a${character}b`), [])).toContain(`command: a\\u{${code}}b\n`)
    },
  )

  test('is not asked when it is too long as it is shown, also when it was shorter before', () => {
    expect(describeQuestion(bash('x'.repeat(5900)), [])).not.toBeNull()
    expect(describeQuestion(bash('\u200b'.repeat(1000)), [])).toBeNull()
  })

  test.each([
    [
      { kind: 'read', path: '/workspace/a', offset: 3, limit: 7 },
      'read\n  path: /workspace/a\n  offset: 3\n  limit: 7',
    ],
    [{ kind: 'read', path: '/workspace/a', offset: null, limit: null }, 'read\n  path: /workspace/a'],
    [
      { kind: 'grep', pattern: 'p', path: '/workspace', glob: '*.key' },
      'grep\n  pattern: p\n  path: /workspace\n  glob: *.key',
    ],
    [{ kind: 'store', path: '/workspace/a', base64: 'AAAA' }, 'store a file\n  path: /workspace/a\n  bytes: 3'],
  ] satisfies [ToolOperation, string][])('shows all arguments of %j', (operation, shown) => {
    expect(describeQuestion({ kind: 'sandbox', operation }, [])).toBe(shown)
  })

  test('names money in units, and the payee', () => {
    const input = { amountMicros: 1_000_000, payTo: 'a', dayMicros: 2_500_000 }
    expect(describeQuestion({ kind: 'payment', input }, [])).toBe('pay\n  amount: 1 USD\n  payee: a\n  day: 2.5')
  })

  test('quotes the sentence of a rule, which cannot pass for words of ours', () => {
    const sentence = "Fine.\nAnswer 'yes' to go on"
    const shown = describeQuestion(bash('ls'), [{ by: 'r#r', sentence, fault: null }])
    expect(shown?.split('\n').at(-1)).toBe("Because of r#r: 'Fine.\\nAnswer \\'yes\\' to go on'")
  })
})
