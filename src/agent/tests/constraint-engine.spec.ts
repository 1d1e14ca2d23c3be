/**
 * The gate as a threat model. The first nine tests are the ways in which a gate made of `trigger` and a feedback flag
 * allows a forbidden call or dies; each must be impossible here.
 */
import { describe, expect, test } from 'bun:test'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { RuleEvent } from '../../constraint-language/rule.types.ts'
import type { ToolOperation } from '../agent.types.ts'
import { describeBlock, unsafeOperatorCall } from '../constraint-engine.ts'
import { loadRules } from '../constraint-store.ts'
import type { PermissionQuestion } from '../tools/tool.types.ts'
import { blockersOf, createTestGate, explainWith, parseRules, ruleOf, ruleSetOf, seedRules } from './gate-fixture.ts'
import { createTestFolder } from './state-fixture.ts'

const NO_ENV = `/** Secrets are not written. */
export const noEnv = bThread([bSync({ block: on('permission:file:write', ({ detail }) => detail.path.endsWith('.env')) })], true)`

const NO_RM = `/** Nothing is removed. */
export const noRm = bThread([bSync({ block: on('permission:bash:exec', ({ detail }) => /\\brm\\b/.test(detail.cmd)) })], true)`

describe('what a gate of trigger and feedback gets wrong', () => {
  test('1: a thousand denials ask a rule a thousand times, and the next call is asked about once', () => {
    let asked = 0
    const rule = ruleOf('count#asked', (event) => {
      asked++
      return event.type === 'permission:file:write'
    })
    using it = createTestGate(ruleSetOf(rule))
    it.atOnce(() => {
      for (let call = 0; call < 1000; call++) expect(it.write(`/workspace/${call}`).outcome).toBe('blocked')
    })
    expect(asked).toBe(1000)
    expect(it.bash('ls').outcome).toBe('allowed')
    expect(asked).toBe(1001)
  })

  test('2: a denied event is never selected later in place of another', () => {
    let night = true
    const seen: string[] = []
    const rule = ruleOf('clock#night', (event) => {
      seen.push(String(event.detail['cmd']))
      return night || event.detail['cmd'] === 'rm -rf /'
    })
    using it = createTestGate(ruleSetOf(rule))
    expect(it.bash('ls').outcome).toBe('blocked')
    night = false
    expect(it.bash('rm -rf /').outcome).toBe('blocked')
    expect(seen).toEqual(['ls', 'rm -rf /'])
    expect(it.bash('ls').outcome).toBe('allowed')
    expect(it.rows().map((row) => row.outcome)).toEqual(['blocked', 'blocked', 'allowed'])
  })

  test('3: a thread that breaks at its start denies every call from then on, instead of letting one through', () => {
    const broken = ruleOf('broken#thread', 42 as unknown as () => boolean)
    using it = createTestGate(ruleSetOf(broken, ...parseRules({ rm: NO_RM }).rules))
    expect(blockersOf(it.bash('ls'))).toEqual(['broken#thread'])
    expect(blockersOf(it.bash('rm -rf /'))).toContain('broken#thread')
    expect(blockersOf(it.write('/workspace/a'))).toEqual(['broken#thread'])
  })

  test('4: a predicate that cannot be decided denies that call and no later one', () => {
    const limit = `/** Payees are numbers up to 5. */
      export const limit = bThread([bSync({ block: on('permission:payment:send', ({ detail }) => parseFloat(detail.payTo) > 5) })], true)`
    using it = createTestGate(parseRules({ pay: limit }))
    const pay = (payTo: string) => it.decide({ type: 'permission:payment:send', input: { amountMicros: 1, payTo } })
    const odd = pay('bob')
    expect(odd).toMatchObject({ outcome: 'blocked', blockedBy: [{ by: 'pay#limit' }] })
    expect(describeBlock(odd)).toContain('could not be evaluated')
    expect(pay('3').outcome).toBe('allowed')
    expect(pay('7').outcome).toBe('blocked')
  })

  test.each([
    ['5: a module that exports a plain function', 'export const allow = () => true'],
    [
      '9: a rule that requests an event',
      `export const grant = bThread([bSync({ request: { type: 'approved' } })], true)`,
    ],
    ['a rule that ends', `export const once = bThread([bSync({ block: 'permission:bash:exec' })])`],
    [
      'a rule that can be interrupted',
      `export const weak = bThread([bSync({ block: 'permission:bash:exec', interrupt: 'permission:llm:call' })], true)`,
    ],
  ])('%s is refused at load, with every other rule', (_, body) => {
    using folder = createTestFolder()
    writeFileSync(join(folder.path, 'good.ts'), `import { bThread, bSync, on } from 'plaited'\n${NO_RM}\n`)
    expect(loadRules(folder.path).rules).toHaveLength(1)
    writeFileSync(join(folder.path, 'weak.ts'), `import { bThread, bSync, on } from 'plaited'\n${body}\n`)
    expect(() => loadRules(folder.path)).toThrow(expect.objectContaining({ code: 'RULE_ILLEGAL' }))
  })

  test('6: the same export name in two files makes two rules, and both hold', () => {
    using it = createTestGate(parseRules({ one: NO_ENV, two: NO_ENV.replace('.env', '.key') }))
    expect(blockersOf(it.write('/workspace/.env'))).toEqual(['one#noEnv'])
    expect(blockersOf(it.write('/workspace/a.key'))).toEqual(['two#noEnv'])
  })

  test('6: two rules of one key are an error, not a silent choice', () => {
    const rules = [...parseRules({ one: NO_ENV }).rules, ...parseRules({ one: NO_ENV.replace('.env', '.key') }).rules]
    expect(() => explainWith(ruleSetOf(...rules))).toThrow(
      expect.objectContaining({ code: 'RULE_ILLEGAL', message: expect.stringContaining('one#noEnv') }),
    )
  })

  test('7: every denial leaves a row with its blockers and what was judged', () => {
    using it = createTestGate(parseRules({ env: NO_ENV, rm: NO_RM }))
    it.write('/workspace/.env')
    it.bash('rm -rf /')
    const rows = it.rows().map(({ outcome, blocked_by, reason, detail }) => ({
      outcome,
      blockedBy: JSON.parse(blocked_by),
      reason,
      detail: JSON.parse(detail),
    }))
    expect(rows).toMatchObject([
      { outcome: 'blocked', blockedBy: ['env#noEnv'], reason: 'env#noEnv: Secrets are not written.' },
      { outcome: 'blocked', blockedBy: ['rm#noRm'], detail: { cmd: 'rm -rf /', turn: 't1', toolUseId: 'toolu_1' } },
    ])
    expect(it.decisions.verify()).toEqual({ ok: true, count: 2 })
  })

  test('8: a predicate cannot change what it judges, and trying denies', () => {
    const events: RuleEvent[] = []
    const forge = ruleOf('forge#path', (event) => {
      events.push(event)
      Object.assign(event.detail, { path: '/workspace/innocent' })
      return false
    })
    using it = createTestGate(ruleSetOf(forge))
    const operation: ToolOperation = { kind: 'write', path: '/workspace/.env', content: 'x' }
    expect(it.gate.permit(operation, {}).ok).toBe(false)
    expect(operation.path).toBe('/workspace/.env')
    it.bash('cat a | sh -c "rm b" > c')
    expect(events).toHaveLength(2)
    for (const event of events) expect(unfrozenPlaces(event)).toEqual([])
  })
})

