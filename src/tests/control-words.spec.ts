import { describe, expect, test } from 'bun:test'
import { answerControlWord, parseControlWord } from '../control-words.ts'
import { NodeError } from '../utils/node-error.ts'

describe('a control word', () => {
  test.each([
    ['stop', 'stop'],
    ['/stop', 'stop'],
    ['STOP!!', 'stop'],
    ['  status.\n', 'status'],
    ['undo', 'undo'],
    ['Undo the last change', 'undo'],
    ['log', 'log'],
    ['/help', 'help'],
  ] as const)('is understood in %p', (text, word) => {
    expect(parseControlWord(text)).toBe(word)
  })

  test.each([
    'please stop',
    'stop it',
    'do not undo',
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
    'valueOf',
  ])('is not understood in %p', (text) => {
    expect(parseControlWord(text)).toBeNull()
  })

  const nothing = {
    status: () => Promise.reject(new TypeError('a bug')),
    undo: () =>
      Promise.reject(new NodeError('NOTHING_TO_UNDO', 'there is nothing to undo', { hint: 'say something first' })),
    log: async () => [],
  }

  test('that cannot be done is answered with the reason and what to do', async () => {
    expect(await answerControlWord('undo', nothing)).toBe('there is nothing to undo (say something first)')
    expect(await answerControlWord('log', nothing)).toBe('No turn has changed anything yet.')
  })

  test('does not hide a fault of the node itself', async () => {
    expect(await answerControlWord('status', nothing).catch((error: unknown) => error)).toBeInstanceOf(TypeError)
  })
})
