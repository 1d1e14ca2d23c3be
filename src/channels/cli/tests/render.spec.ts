import { describe, expect, test } from 'bun:test'
import { renderProgress } from '../render.ts'

describe('at the terminal', () => {
  test('a long wait is one line with its length and its reason', () => {
    expect(renderProgress({ kind: 'waiting', seconds: 8, reason: 'the model service answered 529: busy' })).toBe(
      '  waiting  8 s, then I try again: the model service answered 529: busy',
    )
  })

  test('an interrupted answer is said not to count, and words of the service cannot draw on the screen', () => {
    const line = renderProgress({ kind: 'interrupted', reason: 'broke off:\n\u001b[2J' })
    expect(line).toStartWith('  broken   this answer does not count: broke off: ')
    expect(line).not.toContain('\u001b')
  })
})
