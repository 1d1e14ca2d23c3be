/** The loop against the twin of the Messages API: real SDK, journal, ledger and gate; the sandbox is an object. */
import { describe, expect, test } from 'bun:test'
import { readdirSync } from 'node:fs'
import { NodeError } from '../../utils/node-error.ts'
import type { JournalEvent } from '../journal.ts'
import { createOpenedFixture } from '../workspace/tests/workspace-fixture.ts'
import { parseRules, ruleOf, ruleSetOf } from './gate-fixture.ts'
import { bash, calls, createTestLoop, NOTHING_COMMITTED, play, resultsIn, say } from './loop-fixture.ts'

const COMMIT = { sha: 'c0ffee', kind: 'turn', subject: 's', files: [], at: 1 } as const

const NO_RM = parseRules({
  rm: `/** Nothing is removed. */
export const noRm = bThread([bSync({ block: on('permission:bash:exec', ({ detail }) => detail.programs.includes('rm')) })], true)`,
})

describe('a tool call', () => {
  test('that a rule blocks comes back as a result with the sentence of the rule, and never runs', async () => {
    await using loop = createTestLoop({ answer: play(calls(bash('rm -rf /')), say('I may not.')), ruleSet: NO_RM })
    expect(await loop.turn()).toMatchObject({ end: 'done', text: 'I may not.' })
    expect(loop.ran).toEqual([])
    expect(resultsIn(loop.requests[1])).toEqual([{ content: 'Blocked by rm#noRm: Nothing is removed.', isError: true }])
    expect(loop.events().map(({ type }) => type)).not.toContain('tool.start')
    expect(loop.progress).toContainEqual({
      kind: 'call',
      summary: 'bash rm -rf /',
      outcome: 'blocked',
      reason: 'rm#noRm: Nothing is removed.',
    })
  })

  test('is judged only after the one before it ran, and each ran in its order', async () => {
    const order: string[] = []
    const watch = ruleOf('watch#all', ({ type, detail }) => {
      if (type === 'permission:bash:exec') order.push(`judge ${detail['cmd']}`)
      return detail['cmd'] === 'b' && order.includes('run a')
    })
    await using loop = createTestLoop({
      answer: play(calls(bash('a'), bash('b'), bash('c')), say('done')),
      ruleSet: ruleSetOf(watch),
      runInSandbox: async ({ operation }) => {
        await Promise.resolve()
        order.push(`run ${operation.kind === 'bash' ? operation.command : ''}`)
        return { kind: 'text', text: 'ok', truncated: false }
      },
    })
    await loop.turn()
    expect(order).toEqual(['judge a', 'run a', 'judge b', 'judge c', 'run c'])
    expect(resultsIn(loop.requests[1]).map(({ isError }) => isError)).toEqual([false, true, false])
  })

  test('is journalled before it starts, after the message that asked for it, and its result after it', async () => {
    const atStart: string[] = []
    await using loop = createTestLoop({
      answer: play(calls(bash('a')), say('done')),
      runInSandbox: () => {
        atStart.push(...loop.events().map(({ type }) => type))
        return { kind: 'text', text: 'ok', truncated: false }
      },
    })
    await loop.turn()
    expect(atStart).toEqual(['turn.start', 'message.in', 'model.request', 'model.message', 'tool.start'])
    expect(
      loop
        .events()
        .map(({ type }) => type)
        .slice(5),
    ).toEqual(['tool.result', 'model.request', 'model.message', 'turn.end'])
  })

  test('whose answer was cut at the token limit never runs, nor does a whole one beside it', async () => {
    const cut = { ...bash('x'), inputJson: '{"command":"rm -rf /tmp/a' } as const
    await using loop = createTestLoop({
      answer: play({ kind: 'reply', content: [bash('ls'), cut], stopReason: 'max_tokens' }, say('shorter now')),
    })
    expect(await loop.turn()).toMatchObject({ end: 'done', text: 'shorter now' })
    expect(loop.ran).toEqual([])
    expect(resultsIn(loop.requests[1])).toEqual([
      { content: expect.stringContaining('cut off'), isError: true },
      { content: expect.stringContaining('cut off'), isError: true },
    ])
  })

  test.each(['format_disk', 'constructor', '__proto__', 'Bash'])(
    'of the unknown tool %p is answered, not run',
    async (name) => {
      await using loop = createTestLoop({ answer: play(calls({ type: 'tool_use', name, input: {} }), say('sorry')) })
      expect((await loop.turn()).end).toBe('done')
      expect(resultsIn(loop.requests[1])).toEqual([
        { content: `There is no tool ${JSON.stringify(name)}.`, isError: true },
      ])
      expect(loop.ran).toEqual([])
    },
  )

  test.each([
    ['without its command', {}],
    ['with a field that does not exist', { command: 'ls', sudo: true }],
    ['with a command of another type', { command: ['ls'] }],
    ['with a negative time limit', { command: 'ls', timeout: -1 }],
    ['with a command over its limit', { command: 'x'.repeat(32_769) }],
  ])('%s is answered with what is wrong, and not run', async (_, input) => {
    await using loop = createTestLoop({ answer: play(calls({ type: 'tool_use', name: 'bash', input }), say('sorry')) })
    expect((await loop.turn()).end).toBe('done')
    expect(resultsIn(loop.requests[1])).toEqual([
      { content: expect.stringContaining('The input of bash is wrong'), isError: true },
    ])
    expect(loop.ran).toEqual([])
  })

  test('that the sandbox cannot run is a result, with what the owner can do', async () => {
    await using loop = createTestLoop({
      answer: play(calls(bash('ls')), say('no sandbox')),
      runInSandbox: () => Promise.reject(new NodeError('SANDBOX_UNAVAILABLE', 'no bwrap', { hint: 'install it' })),
    })
    expect((await loop.turn()).text).toBe('no sandbox')
    expect(resultsIn(loop.requests[1])).toEqual([{ content: 'no bwrap (install it)', isError: true }])
  })

  test('that nobody pays for says that nothing was paid', async () => {
    const pay = { type: 'tool_use', name: 'pay', input: { amount: '1', payee: 'bob' } } as const
    await using loop = createTestLoop({ answer: play(calls(pay), say('ok')) })
    await loop.turn()
    expect(resultsIn(loop.requests[1])[0]?.content).toContain('no payment method configured')
    expect(loop.ran).toEqual([])
  })
})

