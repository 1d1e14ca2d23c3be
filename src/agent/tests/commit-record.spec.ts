import { describe, expect, test } from 'bun:test'
import { createCommitRecord } from '../commit-record.ts'
import { createTestState, TEST_NOW } from './state-fixture.ts'

const commit = (sha: string, kind: 'turn' | 'owner' | 'undo' = 'turn') => ({
  sha,
  kind,
  turn: kind === 'owner' ? null : `turn of ${sha}`,
  subject: `subject of ${sha}`,
  files: [{ path: 'a "b"\n.txt', change: 'added' as const }],
  at: TEST_NOW,
})

describe('the record of commits', () => {
  test('holds a commit once, and gives it back as it was, newest first', () => {
    using store = createTestState()
    const record = createCommitRecord(store.state())
    record.add({ ...commit('a'), undoes: null })
    record.add({ ...commit('b', 'owner'), undoes: null })
    record.add({ ...commit('a'), subject: 'again', undoes: null })
    expect(createCommitRecord(store.reopen()).list(10)).toEqual([
      { ...commit('b', 'owner'), undoneBy: null },
      { ...commit('a'), undoneBy: null },
    ])
    expect(createCommitRecord(store.state()).list(1)).toHaveLength(1)
  })

  test('offers the newest turn that is not undone, never an edit of the owner nor an undo', () => {
    using store = createTestState()
    const record = createCommitRecord(store.state())
    expect(record.undoable(1)).toEqual([])
    for (const sha of ['a', 'b']) record.add({ ...commit(sha), undoes: null })
    record.add({ ...commit('c', 'owner'), undoes: null })
    expect(record.undoable(1)[0]?.sha).toBe('b')
    record.add({ ...commit('d', 'undo'), undoes: 'b' })
    expect(record.undoable(1)[0]?.sha).toBe('a')
    expect(record.list(10).find(({ sha }) => sha === 'b')?.undoneBy).toBe('d')
    record.add({ ...commit('e', 'undo'), undoes: 'a' })
    expect(record.undoable(1)).toEqual([])
  })

  test('does not let one commit be undone twice', () => {
    using store = createTestState()
    const record = createCommitRecord(store.state())
    record.add({ ...commit('a'), undoes: null })
    record.add({ ...commit('b', 'undo'), undoes: 'a' })
    record.add({ ...commit('c', 'undo'), undoes: 'a' })
    expect(record.list(10).map(({ sha }) => sha)).toEqual(['b', 'a'])
  })
})
