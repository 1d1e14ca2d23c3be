import { describe, expect, test } from 'bun:test'
import type { Rule } from '../../constraint-language/rule.types.ts'
import { exploreRules } from '../explore.ts'
import { createRuleAcceptance } from '../rule-acceptance.ts'

const acceptance = createRuleAcceptance()

/** Rules by the text of their syncs. */
const rulesOf = (...texts: readonly string[]): readonly Rule[] =>
  texts.flatMap((syncs, at) => {
    const source = `import { bThread, bSync, on } from 'plaited'\nexport const rule = bThread([${syncs}], true)\n`
    const { rules, faults } = acceptance.auditRules([{ file: `rule-${at}`, source, examples: null }])
    const illegal = faults.filter(({ step }) => step !== 'must-work')
    if (illegal.length > 0) throw new Error(JSON.stringify(illegal))
    return rules
  })

const untilOwnerSpeaks = (block: string) =>
  `bSync({ waitFor: 'untrusted:read' }), bSync({ waitFor: 'owner:message', block: ${block} })`

describe('the exploration', () => {
  test('of rules without sequences has one state', () => {
    const explored = acceptance.explore(rulesOf("bSync({ block: 'permission:payment:send' })"))
    expect(explored).toEqual({
      states: 1,
      isIncomplete: false,
      unreachable: ['permission:payment:send'],
      unreachedSyncs: [],
      heldUp: [],
    })
  })

  test('finds nothing wrong with a sequence that lets go', () => {
    expect(acceptance.explore(rulesOf(untilOwnerSpeaks("'permission:payment:send'")))).toMatchObject({
      states: 2,
      unreachable: [],
      unreachedSyncs: [],
      heldUp: [],
    })
  })

  test('names what must work and is held up, by which rule and after what', () => {
    const { heldUp } = acceptance.explore(
      rulesOf(untilOwnerSpeaks("['permission:git:push', 'permission:payment:send']")),
    )
    expect(heldUp).toEqual([
      {
        what: 'pushing the work to its backup',
        blockedBy: ['rule-0#rule'],
        after: [expect.stringContaining('untrusted:read')],
      },
    ])
  })

  test('finds syncs that are never reached, and permissions that stay blocked', () => {
    const explored = acceptance.explore(
      rulesOf(
        "bSync({ waitFor: 'permission:secret:use', block: 'permission:payment:send' }), bSync({ block: 'permission:schedule:add' })",
        "bSync({ block: 'permission:secret:use' })",
      ),
    )
    expect(explored).toMatchObject({
      states: 1,
      unreachable: ['permission:payment:send', 'permission:secret:use'],
      unreachedSyncs: ['rule-0#rule 2'],
    })
  })

  test('moves several sequences by one event, and never by one that is blocked', () => {
    const both = [untilOwnerSpeaks("'permission:payment:send'"), untilOwnerSpeaks("'permission:secret:use'")]
    expect(acceptance.explore(rulesOf(...both)).states).toBe(2)
    const held =
      "bSync({ waitFor: 'permission:git:push', block: 'permission:git:push' }), bSync({ block: 'permission:payment:send' })"
    expect(acceptance.explore(rulesOf(held))).toMatchObject({ states: 1, unreachedSyncs: ['rule-0#rule 2'] })
  })

  test('is cut and says so', () => {
    const independent = [
      'secret:use',
      'git:push',
      'memory:read',
      'memory:write',
      'skill:load',
      'agent:spawn',
      'schedule:add',
    ].map(
      (type) =>
        `bSync({ waitFor: 'permission:${type}' }), `.repeat(3) +
        "bSync({ waitFor: 'turn:end', block: 'permission:payment:send' })",
    )
    const rules = rulesOf(...independent)
    const samples = acceptance.samplesOf(['permission:secret:use', 'permission:git:push', 'turn:end'])
    const cut = exploreRules({ rules: rules.slice(0, 2), samples, mustWork: [], statesMax: 10 })
    expect(cut).toMatchObject({ states: 10, isIncomplete: true })
    const whole = exploreRules({ rules: rules.slice(0, 2), samples, mustWork: [] })
    expect(whole).toMatchObject({ states: 16, isIncomplete: false })
    expect(acceptance.explore(rules)).toMatchObject({ states: 4 ** 7, isIncomplete: false })
  })
})