describe('a turn', () => {
  test('ends after 50 steps, and says so', async () => {
    await using loop = createTestLoop({
      answer: (_, n) => calls({ type: 'tool_use', name: 'read', input: { file_path: `${n}` } }),
    })
    const { end, text } = await loop.turn()
    expect({ end, text }).toEqual({ end: 'step-limit', text: expect.stringContaining('50 steps') })
    expect(loop.requests).toHaveLength(50)
    expect(loop.ran).toHaveLength(50)
  })

  test('streams its text as it arrives, and answers with all of it', async () => {
    const long = 'The quick brown fox jumps over the lazy dog. '.repeat(5).trim()
    await using loop = createTestLoop({ answer: play(say(long)) })
    expect((await loop.turn()).text).toBe(long)
    const pieces = loop.progress.flatMap((event) => (event.kind === 'text' ? [event.text] : []))
    expect(pieces.length).toBeGreaterThan(5)
    expect(pieces.join('')).toBe(long)
  })

  test('commits once, after edits of the owner were committed before its first effect', async () => {
    const order: string[] = []
    await using loop = createTestLoop({
      answer: play(calls(bash('a'), bash('b')), say('Did it.\nAll of it.')),
      runInSandbox: () => {
        order.push('run')
        return { kind: 'text', text: '', truncated: false }
      },
      workspace: {
        commitOwnerEdits: async () => {
          order.push('owner')
          return null
        },
        commitTurn: async ({ id, intent, reason }) => {
          order.push(`turn ${id} ${intent} ${reason}`)
          return { ...NOTHING_COMMITTED, commit: { ...COMMIT, turn: id } }
        },
      },
    })
    expect((await loop.turn('please')).commit?.sha).toBe('c0ffee')
    expect(order).toEqual(['owner', 'run', 'run', 'turn t1 please Did it.'])
    expect(loop.events().filter(({ type }) => type === 'workspace.commit')).toHaveLength(1)
  })

  test('that only read commits nothing', async () => {
    let commits = 0
    await using loop = createTestLoop({
      answer: play(calls({ type: 'tool_use', name: 'read', input: { file_path: 'a' } }), say('read')),
      workspace: {
        commitTurn: async () => {
          commits++
          return NOTHING_COMMITTED
        },
      },
    })
    await loop.turn()
    expect(commits).toBe(0)
  })

  test('is told once which files git does not hold, also when it changed nothing else', async () => {
    const leftOut = ['a.log']
    await using loop = createTestLoop({
      answer: (request) => (request.messages.at(-1)?.content[0]?.type === 'text' ? calls(bash('a')) : say('Did it.')),
      workspace: { commitTurn: async () => ({ ...NOTHING_COMMITTED, leftOut }) },
    })
    expect(await loop.turn()).toEqual({
      end: 'done',
      text: 'Did it.\n\nNot under git, so not undone by undo: a.log.',
      commit: null,
    })
    expect((await loop.turn()).text).toBe('Did it.')
    leftOut.push('b.log')
    expect((await loop.turn()).text).toEndWith('by undo: b.log.')
  })

  test('whose commit fails tells it after its answer', async () => {
    await using loop = createTestLoop({
      answer: play(calls(bash('a')), say('Did it.')),
      workspace: {
        commitTurn: () => Promise.reject(new NodeError('GIT_FAILED', 'git is broken', { hint: 'mend it' })),
      },
    })
    expect((await loop.turn()).text).toBe(
      'Did it.\n\nThe changes of this turn are not committed: git is broken. mend it.',
    )
  })
})

