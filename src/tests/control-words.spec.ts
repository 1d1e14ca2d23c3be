import { describe, expect, test } from 'bun:test'
import type { Budget } from '../agent/ledger.types.ts'
import { answerControlWord, needsLane, parseAnswer, parseControlWord, parseExtension } from '../control-words.ts'
import type { Operations } from '../operations.ts'
import { NodeError } from '../utils/node-error.ts'

describe('a control word', () => {
  test.each([
    ['stop', 'stop'],
    ['/stop', 'stop'],
    ['STOP!!', 'stop'],
    ['  status.\n', 'status'],
    ['undo', 'undo'],
    ['Undo the last change', 'undo'],
    ['/undo T0123456789ab', 'undo t0123456789ab'],
    ['Redo!', 'redo'],
    ['restore Notes/My @ File.md@t0123456789ab.', 'restore Notes/My @ File.md@t0123456789ab'],
    ['log', 'log'],
    ['Diff', 'diff'],
    ['diff t0123456789ab', 'diff t0123456789ab'],
    ['/help', 'help'],
    ['/budget', 'budget'],
    ['Budget +2 Today!', 'budget +2 today'],
    ['  budget   +10 this  month ', 'budget +10 this month'],
    ['budget +lots', 'budget +lots'],
    ['bcdfghjk', 'confirm bcdfghjk'],
    ['confirm BCDFGHJK', 'confirm bcdfghjk'],
    ['Yes, bcdfghjk.', 'confirm bcdfghjk'],
    ['ok: "bcdfghjk"', 'confirm bcdfghjk'],
    ['/bcdfghjk!', 'confirm bcdfghjk'],
  ] as const)('is understood in %p', (text, word) => {
    expect(parseControlWord(text)).toBe(word)
  })

  test.each([
    'please stop',
    'bcdfghjk.x',
    'yesbcdfghjk',
    'yes',
    'no',
    'not bcdfghjk',
    'stop it',
    'do not undo',
    'undo the header',
    'undo t123',
    'diff of these two',
    'diff t123',
    'redo it nicer',
    'restore a.md',
    'restore a.md@yesterday',
    'restore @t0123456789ab',
    'undo\nthe last change',
    'status of the project?',
    '//stop',
    's t o p',
    'stop\u200b',
    '',
    ' ',
    '/',
    '!',
    'constructor',
    '__proto__',
    'toString',
    'hasOwnProperty',
    'budget for my holiday?',
    'budget 2 today',
    'budget -2 today',
    'raise the budget +2 today',
    'say: budget +2 today',
    'budget +2 today\nand go on',
    `budget +2 ${'x'.repeat(50)}`,
    'budget\u00a0+2 today',
    'budget ＋2 today',
    'valueOf',
  ])('is not understood in %p', (text) => {
    expect(parseControlWord(text)).toBeNull()
  })

  const nothing = {
    status: () => Promise.reject(new TypeError('a bug')),
    undo: () =>
      Promise.reject(new NodeError('NOTHING_TO_UNDO', 'there is nothing to undo', { hint: 'say something first' })),
    redo: () => Promise.reject(new NodeError('NOTHING_TO_REDO', 'there is nothing to redo')),
    restore: () => Promise.reject(new NodeError('TURN_UNKNOWN', 'there is no such turn')),
    log: async () => [],
    diff: async () => '',
    resume: async () => false,
    questions: { open: () => [], confirm: async () => null, deny: () => [] },
    budget: () => Promise.reject(new NodeError('CONTROL_REFUSED', 'enough', { hint: 'sleep on it' })),
  }

  test('that cannot be done is answered with the reason and what to do', async () => {
    expect(await answerControlWord('undo', nothing)).toBe('there is nothing to undo (say something first)')
    expect(await answerControlWord('redo', nothing)).toBe('there is nothing to redo')
    expect(await answerControlWord('restore a@b@t0123456789ab', nothing)).toBe('there is no such turn')
    expect(await answerControlWord('log', nothing)).toBe('No turn has changed anything yet.')
    expect(await answerControlWord('diff', nothing)).toBe('No turn has changed anything yet.')
    expect(await answerControlWord('diff t0123456789ab', nothing)).toBe('No turn t0123456789ab changed anything.')
    expect(await answerControlWord('budget +2 today', nothing)).toBe('enough (sleep on it)')
  })

  test('shows a diff without what a terminal obeys, cut at a line, and says how to see the rest', async () => {
    const ofSize = (lines: number) => ({ ...nothing, diff: async () => `+\u001b[2Jforged\n${'+more\n'.repeat(lines)}` })
    const whole = await answerControlWord('diff', ofSize(2))
    expect(whole).toEndWith('forged\n+more\n+more')
    expect(whole).not.toContain('\u001b')
    const oneLine = { ...nothing, diff: async () => 'x'.repeat(9_000) }
    expect(await answerControlWord('diff', oneLine)).toMatch(/^x{2800}\n\.\.\. 6200 more/)
    const cut = await answerControlWord('diff t0123456789ab', ofSize(10_000))
    expect(cut.length).toBeLessThan(3_000)
    expect(cut).toMatch(/\n\+more\n\.\.\. 5\d{4} more characters: 'plaited diff t0123456789ab' shows them\.$/)
  })

  test('does not hide a fault of the node itself', async () => {
    expect(await answerControlWord('status', nothing).catch((error: unknown) => error)).toBeInstanceOf(TypeError)
  })
})

