/** A rule about reading holds for searches too: what `read` may not show, neither `grep` nor `glob` shows. */
import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { describeWhen } from '../../../test/helpers.ts'
import type { PermittedCall, SandboxOutcome, SearchMatch } from '../agent.types.ts'
import type { StepBlock } from '../model/scripted/messages-api.types.ts'
import { createTestSandbox, plant, whyNoSandbox } from '../sandbox/tests/sandbox-fixture.ts'
import { createTestGate, type DecisionRow, parseRules, ruleOf, ruleSetOf } from './gate-fixture.ts'
import { calls, createTestLoop, type LoopOptions, play, resultsIn, say } from './loop-fixture.ts'

const NO_ENV = parseRules({
  secrets: `/** \`*.env\` is not read. */
export const noEnv = bThread([bSync({ block: on('permission:file:read', ({ detail }) => detail.path.endsWith('.env')) })], true)`,
})
const WITHHELD = '[1 file withheld by secrets#noEnv: `*.env` is not read.]'

type Search = 'read' | 'grep' | 'glob'
const call = (name: Search, input: Readonly<Record<string, string>>): StepBlock => ({ type: 'tool_use', name, input })

/** What the model reads of one call, with everything that was recorded on the way. */
const ask = async (block: StepBlock, runInSandbox: LoopOptions['runInSandbox'], ruleSet = NO_ENV) => {
  await using loop = createTestLoop({
    answer: play(calls(block), say('done')),
    ruleSet,
    ...(runInSandbox && { runInSandbox }),
  })
  await loop.turn()
  return {
    result: resultsIn(loop.requests[1])[0],
    everything: JSON.stringify([loop.requests, loop.events(), loop.progress]),
    rows: loop.store
      .state()
      .database.query<DecisionRow, []>("select * from bp_decisions where type = 'permission:file:read' order by seq")
      .all()
      .map(({ outcome, blocked_by, detail }) => ({ outcome, by: blocked_by, path: JSON.parse(detail).path })),
  }
}

const SEARCHED = { outcome: 'allowed', by: '[]', path: '/workspace' }
const DENIED = { outcome: 'blocked', by: '["secrets#noEnv"]', path: '/workspace/prod.env' }

const found =
  (of: 'file' | 'line', matches: readonly SearchMatch[], total: number | null = matches.length) =>
  (): SandboxOutcome => ({ kind: 'matches', of, matches, total })

const line = (path: string, hit: string): SearchMatch => ({ path: `/workspace/${path}`, hit })
const file = (path: string): SearchMatch => ({ path: `/workspace/${path}`, hit: null })