describe('stop', () => {
  test('while the model answers ends the turn without running anything, and what the service had not counted stands as reserved', async () => {
    const abort = new AbortController()
    await using loop = createTestLoop({
      answer: () => {
        abort.abort('Stopped.')
        return { kind: 'reply', content: [bash('rm -rf /')], fault: { kind: 'stall', afterEvents: 0 } }
      },
    })
    expect(await loop.turn('go', abort.signal)).toMatchObject({ end: 'stopped', text: 'Stopped. Nothing had run.' })
    expect(loop.ran).toEqual([])
    expect(loop.parts.ledger.spentInTurn('t1')).toBeGreaterThan(8192)
  })

  test('while a call runs ends it, and keeps the calls after it from being judged or run', async () => {
    const abort = new AbortController()
    const judged: unknown[] = []
    const watch = ruleOf('watch#all', ({ detail }) => judged.push(detail['cmd']) < 0)
    await using loop = createTestLoop({
      answer: play(calls(bash('sleep 60'), bash('touch after'))),
      ruleSet: ruleSetOf(watch),
      runInSandbox: (_, signal) =>
        new Promise((resolve) => {
          const empty = new Uint8Array()
          const killed = { kind: 'process', exitCode: null, stdout: empty, stderr: empty } as const
          const notes = ['It was stopped before it had ended.']
          signal.addEventListener('abort', () => resolve({ ...killed, truncated: false, killedBy: 'stop', notes }))
          abort.abort('Stopped.')
        }),
    })
    expect(await loop.turn('go', abort.signal)).toMatchObject({
      end: 'stopped',
      text: 'Stopped. I was at: bash sleep 60.\nNot begun: bash touch after.',
    })
    expect(judged).toEqual([undefined, 'sleep 60'])
    expect(loop.ran).toMatchObject([{ command: 'sleep 60' }])
    const results = loop.events().filter(({ type }) => type === 'tool.result')
    expect(results.map(({ payload }) => payload)).toMatchObject([
      { content: expect.stringContaining('stopped before it had ended'), isError: true },
      { content: 'Not run: this turn was stopped.', isError: true },
    ])
    expect(loop.requests).toHaveLength(1)
  })
})

