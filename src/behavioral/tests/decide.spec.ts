import { describe, expect, test } from 'bun:test'
import { bSync } from '../b-sync.ts'
import { bThread } from '../b-thread.ts'
import { behavioral } from '../behavioral.ts'
import type { BPErrorReport, BPListener, Decision, RulesFunction, SnapshotMessage } from '../behavioral.types.ts'
import { on } from '../on.ts'

const BASH = 'permission:bash:exec'
const WRITE = 'permission:file:write'

const bash = (cmd: string) => ({ type: BASH, detail: { cmd } })
const blockAlways = (block: BPListener | readonly BPListener[]): RulesFunction => bThread([bSync({ block })], true)
const noRootRemoval = blockAlways(on<{ cmd: string }>(BASH, ({ detail }) => detail.cmd.includes('rm -rf /')))

const guard = (threads: Record<string, RulesFunction>) => {
  const reports: BPErrorReport[] = []
  const engine = behavioral({ onError: (report) => void reports.push(report) })
  engine.bThreads.set(threads, { strict: true })
  const selected: unknown[] = []
  engine.useFeedback({
    [BASH]: (detail) => void selected.push(detail),
    [WRITE]: (detail) => void selected.push(detail),
  })
  return { ...engine, reports, selected }
}

const ALLOWED: Decision = { allowed: true, blockedBy: [], errors: [] }

describe('a decision, against what went wrong when a trigger was used as one', () => {
  test('1: denied calls do not pile up, each asks each rule once', () => {
    let asked = 0
    const { decide } = guard({
      never: blockAlways(() => {
        asked += 1
        return true
      }),
    })
    for (let call = 0; call < 1000; call += 1) expect(decide(bash('x')).allowed).toBe(false)
    expect(asked).toBe(1000)
  })

  test('2: a call that was denied is not selected later in place of another when the world changes', () => {
    let isQuiet = true
    const { decide, selected } = guard({ quietHours: blockAlways(() => isQuiet), noRootRemoval })
    expect(decide(bash('ls')).blockedBy).toEqual(['quietHours'])
    isQuiet = false
    expect(decide(bash('rm -rf /')).blockedBy).toEqual(['noRootRemoval'])
    expect(selected).toEqual([])
  })

  test('2: a blocked trigger from elsewhere does not answer for a decision', () => {
    let isQuiet = true
    const { decide, trigger, selected } = guard({ quietHours: blockAlways(() => isQuiet), noRootRemoval })
    trigger(bash('ls'))
    isQuiet = false
    expect(decide(bash('rm -rf /')).blockedBy).toEqual(['noRootRemoval'])
    expect(decide(bash('pwd'))).toEqual(ALLOWED)
    expect(selected).toEqual([{ cmd: 'pwd' }])
  })

  test('3: a thread that throws while starting does not let the next call through', () => {
    const { bThreads, decide, reports, selected } = guard({ noRootRemoval })
    bThreads.set({
      broken: function* () {
        yield* [] as never[]
        throw new Error('cannot start')
      },
    })
    expect(decide(bash('ls'))).toEqual(ALLOWED)
    expect(decide(bash('rm -rf /')).blockedBy).toEqual(['noRootRemoval'])
    expect(selected).toEqual([{ cmd: 'ls' }])
    expect(reports).toMatchObject([{ kind: 'thread', thread: 'broken', error: new Error('cannot start') }])
  })

  test('4: a rule that throws on an odd detail denies that call and no other', () => {
    const { decide } = guard({ noRootRemoval })
    const odd = decide({ type: BASH })
    expect(odd).toMatchObject({ allowed: false, blockedBy: ['noRootRemoval'] })
    expect(odd.errors).toEqual([{ thread: 'noRootRemoval', error: expect.any(TypeError) }])
    expect(decide(bash('ls'))).toEqual(ALLOWED)
  })

  test('5: a plain function is refused when it is set, not called at every check', () => {
    const plain = (() => 'not a generator') as unknown as RulesFunction
    expect(() => guard({ plain })).toThrow(/thread plain must be a generator function/)
  })

  test('6: a rule whose name is taken is an error, and none of its neighbours is loaded', () => {
    const { bThreads, decide } = guard({ first: noRootRemoval })
    const second = blockAlways(BASH)
    expect(() => bThreads.set({ second, first: second }, { strict: true })).toThrow(/thread first exists/)
    expect(bThreads.has('second')).toEqual({ running: false, pending: false })
    expect(decide(bash('ls'))).toEqual(ALLOWED)
  })

  test('7: a denial names every rule that objects, in order, and is published', () => {
    const { decide, useSnapshot } = guard({
      opaque: blockAlways(({ type }) => type === BASH),
      noRootRemoval,
      idle: blockAlways(WRITE),
      named: blockAlways([BASH, on(BASH, () => true)]),
    })
    const snapshots: SnapshotMessage[] = []
    useSnapshot((message) => void snapshots.push(message))
    expect(decide(bash('rm -rf /')).blockedBy).toEqual(['opaque', 'noRootRemoval', 'named'])
    expect(snapshots).toMatchObject([
      [{ thread: `Symbol(${BASH})`, trigger: true, selected: false, priority: 0, blockedBy: 'opaque' }],
    ])
  })

  test('8: a rule that writes to a frozen detail denies the call and leaves it as it was', () => {
    const { decide } = guard({
      rewrite: blockAlways(({ detail }) => {
        detail.cmd = 'ls'
        return false
      }),
    })
    const event = Object.freeze({ type: BASH, detail: Object.freeze({ cmd: 'rm' }) })
    expect(decide(event)).toMatchObject({ blockedBy: ['rewrite'], errors: [{ thread: 'rewrite' }] })
    expect(event.detail.cmd).toBe('rm')
  })
})