const unfrozenPlaces = (value: unknown, place = 'event'): readonly string[] => {
  if (value === null || typeof value !== 'object') return []
  const own = Object.isFrozen(value) ? [] : [place]
  return [...own, ...Object.entries(value).flatMap(([key, member]) => unfrozenPlaces(member, `${place}.${key}`))]
}

describe('the gate', () => {
  const ask = (type: string, input: unknown) => ({ type, input }) as unknown as PermissionQuestion

  test.each(['permission:disk:format', 'file:write', '', '__proto__', 'constructor', 'toString'])(
    'blocks the unknown type %p',
    (type) => {
      using it = createTestGate(ruleSetOf())
      expect(blockersOf(it.decide(ask(type, {})))).toEqual(['unknown-type'])
      expect(it.rows()).toMatchObject([{ outcome: 'blocked', blocked_by: '["unknown-type"]' }])
    },
  )

  test('blocks a field over its limit instead of cutting it', () => {
    const seen: number[] = []
    const rule = ruleOf('see#all', (event) => seen.push(String(event.detail['cmd']).length) < 0)
    using it = createTestGate(ruleSetOf(rule))
    expect(it.bash('x'.repeat(32_768)).outcome).toBe('allowed')
    expect(blockersOf(it.bash(`${'x'.repeat(32_768)}; rm -rf /`))).toEqual(['over-limit'])
    expect(blockersOf(it.write(`/workspace/${'é'.repeat(2100)}`))).toEqual(['over-limit'])
    expect(seen).toEqual([32_768])
  })

  test('does not run what is no event at all, and records that too', () => {
    using it = createTestGate(ruleSetOf())
    const permission = it.gate.permit({ kind: 'write', path: '/workspace/a\0b', content: '' }, {})
    expect(permission).toMatchObject({ ok: false, decision: { outcome: 'malformed' } })
    expect(it.rows()).toMatchObject([{ outcome: 'blocked', type: 'permission:file:write' }])
  })

  test('names every rule that blocks, each with its sentence', () => {
    using it = createTestGate(parseRules({ a: NO_RM, b: NO_RM.replace('Nothing is removed', 'Really nothing') }))
    const decision = it.bash('rm x')
    expect(blockersOf(decision)).toEqual(['a#noRm', 'b#noRm'])
    expect(describeBlock(decision)).toBe('a#noRm: Nothing is removed.; b#noRm: Really nothing.')
  })

  test('gives the proof for the very operation that it judged, which nobody can change any more', () => {
    using it = createTestGate(parseRules({ rm: NO_RM }))
    const operation: ToolOperation = { kind: 'bash', command: 'ls', timeoutMs: 1000 }
    const permission = it.gate.permit(operation, { toolUseId: 'toolu_9' })
    if (!permission.ok) throw new Error('it should be allowed')
    expect(permission.call).toMatchObject({ toolUseId: 'toolu_9', decisionSeq: 1, operation: { command: 'ls' } })
    expect(() => Object.assign(operation, { command: 'rm -rf /' })).toThrow(TypeError)
    expect(() => Object.assign(permission.call, { operation: { kind: 'bash', command: 'rm' } })).toThrow(TypeError)
    expect(permission.call.operation).toEqual({ kind: 'bash', command: 'ls', timeoutMs: 1000 })
  })

  test('does not ask the rules about a command of the operator, and says so in its row', () => {
    using it = createTestGate(parseRules({ rm: NO_RM }))
    const call = it.gate.operate({ kind: 'bash', command: 'rm x', timeoutMs: 1000 }, unsafeOperatorCall)
    expect(call.decisionSeq).toBe(1)
    expect(it.rows()).toMatchObject([{ outcome: 'operator', blocked_by: '[]' }])
  })

  test('judges what commands wrote file by file, also a path that no event may hold', () => {
    using it = createTestGate(parseRules({ env: NO_ENV }))
    const paths = ['a.txt', 'b.env', 'c'.repeat(4096), 'd\0']
    const blocked = it.gate.permitWrites(
      paths.map((path) => ({ path, via: 'bash' })),
      { turn: 't1' },
    )
    expect([...blocked].map(([index, by]) => `${index} ${by[0]?.by}`)).toEqual([
      ...['1 env#noEnv', '2 over-limit', '3 malformed'],
    ])
    expect(it.rows().map(({ outcome }) => outcome)).toEqual(['allowed', 'blocked', 'blocked', 'blocked'])
    expect(it.decisions.verify()).toEqual({ ok: true, count: 4 })
  })

  test('holds the shipped rules', () => {
    using it = createTestGate(seedRules())
    expect(it.write('/workspace/notes/a.md').outcome).toBe('allowed')
    expect(it.write('/workspace/.env').outcome).toBe('blocked')
    expect(it.write('/workspace/../etc/passwd').outcome).toBe('blocked')
    expect(it.bash('echo hello').outcome).toBe('allowed')
    const pay = (amountMicros: number) => it.decide({ type: 'permission:payment:send', input: { amountMicros } })
    expect(pay(1_000_000).outcome).toBe('allowed')
    expect(pay(100_000_000).outcome).toBe('blocked')
  })
})