describe('what a crash interrupted', () => {
  const asked = (name: string): Pick<JournalEvent, 'type' | 'ref' | 'payload'>[] => [
    { type: 'model.request', ref: 't1/0', payload: {} },
    {
      type: 'model.message',
      ref: 't1/0',
      payload: {
        content: [
          { type: 'tool_use', id: 'id_1', name, input: name === 'bash' ? { command: 'x' } : { file_path: 'x' } },
        ],
        stopReason: 'tool_use',
      },
    },
  ]
  const started = { type: 'tool.start', ref: 't1/0/id_1', payload: { tool: 'bash' } } as const

  test('before a call started is run, after being judged', async () => {
    await using loop = createTestLoop({ answer: play(say('went on')) })
    loop.open('t1', 'go', ...asked('bash'))
    expect((await loop.resume('t1', 'go')).text).toBe('went on')
    expect(loop.ran).toHaveLength(1)
  })

  test('while a call with effects ran is not run again, and the model is told that its effect is unknown', async () => {
    await using loop = createTestLoop({ answer: play(say('I look first')) })
    loop.open('t1', 'go', ...asked('bash'), started)
    await loop.resume('t1', 'go')
    expect(loop.ran).toEqual([])
    expect(resultsIn(loop.requests[0])).toEqual([{ content: expect.stringContaining('UNKNOWN'), isError: true }])
  })

  test('while a call without effects ran is simply run again', async () => {
    await using loop = createTestLoop({ answer: play(say('read')) })
    loop.open('t1', 'go', ...asked('read'), started)
    await loop.resume('t1', 'go')
    expect(loop.ran).toMatchObject([{ kind: 'read' }])
  })

  const resumed = { type: 'turn.resume', ref: null, payload: {} } as const

  test('after an effect has everything that is found set apart before its next step, and says so', async () => {
    using fixture = await createOpenedFixture()
    await using loop = createTestLoop({
      answer: play(calls(bash('write')), say('went on')),
      workspace: fixture.repo,
      runInSandbox: async () => {
        await fixture.write('after.txt', 'agent')
        return { kind: 'text', text: '', truncated: false }
      },
    })
    loop.open('t1', 'go', ...asked('bash'), started, resumed)
    await fixture.write('a.txt', 'agent')
    await fixture.write('mine.txt', 'mine')
    const { text, commit } = await loop.resume('t1', 'go')
    const [own, found] = fixture.record.list(10)
    expect([own?.sha, found]).toMatchObject([commit?.sha ?? '', { kind: 'owner', turn: 't1' }])
    expect(text).toBe(
      `went on\n\nChanges found after the restart are commit ${found?.sha.slice(0, 10)}, apart from this turn: undo leaves them.`,
    )
    await fixture.repo.undo(null)
    expect(readdirSync(fixture.worktree).toSorted()).toEqual(['.git', 'a.txt', 'mine.txt'])
  })

  test('has the files judged that a command may have left: what a rule protects is told, and left', async () => {
    using fixture = await createOpenedFixture()
    await using loop = createTestLoop({
      answer: play(say('went on')),
      ruleSet: ruleSetOf(
        ruleOf('keys#keep', ({ detail }) => String(detail['path']).endsWith('.key'), ['permission:file:write']),
      ),
      workspace: fixture.repo,
    })
    loop.open('t1', 'go', ...asked('bash'), started, resumed)
    await fixture.write('a.key', 'whose?')
    await fixture.write('.plaited/aside/t1-x/b.key', 'moved away before the crash')
    await fixture.write('fine.txt', 'x')
    const { text } = await loop.resume('t1', 'go')
    const [found] = fixture.record.list(1)
    expect(text.split('\n\n')).toEqual([
      'went on',
      'Found after the restart, against a rule: a.key (keys#keep: The sentence of keys#keep.). A command of mine or you changed it, so I left it as it is.',
      'Moved away before the restart, for a rule: see .plaited/aside/t1-x.',
      expect.stringContaining(`are commit ${found?.sha.slice(0, 10)}`),
    ])
    expect(found?.files.map(({ path }) => path)).toEqual(['a.key', 'fine.txt'])
    expect(await fixture.read('a.key')).toBe('whose?')
  })

  test('before any effect leaves what is found to the commit of edits of the owner', async () => {
    const order: string[] = []
    const note = (name: string) => async () => {
      order.push(name)
      return null
    }
    await using loop = createTestLoop({
      answer: play(say('went on')),
      workspace: { commitFound: note('found'), commitOwnerEdits: note('owner') },
    })
    loop.open('t1', 'go', ...asked('bash'), resumed)
    await loop.resume('t1', 'go')
    expect(order).toEqual(['owner'])
  })

  test('ends there when what is found cannot be set apart, so that it is not committed as its own', async () => {
    await using loop = createTestLoop({
      answer: play(say('never asked')),
      workspace: {
        commitFound: () => Promise.reject(new NodeError('GIT_FAILED', 'git is broken', { hint: 'mend it' })),
        commitTurn: () => Promise.reject(new Error('must not be called')),
      },
    })
    loop.open('t1', 'go', ...asked('bash'), started, resumed)
    expect(await loop.resume('t1', 'go')).toMatchObject({
      end: 'crashed',
      text: expect.stringContaining('not committed: git is broken. mend it.'),
    })
    expect(loop.requests).toEqual([])
  })

  test('more than three times is given up, without the model', async () => {
    await using loop = createTestLoop({ answer: play(say('never asked')) })
    loop.open('t1', 'go', resumed, resumed, resumed, resumed)
    expect(await loop.resume('t1', 'go')).toMatchObject({ end: 'crashed', text: expect.stringContaining('gave up') })
    expect(loop.requests).toEqual([])
  })
})
