import { expect, test } from 'bun:test'
import { describeUndo } from '../describe.ts'

const commit = (sha: string) => ({ sha, kind: 'turn', turn: 't', subject: `add ${sha}`, files: [], at: 0 }) as const

test('an undo names the turns that it passed over, a few of them, and how many more there are', () => {
  const report = { undone: commit('a'), commit: commit('b'), diffStat: ' a | 1 -\n' }
  const done = 'Undone: "add a" (a), as commit b.\n a | 1 -'
  expect(describeUndo({ ...report, lost: [] })).toBe(done)
  const lost = ['1', '2', '3', '4', '5', '6', '7'].map(commit)
  expect(describeUndo({ ...report, lost: lost.slice(0, 1) })).toBe(
    `Passed over, because the history no longer holds them: "add 1" (1).\n${done}`,
  )
  expect(describeUndo({ ...report, lost })).toContain('"add 5" (5) and 2 more.')
})
