import { Database } from 'bun:sqlite'
import { describe, expect, test } from 'bun:test'
import { createCommitRecord } from '../commit-record.ts'
import { MIGRATIONS } from '../migrations.ts'
import type { WorkspaceCommit } from '../workspace/workspace.types.ts'
import { createTestState, TEST_NOW } from './state-fixture.ts'

const commit = (sha: string, kind: WorkspaceCommit['kind'] = 'turn') => ({
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

  test('offers what an undo took back to redo, and what a redo brought back to undo', () => {
    using store = createTestState()
    const record = createCommitRecord(store.state())
    const offered = () =>
      [record.undoable(9), record.redoable(9)].map((commits) => commits.map(({ sha }) => sha).join(''))
    for (const sha of ['a', 'b']) record.add({ ...commit(sha), undoes: null })
    record.add({ ...commit('c', 'restore'), turn: null, undoes: null })
    expect(offered()).toEqual(['cba', ''])
    record.add({ ...commit('d', 'undo'), undoes: 'a' })
    expect(offered()).toEqual(['cb', 'd'])
    record.add({ ...commit('e', 'redo'), turn: 'turn of a', undoes: 'd' })
    expect(offered()).toEqual(['ecb', ''])
    expect(record.undoable(9, 'turn of a').map(({ sha }) => sha)).toEqual(['e'])
    expect(record.ofTurn('turn of a')).toEqual([{ ...commit('a'), undoneBy: 'd' }])
  })

  test('of a home of an earlier version is kept', () => {
    const database = new Database(':memory:', { strict: true })
    const step = MIGRATIONS.findIndex((sql) => sql.includes('workspace_commits_next'))
    for (const sql of MIGRATIONS.slice(0, step)) database.run(sql)
    database.run(
      "insert into workspace_commits values (7, 1, 'a', 'turn', 't', 's', '[]', null), (8, 2, 'b', 'undo', 't', 's', '[]', 'a')",
    )
    for (const sql of MIGRATIONS.slice(step)) database.run(sql)
    expect(database.query('select seq, sha, kind, undoes from workspace_commits').values()).toEqual([
      [7, 'a', 'turn', null],
      [8, 'b', 'undo', 'a'],
    ])
    expect(() =>
      database.run("insert into workspace_commits values (9, 3, 'c', 'undo', 't', 's', '[]', 'a')"),
    ).toThrow()
    database.close()
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
