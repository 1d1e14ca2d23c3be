import { Database } from 'bun:sqlite'
import { describe, expect, test } from 'bun:test'
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describeWhen } from '../../../test/helpers.ts'
import { MIGRATIONS } from '../migrations.ts'
import { openState, openStateForReading } from '../persistence.ts'
import { createTestFolder, createTestState } from './state-fixture.ts'

const versionOf = (database: Database): number =>
  database.query<{ user_version: number }, []>('PRAGMA user_version').get()?.user_version ?? -1

describe('the state', () => {
  test('is brought from an empty file to the newest schema, once', () => {
    using folder = createTestFolder()
    const path = join(folder.path, 'events.sqlite')
    writeFileSync(path, '')
    const first = openState(path)
    expect(versionOf(first.database)).toBe(MIGRATIONS.length)
    first.database.run(`insert into sessions (started_at, last_at, lane, principal) values (1, 1, 'owner', 'owner')`)
    first.close()
    const second = openState(path)
    expect(second.database.query('select id from sessions').all()).toHaveLength(1)
    second.close()
  })

  test('of a newer version is refused and left as it is', () => {
    using folder = createTestFolder()
    const path = join(folder.path, 'events.sqlite')
    const newer = new Database(path)
    newer.run(`PRAGMA user_version = ${MIGRATIONS.length + 1}`)
    newer.close()
    const before = readFileSync(path)
    const refusal = { code: 'STATE_CORRUPT', message: expect.stringContaining('newer plaited') }
    expect(() => openState(path)).toThrow(expect.objectContaining(refusal))
    expect(() => openStateForReading(path)).toThrow(expect.objectContaining(refusal))
    const after = new Database(path, { readonly: true })
    expect(versionOf(after)).toBe(MIGRATIONS.length + 1)
    after.close()
    expect(readFileSync(path).subarray(100)).toEqual(before.subarray(100)) // beyond the header, which says WAL now
  })

  test('that is damaged is refused and never replaced', () => {
    using folder = createTestFolder()
    const path = join(folder.path, 'events.sqlite')
    writeFileSync(path, 'not a database at all, but long enough to be one. '.repeat(200))
    const before = readFileSync(path)
    expect(() => openState(path)).toThrow(expect.objectContaining({ code: 'STATE_CORRUPT' }))
    expect(readFileSync(path)).toEqual(before)
  })

  test('in a folder that is missing or a file that is a folder names what to do', () => {
    using folder = createTestFolder()
    const unusable = expect.objectContaining({ code: 'HOME_UNUSABLE', hint: expect.stringContaining('--home') })
    expect(() => openState(join(folder.path, 'missing', 'events.sqlite'))).toThrow(unusable)
    mkdirSync(join(folder.path, 'events.sqlite'))
    expect(() => openState(join(folder.path, 'events.sqlite'))).toThrow(unusable)
  })

  test('syncs each commit to the disk, and can be read beside its writer', () => {
    using store = createTestState()
    const pragma = (name: string) => Object.values(store.state().database.query(`PRAGMA ${name}`).get() ?? {})[0]
    expect([pragma('synchronous'), pragma('journal_mode'), pragma('foreign_keys')]).toEqual([2, 'wal', 1])
    const reader = openStateForReading(store.path)
    expect(() => reader?.database.run('delete from sessions')).toThrow('readonly')
    const write = () => reader?.transaction('test', () => reader.database.run('delete from sessions'))
    expect(write).toThrow(expect.objectContaining({ code: 'HOME_UNUSABLE' }))
    reader?.close()
  })

  test('is not read before a writer has made it, or brought it to this schema', () => {
    using folder = createTestFolder()
    const path = join(folder.path, 'events.sqlite')
    expect(openStateForReading(path)).toBeNull()
    writeFileSync(path, '')
    expect(openStateForReading(path)).toBeNull()
    const older = new Database(path)
    older.run(`PRAGMA user_version = ${MIGRATIONS.length - 1}`)
    older.close()
    expect(openStateForReading(path)).toBeNull()
    writeFileSync(path, 'not a database at all, but long enough to be one. '.repeat(200))
    expect(() => openStateForReading(path)).toThrow(expect.objectContaining({ code: 'STATE_CORRUPT' }))
  })

  test('keeps what an outer transaction wrote when an inner one fails and is caught', () => {
    using store = createTestState()
    const { database, transaction } = store.state()
    const insert = (id: number) =>
      database.run('insert into sessions (id, started_at, last_at, lane, principal) values (?, 1, 1, ?, ?)', [
        id,
        'owner',
        'owner',
      ])
    transaction('outer', () => {
      insert(1)
      expect(() =>
        transaction('inner', () => {
          insert(2)
          throw new Error('inner')
        }),
      ).toThrow('inner')
    })
    expect(database.query('select id from sessions').values()).toEqual([[1]])
  })

  test('tells of each transaction once it is durable, and of none that is part of another or fails', () => {
    using folder = createTestFolder()
    const told: string[] = []
    const path = join(folder.path, 'events.sqlite')
    const state = openState(path, (name) => {
      using reader = new Database(path, { readonly: true })
      told.push(`${name}: ${reader.query('select id from sessions').values().flat()}`)
    })
    const insert = (id: number) => {
      state.database.run(
        `insert into sessions (id, started_at, last_at, lane, principal) values (${id}, 1, 1, 'a', 'a')`,
      )
    }
    state.transaction('first', () => insert(1))
    const fail = () =>
      state.transaction('failing', () => {
        insert(2)
        throw new Error('failed')
      })
    expect(fail).toThrow('failed')
    state.transaction('outer', () => state.transaction('inner', () => insert(3)))
    state.close()
    expect(told).toEqual(['first: 1', 'outer: 1,3'])
  })
})

const canMount =
  process.getuid?.() === 0 && Bun.which('unshare') !== null && Bun.spawnSync(['unshare', '-m', 'true']).exitCode === 0

describeWhen(canMount, 'needs root and unshare, to mount a small disk', 'a disk that is full or read-only', () => {
  test('is named for every kind of write, and what was written before stays readable', () => {
    using folder = createTestFolder()
    const child = Bun.fileURLToPath(import.meta.resolve('./full-disk-child.ts'))
    const { stdout, stderr } = Bun.spawnSync(['unshare', '-m', process.execPath, child, folder.path])
    expect(stderr.toString()).toBe('')
    expect(JSON.parse(stdout.toString())).toEqual({
      filled: 'DISK_FULL',
      readable: true,
      writes: {
        inbox: 'DISK_FULL',
        outbox: 'DISK_FULL',
        ledger: 'DISK_FULL',
        commits: 'DISK_FULL',
        decisions: 'DISK_FULL',
      },
      readOnly: { state: 'HOME_UNUSABLE', lease: 'HOME_UNUSABLE' },
    })
  })
})
