import { describe, expect, test } from 'bun:test'
import { bSync } from '../b-sync.ts'
import { bThread } from '../b-thread.ts'
import { behavioral } from '../behavioral.ts'
import type { BPEvent, Idioms, RulesFunction } from '../behavioral.types.ts'
import { on } from '../on.ts'

const request = (type: string, detail?: unknown) => bSync({ request: { type, detail } })

/** An engine that writes down the types of the events it selects. */
const start = (threads: Record<string, RulesFunction> = {}) => {
  const engine = behavioral()
  const selected: string[] = []
  engine.useSnapshot((message) => {
    const types = new Set(message.filter((entry) => entry.selected).map(({ type }) => type))
    selected.push(...types)
  })
  engine.bThreads.set(threads)
  return { ...engine, selected }
}

describe('bThreads', () => {
  test('set runs nothing; a thread is running until the next step, pending when parked, neither when it has ended', () => {
    const { bThreads, trigger, selected } = start({ waits: bThread([bSync({ waitFor: 'go' })]) })
    expect(bThreads.has('waits')).toEqual({ running: true, pending: false })
    expect(selected).toEqual([])
    trigger({ type: 'other' })
    expect(bThreads.has('waits')).toEqual({ running: false, pending: true })
    trigger({ type: 'go' })
    expect(bThreads.has('waits')).toEqual({ running: false, pending: false })
  })

  test('a name is free again when its thread has ended, and taken until then', () => {
    const { bThreads, trigger, selected, errors } = start({ one: bThread([request('first')]) })
    bThreads.set({ one: bThread([request('ignored')]) })
    trigger({ type: 'go' })
    bThreads.set({ one: bThread([request('second')]) })
    trigger({ type: 'go' })
    expect(selected).toEqual(['go', 'first', 'go', 'second'])
    expect(errors()).toMatchObject([{ kind: 'duplicate', thread: 'one' }])
  })

  test('threads set first win; a later set starts counting at the threads that are still running', () => {
    const { bThreads, trigger, selected } = start({
      low: bThread([bSync({ waitFor: 'go' }), request('low')]),
      lower: bThread([bSync({ waitFor: 'go' }), request('lower')]),
    })
    trigger({ type: 'park' })
    bThreads.set({ late: bThread([bSync({ waitFor: 'go' }), request('late')]) })
    trigger({ type: 'go' })
    expect(selected).toEqual(['park', 'go', 'low', 'late', 'lower'])
  })

  test('a thread set in a handler takes part in the following step', () => {
    const threads = { p1: bThread([request('1')]), p2: bThread([request('2')]), p3: bThread([request('3')]) }
    const { bThreads, trigger, useFeedback, selected } = start(threads)
    // The thread of `go` itself is still running, so the new one gets priority 2 and ties with p2, which parked earlier.
    useFeedback({ go: () => bThreads.set({ added: bThread([request('added')]) }) })
    trigger({ type: 'go' })
    expect(selected).toEqual(['go', '1', '2', 'added', '3'])
  })

  test('the engine is frozen', () => {
    expect(Object.isFrozen(behavioral())).toBe(true)
  })
})

