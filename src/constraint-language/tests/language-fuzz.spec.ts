import { describe, expect, test } from 'bun:test'
import fc from 'fast-check'
import { STEPS_MAX } from '../limits.ts'
import { parseRuleFile } from '../parse-rule-file.ts'
import { condition, fileAround, LEGAL_FILE, writeEvent } from './random-predicates.ts'
import { answerOf, listenersOf, runNatively } from './run-natively.ts'
import { bashOf, faultsOf, fileWith, paymentOf, sampleFields, writeOf } from './sample-rules.ts'

test('an accepted predicate answers what the same text answers natively, or faults', async () => {
  const events = fc.sample(writeEvent, { numRuns: 25, seed: 5 })
  const accepted = fc.sample(condition, 2000).flatMap((predicate) => {
    const source = fileAround(predicate)
    const parsed = parseRuleFile({ file: 'fuzz', source, fields: sampleFields })
    return parsed.ok ? [{ source, rules: parsed.rules }] : []
  })
  expect(accepted.length).toBeGreaterThan(500)
  const native = await runNatively(accepted.map(({ source }) => ({ source, events })))
  let answered = 0
  for (const [at, { source, rules }] of accepted.entries()) {
    for (const [index, listener] of listenersOf(rules).entries()) {
      for (const [number, event] of events.entries()) {
        const ours = answerOf(listener, event)
        if (ours === 'fault') continue
        const theirs = native[at]?.[index]?.[number]
        if (ours !== theirs) throw new Error(`${source}\n${JSON.stringify(event)}\nours: ${ours}, native: ${theirs}`)
        answered += 1
      }
    }
  }
  expect(answered).toBeGreaterThan(10_000)
})

describe('whatever the text', () => {
  const WORDS =
    `import export const default bThread bSync on from 'plaited' block waitFor request interrupt true false null
    ({ }) [ ] => . , ; ? : ! && || ?? === !== == < > + - * / % = ... detail type event 'permission:file:write' /a+/ /(/g
    \`x\${ \` some test constructor __proto__ parseFloat Math 5 '' async function class new this await for return { }`.split(
      /\s+/,
    )
  const events = [writeOf('/workspace/.env'), bashOf('ls -la'), paymentOf('x'), { type: 'x', detail: {} }]

  const runs = (source: string): void => {
    const parsed = parseRuleFile({ file: 'fuzz', source, fields: sampleFields })
    if (!parsed.ok) {
      expect(parsed.faults.length).toBeGreaterThan(0)
      return
    }
    for (const listener of parsed.rules.flatMap(({ syncs }) => syncs.flatMap(({ block }) => block))) {
      for (const each of events) {
        expect([true, false, 'fault']).toContain(answerOf(listener, each))
        expect(listener.stepsUsed?.()).toBeLessThan(STEPS_MAX * 2)
      }
    }
  }

  test('words in any order give a rule or faults', () => {
    const words = fc.array(fc.constantFrom(...WORDS), { maxLength: 40 }).map((list) => list.join(' '))
    fc.assert(
      fc.property(words, (source) => runs(source)),
      { numRuns: 3000 },
    )
    fc.assert(
      fc.property(words, (source) => runs(fileWith(`(event) => ${source}`))),
      { numRuns: 3000 },
    )
  })

  test('a legal file with pieces cut or doubled gives a rule or faults', () => {
    const legal = LEGAL_FILE
    const cuts = fc.tuple(fc.nat(legal.length), fc.nat(30), fc.nat(legal.length))
    const property = fc.property(cuts, ([from, length, to]) => {
      const piece = legal.slice(from, from + length)
      runs(legal.slice(0, from) + legal.slice(from + length))
      runs(legal.slice(0, to) + piece + legal.slice(to))
    })
    fc.assert(property, { numRuns: 2000 })
  })

  test('any characters give faults', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary', maxLength: 200 }), (source) => runs(source)),
      { numRuns: 1000 },
    )
    expect(faultsOf('\0')).toHaveLength(1)
  })
})
