import { describe, expect, test } from 'bun:test'
import { NodeError } from '../../utils/node-error.ts'
import { createAttachments } from '../attachments.ts'
import type { JournalEvent } from '../journal.ts'
import type { Step } from '../model/scripted/messages-api.types.ts'
import { createOpenedFixture, type Fixture } from '../workspace/tests/workspace-fixture.ts'
import { parseRules } from './gate-fixture.ts'
import { bash, calls, createTestLoop, play, say, type TestLoop } from './loop-fixture.ts'

const read = (path: string) => ({ type: 'tool_use', name: 'read', input: { file_path: path } }) as const
const write = (path: string) => ({ type: 'tool_use', name: 'write', input: { file_path: path, content: 'x' } }) as const
const pay = { type: 'tool_use', name: 'pay', input: { amount: '1', payee: 'bob' } } as const

const NO_TAINTED_PAYMENT = parseRules({
  careful: `/** Nothing is paid after foreign words were read. */
export const careful = bThread([bSync({ block: on('permission:payment:send', ({ detail }) => detail.tainted) })], true)`,
})

const NO_TAINTED_NOTES = parseRules({
  notes: `/** Notes are the owner's own words. */
export const own = bThread([bSync({ block: on('permission:file:write',
  ({ detail }) => detail.tainted && detail.via === 'bash' && detail.ext === '.md') })], true)`,
})

const createLoop = (...steps: readonly Step[]) => {
  const loop = createTestLoop({ answer: play(...steps, say('done')), ruleSet: NO_TAINTED_PAYMENT })
  const file = { name: 'letter.txt', mime: 'text/plain', bytes: 1, refusal: null, content: null }
  createAttachments(loop.store.state()).add('letters', 'm1', [{ ...file, path: '/workspace/inbox/m1/letter.txt' }])
  return loop
}

const resultsOf = (events: readonly JournalEvent[]) =>
  events.flatMap(({ type, payload }) =>
    type === 'tool.result' ? [payload as { content: string; labels?: string[] }] : [],
  )

test('a payment is judged as tainted once a file that came with a message was read, also in the next turn', async () => {
  await using loop = createLoop(
    calls(pay),
    calls(read('/workspace/inbox/m1/letter.txt')),
    calls(pay),
    say('one'),
    calls(pay),
  )
  await loop.turn()
  await loop.turn('go on')
  const [first, letter, second] = resultsOf(loop.events('t1'))
  expect(first?.content).toContain('The rules allow this payment')
  expect(letter?.labels).toEqual(['file:untrusted'])
  expect(second?.content).toContain('Nothing is paid after foreign words were read')
  expect(resultsOf(loop.events('t2'))[0]?.content).toContain('Nothing is paid')
})

test('what is written after it carries the label on; what was read before it does not', async () => {
  await using loop = createLoop(
    calls(write('/workspace/before.md'), read('/workspace/inbox/m1/letter.txt'), write('/workspace/copy.md')),
  )
  await loop.turn()
  const { taint } = loop.parts
  expect(taint.ofFile('/workspace/before.md')).toEqual([])
  expect(taint.ofFile('/workspace/copy.md')).toEqual(['file:untrusted'])
})

test('a command carries the labels of every file that it could have read', async () => {
  await using loop = createLoop(calls(bash('cat */*/*')), calls(pay))
  await loop.turn()
  const [command, payment] = resultsOf(loop.events('t1'))
  expect(command?.labels).toEqual(['file:untrusted'])
  expect(payment?.content).toContain('Nothing is paid')
})

describe('in a real workspace', () => {
  /** What a command does in the worktree; the sandbox then fails when it is told to. */
  const createRealLoop = (fixture: Fixture, script: string, ...steps: readonly Step[]) => {
    const loop = createTestLoop({
      answer: play(...steps, say('done')),
      ruleSet: NO_TAINTED_NOTES,
      workspace: fixture.repo,
      runInSandbox: ({ operation }) => {
        if (operation.kind === 'read') return { kind: 'text', text: 'foreign words', truncated: false }
        const path = operation.kind === 'write' ? operation.path.replace('/workspace', fixture.worktree) : '/dev/null'
        Bun.spawnSync(['sh', '-c', operation.kind === 'bash' ? script : 'echo x >"$1"', 'sh', path], {
          cwd: fixture.worktree,
        })
        if (script.endsWith('# fails')) throw new NodeError('SANDBOX_FAILED', 'the sandbox fell over')
        return { kind: 'text', text: '', truncated: false }
      },
    })
    const file = { name: 'letter.txt', mime: 'text/plain', bytes: 1, refusal: null, content: null }
    createAttachments(loop.store.state()).add('letters', 'm1', [{ ...file, path: '/workspace/inbox/m1/letter.txt' }])
    return loop
  }
  const LETTER = '/workspace/inbox/m1/letter.txt'
  const labelsOf = (loop: TestLoop, ...paths: readonly string[]) =>
    paths.map((path) => loop.parts.taint.ofFile(`/workspace/${path}`))

  test('what a command writes is labelled, be it ignored, one of thousands, or left by a sandbox that failed', async () => {
    using fixture = await createOpenedFixture()
    const script = 'echo "*.log" >.gitignore; echo x >a.log; seq -f file%g 1100 | xargs touch # fails'
    await using loop = createRealLoop(fixture, script, calls(bash('x')))
    await loop.turn()
    expect(labelsOf(loop, 'a.log', 'file1', 'file999', 'file1100')).toEqual(Array(4).fill(['file:untrusted']))
  })

  test('what a tool wrote before foreign words were read stays clean', async () => {
    using fixture = await createOpenedFixture()
    const steps = calls(write('/workspace/before.md'), read(LETTER), write('/workspace/after.md'))
    await using loop = createRealLoop(fixture, '', steps)
    expect((await loop.turn()).commit?.files).toHaveLength(2)
    expect(labelsOf(loop, 'before.md', 'after.md')).toEqual([[], ['file:untrusted']])
  })

  test('a command cannot write foreign words past a rule that looks for them', async () => {
    using fixture = await createOpenedFixture()
    await using loop = createRealLoop(fixture, 'echo x >copy.md', calls(bash('x')))
    const { text } = await loop.turn()
    expect(text).toContain('so I moved it away: copy.md (notes#own')
    const aside = text.slice(text.indexOf('.plaited/aside/'), -1)
    expect(labelsOf(loop, `${aside}/copy.md`)).toEqual([['file:untrusted']])
  })

  test('what a crash left of a turn that had read foreign words is labelled', async () => {
    using fixture = await createOpenedFixture()
    await using loop = createRealLoop(fixture, '')
    const result = {
      type: 'tool.result',
      ref: 't1/0/a',
      payload: { toolUseId: 'a', content: '', isError: false, labels: ['file:untrusted'] },
    } as const
    const started = { type: 'tool.start', ref: 't1/0/b', payload: { tool: 'write' } } as const
    loop.open('t1', 'go', result, started, { type: 'turn.resume', ref: null, payload: {} })
    await fixture.write('copy.txt', 'foreign words')
    await loop.resume('t1', 'go')
    expect(labelsOf(loop, 'copy.txt')).toEqual([['file:untrusted']])
  })
})

test('in a workspace without foreign files nothing is tainted', async () => {
  await using loop = createTestLoop({
    answer: play(calls(bash('ls')), calls(pay), say('done')),
    ruleSet: NO_TAINTED_PAYMENT,
  })
  await loop.turn()
  const [command, payment] = resultsOf(loop.events('t1'))
  expect(command).not.toHaveProperty('labels')
  expect(payment?.content).toContain('The rules allow this payment')
})