describe('a search', () => {
  test('shows no line of a file that a rule keeps from being read, and the denial has a row', async () => {
    const matches = [line('a.md', '2:TOKEN=x'), line('prod.env', '1:TOKEN=hush'), line('prod.env', '2:TOKEN=hush')]
    const { result, everything, rows } = await ask(call('grep', { pattern: 'TOKEN' }), found('line', matches))
    expect(result).toEqual({ content: `/workspace/a.md:2:TOKEN=x\n${WITHHELD}`, isError: false })
    expect(everything).not.toMatch(/hush|prod/)
    expect(rows).toEqual([SEARCHED, DENIED])
  })

  test('shows no name of such a file', async () => {
    const { result, everything, rows } = await ask(
      call('glob', { pattern: '**/*' }),
      found('file', [file('a.md'), file('prod.env')]),
    )
    expect(result?.content).toBe(`/workspace/a.md\n${WITHHELD}`)
    expect(everything).not.toContain('prod')
    expect(rows).toEqual([SEARCHED, DENIED])
  })

  test('that finds nothing else says only how many it withholds, and why', async () => {
    const { result } = await ask(
      call('glob', { pattern: '*.env' }),
      found('file', [file('prod.env'), file('test.env')]),
    )
    expect(result?.content).toBe('[2 files withheld by secrets#noEnv: `*.env` is not read.]')
  })

  test('that no rule objects to reads as before, with one row for all of its files', async () => {
    const all = await ask(call('grep', { pattern: 'x' }), found('line', [line('a', '1:x'), line('b', '9:x')]))
    expect(all.result?.content).toBe('/workspace/a:1:x\n/workspace/b:9:x')
    expect(all.rows).toEqual([SEARCHED])
    expect((await ask(call('grep', { pattern: 'x' }), found('line', []))).result?.content).toBe('no line matches')
    expect((await ask(call('glob', { pattern: 'x' }), found('file', []))).result?.content).toBe('no file matches')
    const cut = '[cut here: the rest is over the limit]'
    const manyLines = await ask(call('grep', { pattern: 'x' }), found('line', [line('a', '1:x')], null))
    expect(manyLines.result?.content).toBe(
      `/workspace/a:1:x\n[the first 1 matches; there are more: use a narrower pattern, path or glob]\n${cut}`,
    )
    const manyFiles = await ask(call('glob', { pattern: 'x' }), found('file', [file('a')], 5))
    expect(manyFiles.result?.content).toBe(`/workspace/a\n[1 of 5 files; use a narrower pattern or path]\n${cut}`)
  })

  test('whose file makes a rule fail withholds it, without the words of the fault', async () => {
    const broken = ruleOf('odd#rule', ({ detail }) => {
      if (detail['path'] === '/workspace/prod.env') throw new Error(`cannot judge ${detail['path']}`)
      return false
    })
    const { result, everything } = await ask(
      call('glob', { pattern: '*' }),
      found('file', [file('a'), file('prod.env')]),
      ruleSetOf(broken),
    )
    expect(result?.content).toBe('/workspace/a\n[1 file withheld by odd#rule: The sentence of odd#rule.]')
    expect(everything).not.toContain('prod')
  })
})

describe('permitFiles', () => {
  test('asks about a file once, and keeps the chain whole', () => {
    const asked: unknown[] = []
    const watch = ruleOf('watch#all', ({ detail }) => asked.push(detail['path']) < 0)
    using it = createTestGate(ruleSetOf(watch, ...NO_ENV.rules))
    const paths = ['/workspace/a', '/workspace/b.env', '/workspace/a', '/workspace/c.env', '/workspace/d\0']
    const { allowed, blockedCount, blockedBy } = it.gate.permitFiles(paths, { turn: 't1' })
    expect([[...allowed], blockedCount]).toEqual([['/workspace/a'], 3])
    expect(blockedBy).toEqual(['secrets#noEnv: `*.env` is not read.', expect.stringContaining('NUL')])
    expect(asked).toEqual(['/workspace/a', '/workspace/b.env', '/workspace/c.env'])
    expect(it.rows().map(({ outcome }) => outcome)).toEqual(['blocked', 'blocked', 'blocked'])
    expect(it.decisions.verify()).toEqual({ ok: true, count: 3 })
  })
})

const reason = await whyNoSandbox()
describeWhen(reason === null, `no sandbox on this host: ${reason}`, 'in the real sandbox', () => {
  const sandbox = createTestSandbox()
  beforeAll(() => {
    plant(sandbox.home, 'prod.env', 'TOKEN=hush\n')
    plant(sandbox.home, 'notes.md', 'TOKEN is set elsewhere\n')
  })
  afterAll(sandbox.dispose)
  const runReal = (permitted: PermittedCall, signal: AbortSignal) => sandbox.lanes.sandbox.run(permitted, { signal })

  test.each([
    [call('read', { file_path: 'prod.env' }), 'Blocked by secrets#noEnv: `*.env` is not read.'],
    [call('grep', { pattern: 'TOKEN', glob: '*.env' }), WITHHELD],
    [
      call('grep', { pattern: 'TOKEN', path: '/workspace' }),
      `/workspace/notes.md:1:TOKEN is set elsewhere\n${WITHHELD}`,
    ],
    [call('glob', { pattern: '**/*.env' }), WITHHELD],
  ])('%j shows nothing of a file that is not read', async (block, expected) => {
    const { result, everything } = await ask(block, runReal)
    expect(result?.content).toBe(expected)
    expect(everything).not.toContain('hush')
  })
})
