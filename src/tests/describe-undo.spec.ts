import { describe, expect, test } from 'bun:test'
import type { RecordedCommit } from '../agent/workspace/workspace.types.ts'
import { describeLog, describeRestore, describeUndo } from '../describe.ts'

const commit = (sha: string, kind: RecordedCommit['kind'] = 'turn') =>
  ({ sha, kind, turn: 't', subject: `add ${sha}`, files: [], at: 0 }) as const

describe('what is said about', () => {
  const report = { undone: commit('a'), commit: commit('b', 'undo'), diffStat: ' a | 1 -\n', lasting: [] }

  test('an undo names the turns that it passed over, a few of them, and how many more there are', () => {
    const done = 'Undone: "add a" (a), as commit b.\n a | 1 -'
    expect(describeUndo({ ...report, lost: [] })).toBe(done)
    const lost = ['1', '2', '3', '4', '5', '6', '7'].map((sha) => commit(sha))
    expect(describeUndo({ ...report, lost: lost.slice(0, 1) })).toBe(
      `Passed over, because the history no longer holds them: "add 1" (1).\n${done}`,
    )
    expect(describeUndo({ ...report, lost })).toContain('"add 5" (5) and 2 more.')
  })

  test('an undo names what it does not take back', () => {
    const text = describeUndo({ ...report, lost: [], lasting: ['a message sent on cli', 'a payment of 2 USD'] })
    expect(text).toEndWith('Not undone, because it left the workspace: a message sent on cli, a payment of 2 USD.')
  })

  test('a redo names what is done again, not the undo', () => {
    const undone = { ...commit('b', 'undo'), subject: 'revert: add a' }
    expect(describeUndo({ ...report, undone, commit: commit('c', 'redo'), diffStat: '', lost: [] })).toBe(
      'Done again: "add a" (b), as commit c.',
    )
  })

  test('a restored file names it', () => {
    const files = [{ path: 'a.txt', change: 'modified' }] as const
    expect(describeRestore({ commit: { ...commit('d', 'restore'), files }, diffStat: ' a.txt | 1 +\n' })).toBe(
      "Restored a.txt, as commit d. 'undo' takes it back.\n a.txt | 1 +",
    )
  })

  test('the log says which turns are undone, and which of them are done again', () => {
    const lines = describeLog([
      { ...commit('e', 'redo'), undoneBy: null },
      { ...commit('d', 'undo'), undoneBy: 'e' },
      { ...commit('c', 'undo'), undoneBy: null },
      { ...commit('b'), undoneBy: 'c' },
      { ...commit('a'), undoneBy: 'd' },
    ]).split('\n')
    expect(lines[3]).toEndWith('  undone by c')
    expect(lines[4]).toEndWith('  undone by d, redone by e')
    expect(lines.slice(0, 3).join('')).not.toContain(' by ')
  })
})