describe('an extension of a budget', () => {
  test.each([
    ['+2 today', 'day', 2_000_000],
    ['+2.50 today', 'day', 2_500_000],
    ['+0.000001 today', 'day', 1],
    ['+2 USD Today', 'day', 2_000_000],
    ['+10 this month', 'month', 10_000_000],
    ['+10 month', 'month', 10_000_000],
    ['+007 month', 'month', 7_000_000],
  ] as const)('is read from %p', (text, span, micros) => {
    expect(parseExtension(text)).toEqual({ span, micros })
  })

  test.each([
    '',
    '+2',
    '2 today',
    '-2 today',
    '+-2 today',
    '++2 today',
    '+ 2 today',
    '+2today',
    '+0 today',
    '+.5 today',
    '+2. today',
    '+1.2.3 today',
    '+1,5 today',
    '+1e3 today',
    '+0x10 today',
    '+0.0000001 today',
    '+99999999999 today',
    '+2 EUR today',
    '+2 tomorrow',
    '+2 this day',
    '+2 this  month',
    '+2 today ',
    '+2 today\n',
    '+2 today +2 today',
    '+٢ today',
  ])('is not read from %p', (text) => {
    expect(parseExtension(text)).toBeNull()
  })

  const budgetOf = (limitMicros: number): Budget => {
    const period = { period: '2027-01', spentMicros: 100_000, capMicros: 5_000_000, limitMicros }
    const extensions = [{ at: 1_800_000_000_000, micros: 2_000_000, grantedBy: 'cli/local:owner' }]
    return {
      ...{ callCapMicros: 500_000, turnCapMicros: 1_000_000 },
      day: { ...period, extensions: limitMicros > 5_000_000 ? extensions : [] },
      month: { ...period, extensions: [] },
    }
  }
  const answer = async (...words: Parameters<typeof answerControlWord>[0][]) => {
    const asked: Parameters<Operations['budget']>[0][] = []
    const unused = () => Promise.reject(new TypeError('not asked'))
    const operations = {
      ...{ status: unused, undo: unused, redo: unused, restore: unused, log: unused, diff: unused, resume: unused },
      questions: { open: () => [], confirm: async () => null, deny: () => [] },
      budget: async (extension: Parameters<Operations['budget']>[0]) => {
        asked.push(extension)
        return budgetOf(extension ? 7_000_000 : 5_000_000)
      },
    }
    const answers: string[] = []
    for (const word of words) answers.push(await answerControlWord(word, operations))
    return { answers, asked }
  }

  test('is given, and answered with what holds now', async () => {
    const { answers, asked } = await answer('budget', 'budget +2 today')
    expect(asked).toEqual([null, { span: 'day', micros: 2_000_000 }])
    expect(answers[0]).toContain('today       0.1 of 5 USD\n')
    expect(answers[1]).toContain('Raised.\ntoday       0.1 of 7 USD (raised from 5)\n')
    expect(answers[1]).toContain('+2 USD at 2027-01-15 08:00 UTC by cli/local:owner')
  })

  test('that is not understood raises nothing, is not for the model, and is answered with the forms', async () => {
    const { answers, asked } = await answer('budget +2', 'budget +2 tomorrow')
    expect(asked).toEqual([])
    expect(new Set(answers).size).toBe(1)
    expect(answers[0]).toContain('nothing was raised. Say "budget +2 today"')
  })

  test('may be answered beside a turn, and again after a crash, unlike those that change the workspace', () => {
    const words = ['budget +2 today', 'budget', 'status', 'diff', 'undo', 'redo', 'restore a@t000000000000'] as const
    expect(words.filter(needsLane)).toEqual(['undo', 'redo', 'restore a@t000000000000'])
  })
})

describe('while something is asked', () => {
  test.each([
    ['n', 'no'],
    ['Nope!', 'no'],
    ['no, thanks', 'no'],
    ['/no', 'no'],
    ['bcdf ghjk', 'confirm bcdfghjk'],
    ['yes: b c d f-g h j k', 'confirm bcdfghjk'],
    ['yes', 'unclear'],
    ['ok.', 'unclear'],
    ['bcdfghj', 'unclear'],
    ['bcdfghjka', 'unclear'],
    ['bcdfgh1k', 'unclear'],
    ['not now, do the other one first', null],
    ['use make instead', null],
    ['', null],
  ] as const)('%p means %p', (text, answer) => {
    expect(parseAnswer(text)).toBe(answer)
  })
})