describe('selection', () => {
  test('block beats every request, also that of the thread that blocks', () => {
    const { trigger, selected } = start({
      both: bThread([bSync({ request: { type: 'a' }, block: 'a' })]),
      b: bThread([request('b')]),
    })
    trigger({ type: 'go' })
    expect(selected).toEqual(['go', 'b'])
  })

  test('an event from outside beats every request, unless it is blocked', () => {
    const threads = { a: bThread([bSync({ waitFor: 'go' }), request('a')]), blocks: bThread([bSync({ block: 'no' })]) }
    const { bThreads, trigger, selected } = start(threads)
    trigger({ type: 'go' })
    bThreads.set({ b: bThread([request('b')]) })
    trigger({ type: 'no' })
    bThreads.set({ c: bThread([request('c')]) })
    trigger({ type: 'yes' })
    expect(selected).toEqual(['go', 'a', 'b', 'yes', 'c'])
  })

  test('a blocked trigger waits for one event: it is selected if that unblocks it, forgotten if anything else happens', () => {
    const { bThreads, trigger, selected } = start({
      lock: bThread([bSync({ block: 'enter', waitFor: 'unlock' }), bSync({ waitFor: 'enter' })], true),
    })
    trigger({ type: 'enter' })
    trigger({ type: 'unlock' })
    expect(selected).toEqual(['unlock'])
    trigger({ type: 'enter' })
    expect(selected).toEqual(['unlock', 'enter'])

    let isShut = true
    bThreads.set({ door: bThread([bSync({ block: on('leave', () => isShut) })]) })
    trigger({ type: 'leave' })
    isShut = false
    trigger({ type: 'enter' })
    expect(selected).toEqual(['unlock', 'enter', 'leave'])
  })

  test('a request is fulfilled by an event of its type, whatever its detail and whoever asked', () => {
    const { trigger, bThreads, selected } = start({
      one: bThread([request('same', 1)]),
      two: bThread([request('same', 2)]),
      three: bThread([bSync({ block: ({ detail }) => detail === 1, waitFor: 'same' })]),
    })
    trigger({ type: 'go' })
    expect(selected).toEqual(['go', 'same'])
    for (const name of ['one', 'two', 'three']) expect(bThreads.has(name).pending).toBe(false)
  })

  test('a template is computed at every selection, and fulfilled together with its twin only', () => {
    let calls = 0
    const template = () => {
      calls += 1
      return { type: 'made', detail: calls }
    }
    const { trigger, bThreads, selected } = start({
      one: bThread([bSync({ request: template, waitFor: 'never' })]),
      twin: bThread([bSync({ request: template })]),
      other: bThread([bSync({ request: () => ({ type: 'made', detail: 'own' }) })]),
      holds: bThread([bSync({ block: 'made', waitFor: 'go' })]),
    })
    trigger({ type: 'park' })
    expect(calls).toBe(4)
    trigger({ type: 'go' })
    expect(selected).toEqual(['park', 'go', 'made', 'made'])
    expect(bThreads.has('other').pending).toBe(false)
  })

  test('a template may request nothing for now', () => {
    let event: BPEvent | undefined
    const { trigger, selected, errors } = start({ lazy: bThread([bSync({ request: () => event })]) })
    trigger({ type: 'one' })
    event = { type: 'now' }
    trigger({ type: 'two' })
    expect(selected).toEqual(['one', 'two', 'now'])
    expect(errors()).toEqual([])
  })

  test('a thread is resumed with the event that woke it', () => {
    const seen: unknown[] = []
    const { trigger } = start({
      *listener() {
        seen.push(yield { waitFor: on(['a', 'b'], ({ detail }) => detail > 1) })
        seen.push(yield { request: { type: 'own', detail: 'mine' } })
      },
    })
    for (const detail of [1, 2]) trigger({ type: 'b', detail })
    expect(seen).toEqual([
      { type: 'b', detail: 2 },
      { type: 'own', detail: 'mine' },
    ])
  })

  test('an interrupt runs the clean-up of the thread, also when it waits for the same event', () => {
    const log: string[] = []
    const { trigger, bThreads } = start({
      *worker() {
        try {
          while (true) yield { waitFor: 'stop', interrupt: 'stop' } satisfies Idioms
        } finally {
          log.push('cleaned')
        }
      },
    })
    trigger({ type: 'stop' })
    expect(log).toEqual(['cleaned'])
    expect(bThreads.has('worker').pending).toBe(false)
  })

  test('predicates of on are not asked about other types', () => {
    const asked: string[] = []
    const watch = on(['a', 'b'], ({ type }) => asked.push(type) < 0)
    const { trigger } = start({ watcher: bThread([bSync({ block: watch, waitFor: watch, interrupt: watch })]) })
    for (const type of ['start', 'a', 'c', 'toString', '__proto__']) trigger({ type })
    expect(new Set(asked)).toEqual(new Set(['a']))
  })

  test('a predicate cannot change the event that is being selected', () => {
    const rewrite = (event: { readonly type: string }) => {
      Object.assign(event, { type: 'b' })
      return false
    }
    const { trigger, selected, errors } = start({
      asks: bThread([request('a')]),
      rewrites: bThread([bSync({ block: on('a', rewrite) })]),
    })
    trigger({ type: 'go' })
    trigger({ type: 'a' })
    expect(selected).toEqual(['go'])
    expect(errors()[0]).toMatchObject({ kind: 'block', thread: 'rewrites', type: 'a', error: expect.any(TypeError) })
  })

  test('50,000 chained internal events run without deepening the stack', () => {
    let happened = 0
    const chain = bThread([request('ping'), request('pong')], () => happened < 50_000)
    const { trigger, useFeedback } = behavioralWith({ chain })
    const count = () => void happened++
    useFeedback({ ping: count, pong: count })
    trigger({ type: 'go' })
    expect(happened).toBe(50_000)
  })
})

const behavioralWith = (threads: Record<string, RulesFunction>) => {
  const engine = behavioral()
  engine.bThreads.set(threads)
  return engine
}

describe('feedback', () => {
  test('a trigger in a handler runs its whole chain before it returns; later subscribers see the inner event first', () => {
    const { trigger, useFeedback } = behavioralWith({ reacts: bThread([bSync({ waitFor: 'b' }), request('c')]) })
    const log: string[] = []
    useFeedback({
      a: () => {
        log.push('s1:a')
        trigger({ type: 'b' })
        log.push('s1:a ends')
      },
      b: () => void log.push('s1:b'),
      c: () => void log.push('s1:c'),
    })
    useFeedback({ a: () => void log.push('s2:a'), b: () => void log.push('s2:b') })
    trigger({ type: 'a' })
    expect(log).toEqual(['s1:a', 's1:b', 's2:b', 's1:c', 's1:a ends', 's2:a'])
  })

  test('handlers get the detail, own members only, until they are disconnected', () => {
    const { trigger, useFeedback } = behavioral<{ a: { x: number }; unheard: undefined }>()
    const seen: number[] = []
    const disconnect = useFeedback({ a: ({ x }) => void seen.push(x) })
    const stay = useFeedback({ a: ({ x }) => void seen.push(-x) })
    useFeedback(Object.create({ a: () => void seen.push(Number.NaN) }))
    trigger({ type: 'a', detail: { x: 1 } })
    trigger({ type: 'toString' })
    disconnect()
    trigger({ type: 'a', detail: { x: 2 } })
    stay()
    trigger({ type: 'a', detail: { x: 3 } })
    expect(seen).toEqual([1, -1, -2])
  })
})

describe('snapshots', () => {
  test('disconnecting one listener leaves the others, also an equal one', () => {
    const { trigger, useSnapshot } = behavioral()
    let count = 0
    const listener = () => void count++
    const disconnect = useSnapshot(listener)
    useSnapshot(listener)
    disconnect()
    disconnect()
    trigger({ type: 'a' })
    expect(count).toBe(1)
  })

  test('are published before any handler runs', () => {
    const { trigger, useFeedback, useSnapshot } = behavioral()
    const log: string[] = []
    useFeedback({ a: () => void log.push('handler') })
    useSnapshot(() => void log.push('snapshot'))
    trigger({ type: 'a' })
    expect(log).toEqual(['snapshot', 'handler'])
  })
})
