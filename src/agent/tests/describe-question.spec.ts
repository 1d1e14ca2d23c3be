import { describe, expect, test } from 'bun:test'
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
