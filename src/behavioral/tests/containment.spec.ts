import { describe, expect, test } from 'bun:test'
import { bSync } from '../b-sync.ts'
import { bThread } from '../b-thread.ts'
import { behavioral } from '../behavioral.ts'
import type { BPErrorReport, RulesFunction } from '../behavioral.types.ts'
import { on } from '../on.ts'

const boom = new Error('boom')
const fail = (): never => {
  throw boom
}

const start = (threads: Record<string, RulesFunction> = {}) => {
  const reports: BPErrorReport[] = []
  const engine = behavioral({ onError: (report) => void reports.push(report) })
  engine.bThreads.set(threads)
  const selected: string[] = []
  engine.useFeedback({ a: () => void selected.push('a'), b: () => void selected.push('b') })
  return { ...engine, reports, selected }
}

describe('an error stays inside the engine, is reported, and the program goes on', () => {
  test('from a handler', () => {
    const { trigger, useFeedback, reports, selected } = start({
      next: bThread([bSync({ waitFor: 'a' }), bSync({ request: { type: 'b' } })]),
    })
    useFeedback({ a: fail })
    trigger({ type: 'a' })
    expect(reports).toEqual([{ kind: 'handler', type: 'a', error: boom }])
    expect(selected).toEqual(['a', 'b'])
  })

  test('from an asynchronous handler, as a report instead of an unhandled rejection', async () => {
    const { promise, resolve } = Promise.withResolvers<BPErrorReport>()
    const { trigger, useFeedback } = behavioral({ onError: resolve })
    useFeedback({ a: () => Promise.reject(boom) })
    trigger({ type: 'a' })
    expect(await promise).toEqual({ kind: 'handler', type: 'a', error: boom })
  })

  test('from a thread', () => {
    const { trigger, bThreads, reports, selected } = start({
      *broken() {
        yield { waitFor: 'a' }
        throw boom
      },
      next: bThread([bSync({ waitFor: 'a' }), bSync({ request: { type: 'b' } })]),
    })
    trigger({ type: 'a' })
    expect(reports).toEqual([{ kind: 'thread', thread: 'broken', type: 'a', error: boom }])
    expect(selected).toEqual(['a', 'b'])
    expect(bThreads.has('broken')).toEqual({ running: false, pending: false })
  })

  test('from the clean-up of an interrupted thread', () => {
    const { trigger, reports, selected } = start({
      *broken() {
        try {
          yield { interrupt: 'a' }
        } finally {
          // biome-ignore lint/correctness/noUnsafeFinally: the fault under test
          throw boom
        }
      },
    })
    trigger({ type: 'a' })
    trigger({ type: 'b' })
    expect(reports).toEqual([{ kind: 'thread', thread: 'broken', type: 'a', error: boom }])
    expect(selected).toEqual(['a', 'b'])
  })

  test('from a thread function, or one that makes no generator', () => {
    const { trigger, reports, selected } = start({
      throws: fail,
      plain: (() => 1) as unknown as RulesFunction,
      isNoFunction: 1 as unknown as RulesFunction,
    })
    trigger({ type: 'a' })
    expect(reports).toMatchObject([
      { kind: 'thread', thread: 'throws', error: boom },
      { kind: 'thread', thread: 'plain', error: expect.any(TypeError) },
      { kind: 'thread', thread: 'isNoFunction', error: expect.any(TypeError) },
    ])
    expect(selected).toEqual(['a'])
  })

  const malformed = { nothing: null, text: 'a', request: { request: {} }, listener: { block: { type: 'a' } } }
  for (const [what, idioms] of Object.entries(malformed)) {
    test(`from a thread that yields malformed idioms: ${what}`, () => {
      const { trigger, reports, selected } = start({ broken: bThread([bSync(idioms as object)]) })
      trigger({ type: 'a' })
      expect(reports).toEqual([{ kind: 'thread', thread: 'broken', error: expect.any(TypeError) }])
      expect(selected).toEqual(['a'])
    })
  }

  test('from a block: it blocks', () => {
    const { trigger, reports, selected } = start({ broken: bThread([bSync({ block: on('a', fail) })]) })
    trigger({ type: 'a' })
    trigger({ type: 'b' })
    expect(selected).toEqual(['b'])
    expect(reports).toContainEqual({ kind: 'block', thread: 'broken', type: 'a', error: boom })
  })

  test('from waitFor and interrupt: they do not match', () => {
    const { trigger, bThreads, reports, selected } = start({
      broken: bThread([bSync({ waitFor: fail, interrupt: fail })]),
    })
    trigger({ type: 'a' })
    expect(selected).toEqual(['a'])
    expect(bThreads.has('broken').pending).toBe(true)
    expect(reports).toEqual([
      { kind: 'waitFor', thread: 'broken', type: 'a', error: boom },
      { kind: 'interrupt', thread: 'broken', type: 'a', error: boom },
    ])
  })

  test('from a template, or one that makes no event: nothing is requested', () => {
    const { trigger, reports, selected } = start({
      throws: bThread([bSync({ request: fail })]),
      makesNothing: bThread([bSync({ request: () => ({}) as { type: string } })]),
      works: bThread([bSync({ request: () => ({ type: 'b' }) })]),
    })
    trigger({ type: 'a' })
    expect(selected).toEqual(['a', 'b'])
    expect(reports).toContainEqual({ kind: 'request', thread: 'throws', error: boom })
    expect(reports).toContainEqual({ kind: 'request', thread: 'makesNothing', error: expect.any(TypeError) })
  })

  test('from a snapshot listener: the others still see the snapshot', () => {
    const { trigger, useSnapshot, reports, selected } = start()
    let seen = 0
    useSnapshot(fail)
    useSnapshot(() => void seen++)
    trigger({ type: 'a' })
    expect([seen, selected, reports]).toEqual([1, ['a'], [{ kind: 'snapshot', error: boom }]])
  })

  test('from onError itself: both reports are kept', () => {
    const { trigger, useFeedback, errors } = behavioral({ onError: fail })
    useFeedback({ a: fail })
    trigger({ type: 'a' })
    expect(errors()).toEqual([
      { kind: 'handler', type: 'a', error: boom },
      { kind: 'onError', error: boom },
    ])
  })
})

