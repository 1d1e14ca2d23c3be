import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { auditHistoryNow } from '../../constraint-history/audit-history.ts'
import { readBranch } from '../../constraint-history/repository.ts'
import type { AppendPoint } from '../complete-append.ts'
import { createTestHome, request, type TestHome } from './keeper-fixture.ts'

const CHILD = Bun.fileURLToPath(import.meta.resolve('./crash-child.ts'))
const POINTS: readonly AppendPoint[] = ['planned', 'record', 'rule', 'objects', 'branch', 'done']

/** Runs a keeper of its own process that is killed at the given point, the `time`th time it gets there. */
const killAt = ({ root }: TestHome, task: 'open' | 'append' | 'retire', point: AppendPoint, time = 0): void => {
  const child = Bun.spawnSync([process.execPath, CHILD, root, task, point, `${time}`], {
    env: {},
  })
  expect([point, child.signalCode, child.stderr.toString()]).toEqual([point, 'SIGKILL', ''])
}

const auditOf = ({ folders }: TestHome) => auditHistoryNow({ folder: folders.constraints, anchor: null })

/** With the shipped rules signed: made once, because signing waits for the disk. */
const template = createTestHome()
beforeAll(() => void template.open())
afterAll(() => template[Symbol.dispose]())

describe('a keeper that is killed', () => {
  test.each(POINTS)('while it adds a rule, at %p, leaves no fault, and the next one completes it', (point) => {
    using home = createTestHome(template)
    killAt(home, 'append', point)
    expect(auditOf(home).faults).toEqual([]) // the node goes on meanwhile
    expect(home.open().faults).toEqual([])
    expect(auditOf(home)).toMatchObject({
      ...{ faults: [], pending: null, rules: ['first', 'no-pay', 'second'], head: { count: 3 } },
    })
    expect(home.open().handle(request('next'))).toMatchObject({ ok: true, value: { count: 4 } })
  })

  test('makes the same history at whatever point it was killed', () => {
    using home = createTestHome(template)
    using other = createTestHome(home)
    home.open().handle(request('no-pay'))
    killAt(other, 'append', 'rule')
    expect(readBranch(other.folders.constraints)).not.toBe(readBranch(home.folders.constraints))
    other.open()
    expect(readBranch(other.folders.constraints)).toBe(readBranch(home.folders.constraints))
  })

  test.each(['planned', 'record', 'objects'] as const)(
    'while it retires a rule, at %p, is completed by the next',
    (point) => {
      using home = createTestHome()
      home.open()
      killAt(home, 'retire', point)
      expect(home.open().faults).toEqual([])
      expect(auditOf(home)).toMatchObject({ faults: [], retired: ['first'], head: { count: 3 } })
    },
  )

  test.each([
    ['planned', 0],
    ['rule', 0],
    ['branch', 0],
    ['record', 1],
    ['done', 1],
  ] as const)('while it signs the shipped rules, at %p (%p), is completed by the next', (point, time) => {
    using home = createTestHome()
    killAt(home, 'open', point, time)
    expect(home.open().faults).toEqual([])
    expect(auditOf(home)).toMatchObject({ faults: [], rules: ['first', 'second'], head: { count: 2 } })
  })

  test('is not completed over a file that came meanwhile: it is named, and nothing is lost', () => {
    using home = createTestHome(template)
    killAt(home, 'append', 'planned')
    writeFileSync(home.path('no-pay.ts'), '// mine')
    expect(home.open).toThrow(
      expect.objectContaining({ code: 'RULES_TAMPERED', message: expect.stringContaining('no-pay.ts') }),
    )
    expect(readFileSync(home.path('no-pay.ts'), 'utf8')).toBe('// mine')
    expect(existsSync(home.path('.git/appending.json'))).toBe(true)
    expect(auditOf(home).faults).toHaveLength(1)
  })
})
