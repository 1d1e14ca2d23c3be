import { describe, expect, test } from 'bun:test'
import { bSync } from '../b-sync.ts'
import { bThread } from '../b-thread.ts'
import { behavioral } from '../behavioral.ts'
import type { RulesFunction, SnapshotMessage } from '../behavioral.types.ts'

const pour = (type: string): RulesFunction => bSync({ request: { type } })
const threeTimes = (type: string): RulesFunction => bThread([pour(type), pour(type), pour(type)])

const alternate = bThread([bSync({ waitFor: 'hot', block: 'cold' }), bSync({ waitFor: 'cold', block: 'hot' })], true)

/** Runs the threads on `open` and returns what was poured. */
const openTap = (threads: Record<string, RulesFunction>) => {
  const program = behavioral()
  const poured: string[] = []
  const snapshots: SnapshotMessage[] = []
  program.useFeedback({ hot: () => void poured.push('hot'), cold: () => void poured.push('cold') })
  program.useSnapshot((message) => void snapshots.push(message))
  program.bThreads.set(threads)
  program.trigger({ type: 'open' })
  return { program, poured, snapshots }
}

describe('the water tap', () => {
  test('the thread that was set first pours first when nothing alternates', () => {
    const { poured } = openTap({ addHot: threeTimes('hot'), addCold: threeTimes('cold') })
    expect(poured).toEqual(['hot', 'hot', 'hot', 'cold', 'cold', 'cold'])
  })

  test('a thread that only blocks and waits makes hot and cold alternate', () => {
    const { poured } = openTap({ addHot: threeTimes('hot'), addCold: threeTimes('cold'), alternate })
    expect(poured).toEqual(['hot', 'cold', 'hot', 'cold', 'hot', 'cold'])
  })

  test('a block without its counterpart holds the tap until an interrupt ends it', () => {
    const holdHot = bThread([bSync({ waitFor: 'never', block: 'hot', interrupt: 'release' })])
    const { program, poured } = openTap({ addHot: threeTimes('hot'), holdHot })
    expect(poured).toEqual([])
    expect(program.bThreads.has('holdHot')).toEqual({ running: false, pending: true })

    program.trigger({ type: 'release' })
    expect(poured).toEqual(['hot', 'hot', 'hot'])
    expect(program.bThreads.has('holdHot')).toEqual({ running: false, pending: false })
  })

  test('an interrupt ends a requesting thread in the middle of its rules', () => {
    const addHot = bThread([bSync({ request: { type: 'hot' }, interrupt: 'close' })], true)
    const paced = bThread([bSync({ block: 'hot', waitFor: 'tick' }), bSync({ waitFor: 'hot' })], true)
    const { program, poured } = openTap({ addHot, paced })
    program.trigger({ type: 'tick' })
    program.trigger({ type: 'close' })
    program.trigger({ type: 'tick' })
    expect(poured).toEqual(['hot'])
  })

  test('snapshots show every candidate of a selection, by priority, with who blocks and what would be interrupted', () => {
    const { snapshots } = openTap({
      addHot: bThread([bSync({ request: { type: 'hot' } })]),
      addCold: bThread([bSync({ request: { type: 'cold', detail: { litres: 2 } } })]),
      alternate: bThread([bSync({ waitFor: 'hot', block: 'cold', interrupt: 'open' })]),
    })
    const hot = {
      thread: 'addHot',
      trigger: false,
      type: 'hot',
      priority: 1,
      blockedBy: undefined,
      interrupts: undefined,
    }
    const cold = {
      thread: 'addCold',
      trigger: false,
      type: 'cold',
      detail: { litres: 2 },
      priority: 2,
      interrupts: undefined,
    }
    const open = { thread: 'Symbol(open)', trigger: true, type: 'open', priority: 0, blockedBy: undefined }
    expect(snapshots).toEqual([
      [
        { ...open, selected: true, detail: undefined, interrupts: 'alternate' },
        { ...hot, selected: false, detail: undefined },
        { ...cold, selected: false, blockedBy: 'alternate' },
      ],
      [
        { ...hot, selected: true, detail: undefined },
        { ...cold, selected: false, blockedBy: undefined },
      ],
      [{ ...cold, selected: true, blockedBy: undefined }],
    ])
  })

  test('a deadlock is published: requests, and none of them selected', () => {
    const { snapshots } = openTap({ addHot: threeTimes('hot'), never: bThread([bSync({ block: 'hot' })], true) })
    const hot = { thread: 'addHot', trigger: false, selected: false, type: 'hot', detail: undefined, priority: 1 }
    expect(snapshots.at(-1)).toEqual([{ ...hot, blockedBy: 'never', interrupts: undefined }])
    expect(snapshots).toHaveLength(2)
  })
})
