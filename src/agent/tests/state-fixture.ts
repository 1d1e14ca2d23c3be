import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Clock } from '../../utils/clock.ts'
import { openState, type State } from '../persistence.ts'

/** A clock that stands still until a test moves it. */
export type TestClock = Clock & { readonly advance: (ms: number) => void; readonly set: (now: number) => void }

/** 2027-01-15T08:00:00Z, a Friday. */
export const TEST_NOW = 1_800_000_000_000

export const createTestClock = (start: number = TEST_NOW): TestClock => {
  let now = start
  return { now: () => now, advance: (ms) => (now += ms), set: (to) => (now = to) }
}

/** A folder for one test, removed with it. */
export const createTestFolder = (): { readonly path: string; readonly [Symbol.dispose]: () => void } => {
  const path = mkdtempSync(join(tmpdir(), 'plaited-agent-'))
  return { path, [Symbol.dispose]: () => rmSync(path, { recursive: true, force: true }) }
}

export type TestState = {
  readonly path: string
  readonly clock: TestClock
  /** The open state; another one after `reopen`. */
  readonly state: () => State
  /** As after a restart. */
  readonly reopen: () => State
  readonly [Symbol.dispose]: () => void
}

/** A real `events.sqlite` in a temporary folder. */
export const createTestState = (): TestState => {
  const folder = createTestFolder()
  const path = join(folder.path, 'events.sqlite')
  let state = openState(path)
  return {
    path,
    clock: createTestClock(),
    state: () => state,
    reopen: () => {
      state.close()
      state = openState(path)
      return state
    },
    [Symbol.dispose]: () => {
      state.close()
      folder[Symbol.dispose]()
    },
  }
}
