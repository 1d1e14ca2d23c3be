import { describe, expect, test } from 'bun:test'
import fc from 'fast-check'
import { type Command, parseCommands, unescapeText } from '../command-grammar.ts'

const escapeText = (text: string) => text.replaceAll('\\', '\\\\').replaceAll('\n', '\\n').replaceAll('\t', '\\t')

describe('a command', () => {
  test.each([
    ['write notes/hello.txt: hello world', { kind: 'write', path: 'notes/hello.txt', text: 'hello world' }],
    ['write a: b: c', { kind: 'write', path: 'a', text: 'b: c' }],
    ['write C:/x: y', { kind: 'write', path: 'C:/x', text: 'y' }],
    ['write my file.txt:  indented ', { kind: 'write', path: 'my file.txt', text: ' indented ' }],
    ['write a: one\\ntwo\\t\\\\n', { kind: 'write', path: 'a', text: 'one\ntwo\t\\n' }],
    ['write a: one\ntwo', { kind: 'write', path: 'a', text: 'one\ntwo' }],
    ['write a: \\d+ \\', { kind: 'write', path: 'a', text: '\\d+ \\' }],
    ['write a: ', { kind: 'write', path: 'a', text: '' }],
    ['write a:', { kind: 'write', path: 'a', text: '' }],
    ['append log: more', { kind: 'append', path: 'log', text: 'more' }],
    ['read a b.txt ', { kind: 'read', path: 'a b.txt' }],
    ['list', { kind: 'list', path: null }],
    ['list notes', { kind: 'list', path: 'notes' }],
    ['find some words', { kind: 'find', words: 'some words' }],
    ['run printf "a\\nb" && ls', { kind: 'run', command: 'printf "a\\nb" && ls' }],
    ['pay 4.50 to bob the builder', { kind: 'pay', amount: '4.50', payee: 'bob the builder' }],
    ['pay $20 to bob', { kind: 'pay', amount: '20', payee: 'bob' }],
    ['never pay more than $5', { kind: 'rule', words: 'never pay more than $5' }],
    ['never be late', { kind: 'rule', words: 'never be late' }],
    ['ask before every payment', { kind: 'rule', words: 'ask before every payment' }],
    ['recall the trip', { kind: 'recall', words: 'the trip' }],
    ['remember milk\\neggs', { kind: 'remember', text: 'milk\neggs' }],
    ['undo the last change', { kind: 'undo' }],
    ['  list  ', { kind: 'list', path: null }],
  ] satisfies [string, Command][])('%p is %o', (message, command) => {
    expect(parseCommands(message)).toEqual([command])
  })

  test.each([
    'hello',
    '',
    ' ',
    'write a',
    'write : text',
    'write\na: b',
    'write two\nlines: text',
    'read',
    'read ',
    'read a\nb',
    'pay bob 20',
    'pay to bob',
    'Write a: b',
    'undo',
    'undo the last change please',
    'constructor x',
    '__proto__ x',
  ])('%p is not one', (message) => {
    expect(parseCommands(message)).toBeNull()
  })
})

describe('a chain', () => {
  test('is cut at " && then " only', () => {
    expect(parseCommands('write a: x && y && then run a && b && then read a')).toEqual([
      { kind: 'write', path: 'a', text: 'x && y' },
      { kind: 'run', command: 'a && b' },
      { kind: 'read', path: 'a' },
    ])
  })

  test('with a part that is no command is not understood at all, so that nothing of it is done', () => {
    expect(parseCommands('write a: first wash && then dry')).toBeNull()
    expect(parseCommands('list && then ')).toBeNull()
  })
})

describe('TEXT', () => {
  test('survives being escaped', () => {
    fc.assert(
      fc.property(
        fc.string({ unit: fc.constantFrom('\\', 'n', 't', '\n', '\t', ':', ' ', 'é', '&', '💶') }),
        (text) => {
          expect(unescapeText(escapeText(text))).toBe(text)
          expect(parseCommands(`write a: ${escapeText(text)}`)).toEqual([{ kind: 'write', path: 'a', text }])
        },
      ),
    )
  })

  test('and PATH come back from any chain of writes', () => {
    const path = fc.stringMatching(/^[a-z./]{1,12}$/)
    const text = fc.string().filter((value) => !value.includes(' && then '))
    const write = fc.record({ kind: fc.constant('write' as const), path, text })
    fc.assert(
      fc.property(fc.array(write, { minLength: 1, maxLength: 5 }), (writes) => {
        const message = writes.map((command) => `write ${command.path}: ${escapeText(command.text)}`).join(' && then ')
        expect(parseCommands(message)).toEqual(writes)
      }),
    )
  })

  test('may be anything without making the parser throw', () => {
    fc.assert(
      fc.property(fc.string({ maxLength: 200 }), (message) => {
        expect(() => parseCommands(message)).not.toThrow()
      }),
    )
  })
})