describe('decide', () => {
  test('an allowed event happens: waiting threads advance, handlers and snapshots see it', () => {
    const { decide, useSnapshot, selected } = guard({
      onceOnly: bThread([bSync({ waitFor: BASH }), bSync({ block: BASH, waitFor: WRITE })], true),
    })
    const snapshots: SnapshotMessage[] = []
    useSnapshot((message) => void snapshots.push(message))
    expect(decide(bash('ls'))).toEqual(ALLOWED)
    expect(selected).toEqual([{ cmd: 'ls' }])
    expect(snapshots).toMatchObject([[{ type: BASH, detail: { cmd: 'ls' }, selected: true }]])
    expect(decide(bash('ls')).blockedBy).toEqual(['onceOnly'])
  })

  test('needs no handler to know the answer', () => {
    const engine = behavioral()
    engine.bThreads.set({ noRootRemoval }, { strict: true })
    expect(engine.decide(bash('ls')).allowed).toBe(true)
    expect(engine.decide(bash('rm -rf /')).allowed).toBe(false)
  })

  test('an event that no thread knows is allowed: the vocabulary is the business of the caller', () => {
    expect(guard({ noRootRemoval }).decide({ type: 'unheard-of' })).toEqual(ALLOWED)
  })

  test('a thread can keep a budget from the events it is resumed with', () => {
    const { decide } = guard({
      budget: function* () {
        let left = 10
        while (true) {
          const room = left
          const spent = yield {
            waitFor: 'pay',
            block: on<{ amount: number }>('pay', ({ detail }) => detail.amount > room),
          }
          left -= Number(spent.detail.amount)
        }
      },
    })
    const answers = [4, 4, 4, 2, 1].map((amount) => decide({ type: 'pay', detail: { amount } }).allowed)
    expect(answers).toEqual([true, true, false, true, false])
  })

  test('a listener that throws while waiting denies the event, and its thread does not move', () => {
    let isBroken = true
    const { decide } = guard({
      blocks: blockAlways(on<{ cmd: string }>(BASH, ({ detail }) => detail.cmd === 'rm')),
      waits: bThread([
        bSync({
          waitFor: () => {
            if (isBroken) throw new Error('cannot tell')
            return true
          },
        }),
        bSync({ block: BASH }),
      ]),
    })
    const error = { thread: 'waits', error: new Error('cannot tell') }
    expect(decide(bash('ls'))).toEqual({ allowed: false, blockedBy: ['waits'], errors: [error] })
    expect(decide(bash('rm'))).toEqual({ allowed: false, blockedBy: ['blocks', 'waits'], errors: [error] })
    isBroken = false
    expect(decide(bash('ls'))).toEqual(ALLOWED)
    expect(decide(bash('ls')).blockedBy).toEqual(['waits'])
  })

  test('threads that failed to answer stand among those that block, in the order of parking', () => {
    const fail = () => {
      throw new Error('cannot tell')
    }
    const { decide } = guard({
      waits: bThread([bSync({ waitFor: fail })]),
      blocks: blockAlways(BASH),
      fails: bThread([bSync({ interrupt: fail, block: fail })]),
    })
    const { blockedBy, errors } = decide(bash('ls'))
    expect(blockedBy).toEqual(['waits', 'blocks', 'fails'])
    expect(errors.map(({ thread }) => thread).toSorted()).toEqual(['fails', 'fails', 'waits'])
  })

  test('a listener that throws while deciding on an interrupt denies the event', () => {
    const interrupt = () => {
      throw new Error('cannot tell')
    }
    const { decide } = guard({ fragile: bThread([bSync({ interrupt })]) })
    expect(decide(bash('ls')).blockedBy).toEqual(['fragile'])
  })

  const falls: Record<string, RulesFunction> = {
    ends: bThread([bSync({ waitFor: BASH })]),
    'is interrupted': bThread([bSync({ interrupt: BASH })], true),
    throws: function* () {
      yield { waitFor: BASH }
      throw new Error('broke')
    },
    'yields no idioms': function* () {
      yield { waitFor: BASH }
      yield { block: 42 as unknown as string }
    },
  }
  for (const [how, thread] of Object.entries(falls)) {
    test(`a guarding thread that ${how} denies everything from then on`, () => {
      const { decide, explain, bThreads } = guard({ thread, noRootRemoval })
      expect(decide(bash('ls'))).toEqual(ALLOWED)
      for (const answer of [decide(bash('ls')), decide({ type: WRITE }), explain({ type: WRITE })]) {
        expect(answer).toMatchObject({ allowed: false, blockedBy: ['thread'] })
        expect(answer.errors).toEqual([{ thread: 'thread', error: expect.any(Error) }])
      }
      expect(decide(bash('rm -rf /')).blockedBy).toEqual(['thread', 'noRootRemoval'])
      expect(() => bThreads.set({ thread }, { strict: true })).toThrow(/thread thread exists/)
    })
  }

  test('a thread that is not on guard may end without consequence', () => {
    const { bThreads, decide } = guard({ noRootRemoval })
    bThreads.set({ once: bThread([bSync({ waitFor: BASH })]) })
    expect([decide(bash('ls')), decide(bash('ls'))]).toEqual([ALLOWED, ALLOWED])
  })

  test('goes before every pending request, which then has its turn', () => {
    const engine = behavioral()
    const order: string[] = []
    engine.useFeedback({ inner: () => void order.push('inner'), outer: () => void order.push('outer') })
    engine.bThreads.set({ requests: bThread([bSync({ request: { type: 'inner' } })]) })
    expect(engine.decide({ type: 'outer' })).toEqual(ALLOWED)
    expect(order).toEqual(['outer', 'inner'])
  })

  test('a denial sets nothing off', () => {
    const { bThreads, decide, trigger, useFeedback } = guard({ noRootRemoval })
    const order: string[] = []
    useFeedback({ inner: () => void order.push('inner') })
    bThreads.set({ requests: bThread([bSync({ request: { type: 'inner' } })]) })
    decide(bash('rm -rf /'))
    expect(order).toEqual([])
    trigger({ type: 'any' })
    expect(order).toEqual(['inner'])
  })

  test('can be asked inside a handler, but a predicate that asks is denied', () => {
    const { decide, trigger, useFeedback, bThreads } = guard({ noRootRemoval })
    const answers: Decision[] = []
    useFeedback({ start: () => void answers.push(decide(bash('ls')), decide(bash('rm -rf /'))) })
    trigger({ type: 'start' })
    expect(answers.map(({ allowed }) => allowed)).toEqual([true, false])

    const inner: Decision[] = []
    bThreads.set({ asks: bThread([bSync({ block: on('start', () => !inner.push(decide(bash('ls')))) })], true) })
    trigger({ type: 'start' })
    expect(inner).toMatchObject([{ allowed: false, blockedBy: ['(engine)'], errors: [{ thread: '(engine)' }] }])
  })
})

describe('explain', () => {
  test('answers as decide would, and nothing happens', () => {
    const { decide, explain, useSnapshot, selected } = guard({
      onceOnly: bThread([bSync({ waitFor: BASH }), bSync({ block: BASH, waitFor: WRITE })], true),
    })
    const snapshots: SnapshotMessage[] = []
    const disconnect = useSnapshot((message) => void snapshots.push(message))
    expect([explain(bash('ls')), explain(bash('ls'))]).toEqual([ALLOWED, ALLOWED])
    disconnect()
    decide(bash('ls'))
    expect(explain(bash('ls'))).toEqual({ allowed: false, blockedBy: ['onceOnly'], errors: [] })
    expect(snapshots).toEqual([])
    expect(selected).toEqual([{ cmd: 'ls' }])
  })
})
