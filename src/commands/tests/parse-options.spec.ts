import { describe, expect, test } from 'bun:test'
import { COMMANDS } from '../command-table.ts'
import { type Form, parseOptions, usageOf } from '../parse-options.ts'
import { readVerb } from '../read-verb.ts'

const form: Form = {
  name: 'walk',
  takes: '[--steps N] [--fast] [WHERE]',
  positionalsMax: 1,
  options: { steps: { type: 'string' }, fast: { type: 'boolean' } },
}
const fault = (message: string) => expect.objectContaining({ code: 'USAGE', message, hint: `usage: ${usageOf(form)}` })

describe('options', () => {
  test('are read in any order, with values in both forms, up to the end that -- makes', () => {
    expect(parseOptions(form, ['--fast', '--steps=-3', '--home', 'h', '--', '--json'])).toEqual({
      values: { steps: '-3', fast: true, home: 'h' },
      positionals: ['--json'],
    })
  })

  test.each([
    [['--slow'], 'walk has no --slow'],
    [['--toString'], 'walk has no --toString'],
    [['-fx'], 'walk has no -f'],
    [['--no-fast'], 'walk has no --no-fast'],
    [['--fast=yes'], '--fast takes no value'],
    [['--steps'], '--steps needs a value; one that begins with - is written --steps=VALUE'],
    [['--steps', '--fast'], '--steps needs a value; one that begins with - is written --steps=VALUE'],
    [['--steps', '1', '--steps', '2'], '--steps is given twice'],
    [['--home=a', '--home=b'], '--home is given twice'],
    [['here', 'there'], 'walk does not take "there"'],
    [['--slow', '--help'], 'walk has no --slow'],
  ])('%j is refused with what is wrong and with the usage', (words, message) => {
    expect(() => parseOptions(form, words)).toThrow(fault(message))
  })

  test('a switch may stand twice, an empty value is one, and help is given whatever words stand beside it', () => {
    expect(parseOptions(form, ['--json', '--json', '--steps=']).values).toEqual({ json: true, steps: '' })
    expect(parseOptions(form, ['a', 'b', '-h']).values).toEqual({ help: true })
  })
})

test('the usage of every command names the options that it has', () => {
  for (const entry of COMMANDS.filter(({ raw }) => !raw)) {
    const named = [...usageOf(entry).matchAll(/--([a-z]+)/g)].map(([, name]) => name)
    const common = [...(entry.usesNoHome ? [] : ['home']), ...(entry.refusesJson ? [] : ['json'])]
    expect(named.toSorted()).toEqual([...common, ...Object.keys(entry.options ?? {})].toSorted())
  }
})

describe('a verb', () => {
  const forms = {
    go: { takes: 'WHERE [--fast]', wordsMin: 1, wordsMax: 1, options: ['fast'] },
    stay: { takes: '', wordsMin: 0, wordsMax: 0 },
  }
  const read = (positionals: readonly string[], values = {}) => readVerb('walk', { positionals, values }, forms)

  test('gets the words behind it', () => {
    expect(read(['go', 'home'], { fast: true, home: 'h', json: true })).toEqual({ verb: 'go', words: ['home'] })
  })

  test.each([
    [[], {}, 'walk needs a verb', 'it knows go, stay'],
    [['toString'], {}, 'walk does not know "toString"', 'it knows go, stay'],
    [['go'], {}, 'walk go needs WHERE [--fast]', 'usage: plaited walk go WHERE [--fast]'],
    [['go', 'a', 'b'], {}, 'walk go does not take "b"', 'usage: plaited walk go WHERE [--fast]'],
    [['stay', 'here'], {}, 'walk stay does not take "here"', 'usage: plaited walk stay'],
    [['stay'], { fast: true }, 'walk stay has no --fast', 'usage: plaited walk stay'],
  ])('%j %j is refused', (positionals, values, message, hint) => {
    expect(() => read(positionals, values)).toThrow(expect.objectContaining({ code: 'USAGE', message, hint }))
  })
})
