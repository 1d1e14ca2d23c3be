import { describe, expect, test } from 'bun:test'
import fc from 'fast-check'
import { parseRuleSpec, type RuleSpec } from '../rule-spec.schemas.ts'
import { parseTemplateWords, TEMPLATE_FORMS } from '../template-words.ts'
import { blocks } from './spec-samples.ts'

const specOf = (words: string): RuleSpec => {
  const spec = parseTemplateWords(words)
  if (spec === null) throw new Error(`no form: ${words}`)
  return spec
}

const says = (words: string, type: string, detail: Record<string, unknown>) =>
  blocks(specOf(words), `permission:${type}`, detail)

describe('every form', () => {
  test.each(TEMPLATE_FORMS)('%s gives a spec that its examples fit', (form) => {
    const spec = specOf(form)
    expect(parseRuleSpec(spec)).toEqual({ ok: true, spec })
    const { mustBlock, mustAllow } = spec.examples
    for (const { type, detail } of mustBlock) expect([detail, blocks(spec, type, detail)]).toEqual([detail, true])
    for (const { type, detail } of mustAllow) expect([detail, blocks(spec, type, detail)]).toEqual([detail, false])
  })
})

describe('what the words mean', () => {
  test.each([
    'never allow payments over $3',
    'never payments over 3 USD',
    'Never allow payments over 3 dollars.',
    'never pay more than $3',
    'no payments over 3.00$',
  ])('%s', (words) => {
    expect(says(words, 'payment:send', { amount: '3.000001' })).toBe(true)
    expect(says(words, 'payment:send', { amount: '3' })).toBe(false)
    expect(specOf(words).name).toBe('payment-max-3-usd')
  })

  test.each(['at most $5 of payments per day', 'never pay more than $5 per day', 'never spend over 5 USD a day'])(
    '%s',
    (words) => {
      expect(says(words, 'payment:send', { amount: '2', dayMicros: 3_000_000 })).toBe(false)
      expect(says(words, 'payment:send', { amount: '2.000001', dayMicros: 3_000_000 })).toBe(true)
      expect(says(words, 'payment:send', { amount: '2', dayMicros: 3_000_001 })).toBe(true)
    },
  )

  test('a folder covers what is in it, and what is moved out of it', () => {
    for (const words of [
      'never write to /workspace/secrets',
      'never touch secrets/',
      'never change /workspace/secrets/',
    ]) {
      expect(says(words, 'file:write', { path: 'secrets/a' })).toBe(true)
      expect(says(words, 'file:write', { path: '/workspace/secrets' })).toBe(true)
      expect(says(words, 'file:write', { path: 'x/../secrets/a' })).toBe(true)
      expect(says(words, 'file:write', { path: 'a', from: 'secrets/a' })).toBe(true)
      expect(says(words, 'file:write', { path: 'secrets2' })).toBe(false)
    }
    expect(says('never read /etc', 'file:read', { path: '/etc/passwd' })).toBe(true)
  })

  test.each(['never run curl', 'never use curl or wget'])('%s', (words) => {
    for (const cmd of [
      'curl x',
      '/usr/bin/curl',
      'a | curl',
      'sudo -u bob curl x',
      'bash -c "curl x"',
      '$X; "$(curl x)"',
    ]) {
      expect([cmd, says(words, 'bash:exec', { cmd })]).toEqual([cmd, true])
    }
    for (const cmd of ['ls curl', 'echo "curl x"', 'curly', 'echo $X curls']) {
      expect([cmd, says(words, 'bash:exec', { cmd })]).toEqual([cmd, false])
    }
  })

  test('hosts stand for themselves, and with a star for those below', () => {
    const words = 'only fetch from example.com, *.Example.org and 10.0.0.1'
    const fetches = (url: string) => says(words, 'net:fetch', { url })
    expect(
      ['https://example.com/a', 'http://EXAMPLE.com', 'https://a.b.example.org', 'http://10.0.0.1'].map(fetches),
    ).toEqual([false, false, false, false])
    expect(
      ['https://www.example.com', 'https://example.org', 'https://evilexample.org', 'https://example.com.evil.org'].map(
        fetches,
      ),
    ).toEqual([true, true, true, true])
  })

  test.each([
    ['no payments between 22:00 and 07:00', [22, 23, 0, 6], [7, 12, 21]],
    ['no payments from 10pm until 7am', [22, 6], [7, 21]],
    ['never make payments between 9 and 17', [9, 16], [17, 8, 0]],
    ['no payments between 12am and 12pm', [0, 11], [12, 23]],
  ])('%s', (words, quiet, loud) => {
    for (const hour of quiet) expect(says(words, 'payment:send', { amount: '1', hour })).toBe(true)
    for (const hour of loud) expect(says(words, 'payment:send', { amount: '1', hour })).toBe(false)
  })

  test('a rule that asks holds until the owner has confirmed', () => {
    const confirmed = { by: 'owner', at: 1, digest: 'd' }
    expect(says('ask before every payment', 'payment:send', { amount: '1' })).toBe(true)
    expect(says('ask me before each payment', 'payment:send', { amount: '1', confirmed })).toBe(false)
    const tainted = 'ask before every command when text from elsewhere was read'
    expect(says(tainted, 'bash:exec', { cmd: 'ls', taint: ['owner', 'system'] })).toBe(false)
    expect(says(tainted, 'bash:exec', { cmd: 'ls', taint: ['owner', 'web:x'] })).toBe(true)
    expect(says(tainted, 'bash:exec', { cmd: 'ls', argTaint: ['a2a:x'] })).toBe(true)
    expect(says(tainted, 'bash:exec', { cmd: 'ls', taint: ['web:x'], confirmed })).toBe(false)
  })
})

describe('what has no form gives nothing', () => {
  test.each([
    '',
    'never',
    'please be careful with money',
    'never allow payments over 3 EUR',
    'never allow payments over $three',
    'never allow payments over $99999999999',
    'no payments between 22:30 and 07:00',
    'no payments between 25 and 7',
    'no payments between 7 and 7',
    'never run rm -rf /',
    'never run $(curl)',
    'only fetch from https://example.com/a',
    'never write to /workspace/../etc',
    'never write to .',
    'never write to ..',
    'never write to',
    'never write to ~/notes',
    'never write to "secrets"',
    'never write to secrets/*',
    'never write to $HOME/x',
    'never write to a and b',
    'never read .env files',
    'allow payments over $3',
    `never write to /${'a'.repeat(2000)}`,
  ])('%s', (words) => expect(parseTemplateWords(words)).toBeNull())

  test('any words give a legal spec or nothing', () => {
    const word = fc.constantFrom(
      ...'never allow payments over $3 run write to ask before every and between 22:00 * */ \' " ` /a/b .. \\ only fetch from curl, x.y per day at most'.split(
        ' ',
      ),
    )
    const words = fc.array(fc.oneof(word, fc.string({ maxLength: 6 })), { maxLength: 10 }).map((list) => list.join(' '))
    const started = fc.tuple(
      fc.constantFrom('never write to /', 'never run ', 'only fetch from ', 'never read '),
      words,
    )
    fc.assert(
      fc.property(
        fc.oneof(
          words,
          started.map((parts) => parts.join('')),
        ),
        (text) => {
          const spec = parseTemplateWords(text)
          if (spec === null) return
          expect(parseRuleSpec(spec)).toEqual({ ok: true, spec })
          for (const { type, detail } of spec.examples.mustBlock) expect(blocks(spec, type, detail)).toBe(true)
        },
      ),
      { numRuns: 1000 },
    )
  })
})