describe('without onError', () => {
  test('the last 100 reports are kept, the oldest first', () => {
    const { trigger, useFeedback, errors } = behavioral()
    useFeedback({
      a: (count) => {
        throw count
      },
    })
    for (let count = 1; count <= 130; count += 1) trigger({ type: 'a', detail: count })
    expect(errors()).toHaveLength(100)
    expect(errors()[0]).toEqual({ kind: 'handler', type: 'a', error: 31 })
    expect(errors()[99]).toEqual({ kind: 'handler', type: 'a', error: 130 })
  })
})

describe('a trigger in the middle of an event', () => {
  test('waits until the chain is over, then happens', () => {
    const { trigger, useSnapshot, bThreads, selected } = start({
      chain: bThread([bSync({ waitFor: 'a' }), bSync({ request: { type: 'b' } })]),
    })
    bThreads.set({
      *announcer() {
        yield { waitFor: 'a' }
        trigger({ type: 'a' })
      },
    })
    const disconnect = useSnapshot(() => {
      disconnect()
      trigger({ type: 'b' })
    })
    trigger({ type: 'a' })
    expect(selected).toEqual(['a', 'b', 'b', 'a'])
  })

  test('from onError is not lost', () => {
    const { trigger, useFeedback, bThreads } = behavioral({ onError: () => trigger({ type: 'failed' }) })
    let failures = 0
    useFeedback({ failed: () => void failures++ })
    bThreads.set({ broken: bThread([bSync({ waitFor: on('a', fail) })]) })
    trigger({ type: 'a' })
    expect(failures).toBe(1)
  })
})

describe('limits', () => {
  test('threads that set each other off for ever are stopped, and the engine still answers', () => {
    const { trigger, decide, bThreads, reports } = start({
      endless: bThread([bSync({ request: { type: 'again' } })], true),
    })
    bThreads.set({ rule: bThread([bSync({ block: 'forbidden' })], true) })
    trigger({ type: 'a' })
    expect(reports).toMatchObject([{ kind: 'limit', type: 'again' }])
    expect(decide({ type: 'forbidden' }).blockedBy).toEqual(['rule'])
  })

  test('a handler that triggers itself for ever is stopped, and the engine goes on', () => {
    const { trigger, useFeedback, reports, selected } = start()
    let calls = 0
    const disconnect = useFeedback({
      b: () => {
        calls += 1
        trigger({ type: 'b' })
      },
    })
    trigger({ type: 'b' })
    expect(calls).toBe(500)
    expect(reports).toMatchObject([{ kind: 'limit', type: 'b' }])
    disconnect()
    trigger({ type: 'a' })
    expect(selected.at(-1)).toBe('a')
  })

  test('a snapshot listener that triggers for ever is stopped', () => {
    const { trigger, useSnapshot, reports } = start()
    const disconnect = useSnapshot(() => trigger({ type: 'again' }))
    trigger({ type: 'a' })
    disconnect()
    expect(reports.every(({ kind }) => kind === 'limit')).toBe(true)
    expect(reports).not.toEqual([])
  })
})
