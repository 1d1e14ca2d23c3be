import { describe, expect, test } from 'bun:test'
import type { Proposals } from '../agent/proposals.ts'
import type { OpenQuestion, Questions } from '../agent/questions.ts'
import type { Turn } from '../agent/turn.types.ts'
import { createOwnerGate } from '../channels/owner-gate.ts'
import { parseTemplateWords } from '../constraint-spec/template-words.ts'
import { answerControlWord } from '../control-words.ts'
import type { Operations } from '../operations.ts'
import { createAskedHere, createTurnProposals } from '../rule-proposals.ts'

const unused = () => {
  throw new Error('not used here')
}

/** What is asked, in order; a right code is the key of what it answers. */
const ask = (...asked: readonly (readonly [kind: OpenQuestion['kind'], key: string, channel: string])[]) => {
  const open = new Map<string, OpenQuestion>()
  const declined: string[] = []
  const counts = new Map<string, number>()
  const add = ([kind, key, channel]: (typeof asked)[number]): void => {
    const decline = (why: string): void => {
      open.delete(key)
      declined.push(`${key}: ${why}`)
    }
    open.set(key, {
      kind,
      key,
      at: open.size,
      channel,
      summary: `the ${kind} ${key}`,
      hasCode: (it) => it === key,
      decline,
    })
  }
  for (const one of asked) add(one)
  const of = (kind: OpenQuestion['kind']) => [...open.values()].filter((one) => one.kind === kind)
  const questions: Questions = {
    ...{ ask: unused, closeAbandoned: unused },
    open: () => of('call'),
    confirm: (channel, code) => of('call').some((one) => one.key === code && one.channel === channel),
    noteWrongCode: (channel, { key }) => {
      const count = (counts.get(channel + key) ?? 0) + 1
      counts.set(channel + key, count)
      return count
    },
  }
  const proposals: Proposals = {
    ...{ propose: unused, proposeFile: unused, settleInterrupted: unused, decline: unused, waiting: () => [] },
    open: () => of('rule'),
    confirm: async (code) => (of('rule').some(({ key }) => key === code) ? `Added as ${code}.` : null),
  }
  const here = (channel: string) => createAskedHere({ questions, proposals }, { channel })
  const sayNo = (channel: string): Promise<string> =>
    answerControlWord('no', { questions: here(channel) } as Parameters<typeof answerControlWord>[1] & Operations)
  return { add, declined, here, sayNo }
}

describe('a no', () => {
  test('closes the questions of its channel first, the proposals only when no question is open', async () => {
    const it = ask(['rule', 'r1', 'cli'], ['call', 'q1', 'cli'], ['call', 'q2', 'letters'])
    expect(await it.sayNo('cli')).toMatch(/^Then I do not:\n.*the call q1\n.*on 1 more: say 'questions'/)
    expect(it.declined).toEqual(['q1: the owner said no'])
    expect(await it.sayNo('cli')).toBe('Then I do not.')
    expect(it.declined).toEqual(['q1: the owner said no', 'r1: the owner said no'])
  })

  test('to several things names them', async () => {
    const it = ask(['rule', 'r1', 'cli'], ['rule', 'r2', 'cli'])
    expect(await it.sayNo('cli')).toMatch(/^Then I do not:\n.*the rule r1\n.*the rule r2$/)
    expect(await it.sayNo('cli')).toBe('I have asked you nothing that is still open.')
  })
})

describe('a wrong code', () => {
  test('counts in its channel alone; the fifth closes all that is open there, proposals too', async () => {
    const it = ask(['call', 'q1', 'cli'], ['rule', 'r1', 'cli'], ['rule', 'r2', 'letters'])
    for (let wrong = 1; wrong < 5; wrong++) {
      expect(await it.here('cli').confirm('bcdfghjk')).toBeNull()
      expect(await it.here('letters').confirm('bcdfghjk')).toBeNull()
    }
    expect(await it.here('cli').confirm('r2')).toBe('Added as r2.') // the code of a proposal is none
    expect(it.declined).toEqual([])
    expect(await it.here('cli').confirm('bcdfghjk')).toStartWith('That was wrong code number 5')
    expect(it.declined).toEqual(['q1: 5 wrong codes came', 'r1: 5 wrong codes came'])
  })

  test('is forgotten when something new is asked, and counts nothing while nothing is', async () => {
    const it = ask()
    for (let wrong = 1; wrong <= 5; wrong++) expect(await it.here('cli').confirm('bcdfghjk')).toBeNull()
    it.add(['call', 'q1', 'cli'])
    for (let wrong = 1; wrong < 5; wrong++) expect(await it.here('cli').confirm('bcdfghjk')).toBeNull()
    it.add(['rule', 'r1', 'cli'])
    for (let wrong = 1; wrong < 5; wrong++) expect(await it.here('cli').confirm('bcdfghjk')).toBeNull()
    expect(it.declined).toEqual([])
  })
})

test('a rule that a turn proposes is signed with the owner’s own words, cut to what is kept', () => {
  const text = `never run curl ${'\u{1f984}'.repeat(400)}`
  const proof = createOwnerGate(null)({ channel: 'cli', senderId: 'local:owner', messageId: 'm1', text })
  if (!proof.ok) throw new Error(proof.reason)
  const seen: Parameters<Proposals['propose']>[1][] = []
  const propose: Proposals['propose'] = (_, by) => {
    seen.push(by)
    return { name: 'r', does: '', words: 'words', code: 'bcdfghjk' }
  }
  const proposals = createTurnProposals({
    proposals: {
      ...{ propose, proposeFile: unused, confirm: unused, open: () => [], settleInterrupted: unused },
      ...{ decline: unused, waiting: () => [] },
    },
    ...{ outbox: { add: () => {} }, transaction: (_, body) => body(), onProposed: () => {} },
  })
  const spec = parseTemplateWords('never run curl')
  if (spec === null) throw new Error('no form')
  proposals.propose(spec, { intent: 'the model made this up', turn: { id: 't1', intent: proof.intent } as Turn })
  const [signed] = seen
  expect(signed).toMatchObject({ who: 'owner on cli via the agent', channel: 'cli', said: 'the model made this up' })
  expect(signed?.intent).toStartWith('never run curl')
  expect(signed?.intent).toHaveLength(500)
  expect(signed?.intent.isWellFormed()).toBe(true)
})

test.each([
  ['never run curl', 'never run curl', 'owner'],
  ['please look at my letters', 'never run curl', 'agent'],
  ['never run curl', 'never run wget', 'agent'],
])('after the words %p a proposal of %p is the wish of the %s', (text, words, asker) => {
  const proof = createOwnerGate(null)({ channel: 'cli', senderId: 'local:owner', messageId: 'm1', text })
  const spec = parseTemplateWords(words)
  if (!proof.ok || spec === null) throw new Error('no intent or no form')
  const askers: string[] = []
  const propose: Proposals['propose'] = (_, by) => {
    askers.push(by.asker)
    return { name: 'r', does: '', words: 'words', code: 'bcdfghjk' }
  }
  const proposals = createTurnProposals({
    proposals: {
      ...{ propose, proposeFile: unused, confirm: unused, open: () => [], settleInterrupted: unused },
      ...{ decline: unused, waiting: () => [] },
    },
    ...{ outbox: { add: () => {} }, transaction: (_, body) => body(), onProposed: () => {} },
  })
  // However the model names it, and whatever it says about it.
  const named = { ...spec, name: 'my-own-name', sentence: 'Never that.' }
  proposals.propose(named, { intent: 'the owner wants it', turn: { id: 't1', intent: proof.intent } as Turn })
  expect(askers).toEqual([asker])
})
