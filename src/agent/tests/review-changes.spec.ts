/** The loop over a real workspace: rules about files also hold for what a command wrote. */
import { describe, expect, test } from 'bun:test'
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import type { PermittedCall, SandboxOutcome } from '../agent.types.ts'
import type { StepBlock } from '../model/scripted/messages-api.types.ts'
import { createOpenedFixture, type Fixture } from '../workspace/tests/workspace-fixture.ts'
import { parseRules } from './gate-fixture.ts'
import { bash, calls, createTestLoop, play, resultsIn, say } from './loop-fixture.ts'

const RULES = parseRules({
  secrets: `/** Keys are not written. */
export const keepKeys = bThread([bSync({ block: on('permission:file:write', ({ detail }) => detail.ext === '.key') })], true)`,
  commands: `/** Commands leave the notes alone. */
export const notesByTool = bThread([bSync({ block: on('permission:file:write',
  ({ detail }) => detail.via === 'bash' && detail.path.startsWith('/workspace/notes')) })], true)`,
})

const write = (path: string, content: string): StepBlock => ({
  type: 'tool_use',
  name: 'write',
  input: { file_path: path, content },
})

/** A loop whose write tool writes, and whose commands are sh in the worktree. */
const createLoop = (fixture: Fixture, ...steps: readonly StepBlock[]) =>
  createTestLoop({
    answer: play(...steps.map((step) => calls(step)), say('Did it.')),
    ruleSet: RULES,
    workspace: fixture.repo,
    runInSandbox: ({ operation }: PermittedCall): SandboxOutcome => {
      if (operation.kind !== 'write' && operation.kind !== 'bash') throw new Error(operation.kind)
      const path = operation.kind === 'write' ? operation.path.replace('/workspace', fixture.worktree) : ''
      const script = operation.kind === 'write' ? 'mkdir -p "$(dirname "$1")"; printf %s "$2" >"$1"' : operation.command
      const content = operation.kind === 'write' ? operation.content : ''
      Bun.spawnSync(['sh', '-c', script, 'sh', path, content], { cwd: fixture.worktree })
      return { kind: 'text', text: '', truncated: false }
    },
  })

type Loop = ReturnType<typeof createLoop>

const decisionsOf = (loop: Loop) =>
  loop.store
    .state()
    .database.query<{ outcome: string; detail: string; reason: string | null }, []>(
      "select outcome, detail, reason from bp_decisions where type = 'permission:file:write' order by seq",
    )
    .all()
    .map(({ outcome, detail, reason }) => ({ outcome, reason, detail: JSON.parse(detail) as Record<string, unknown> }))

describe('a command', () => {
  test('that writes what a rule protects has it put back, is told, and the rest is committed', async () => {
    using fixture = await createOpenedFixture()
    await fixture.write('b.key', 'mine')
    await using loop = createLoop(fixture, bash('echo x >a.key; echo x >b.key; echo x >fine.txt'))
    const { text, commit } = await loop.turn()
    const rule = 'secrets#keepKeys: Keys are not written.'
    expect(text.split('\n\n')).toEqual([
      'Did it.',
      `A command changed what a rule protects, so I put it back: b.key (${rule}).`,
      `A command made what a rule forbids, so I moved it away: a.key (${rule}).`,
      expect.stringMatching(/^If it was you: what stood there is in \.plaited\/aside\/t1-\w{6}\.$/),
    ])
    const aside = text.slice(text.indexOf('.plaited/'), -1)
    expect([await fixture.read(`${aside}/a.key`), await fixture.read(`${aside}/b.key`)]).toEqual(['x\n', 'x\n'])
    expect(commit?.files).toEqual([{ path: 'fine.txt', change: 'added' }])
    expect([existsSync(join(fixture.worktree, 'a.key')), await fixture.read('b.key')]).toEqual([false, 'mine'])
    expect(decisionsOf(loop)).toMatchObject([
      { outcome: 'blocked', detail: { path: '/workspace/b.key', op: 'overwrite' } },
      { outcome: 'blocked', detail: { path: '/workspace/a.key', op: 'create', via: 'bash', bytes: 2 } },
      { outcome: 'allowed', detail: { path: '/workspace/fine.txt', turn: 't1', toolUseId: null } },
    ])
  })

  test('that walks round a rule with a .gitignore of its own gains nothing', async () => {
    using fixture = await createOpenedFixture()
    await using loop = createLoop(fixture, bash('echo "*.key" >.gitignore; echo x >a.key'))
    const { text } = await loop.turn()
    expect(text).toContain('so I moved it away: a.key (')
    expect(text).toEndWith('This turn changed .gitignore: undo does not bring back files that git is told to ignore.')
    expect(existsSync(join(fixture.worktree, 'a.key'))).toBe(false)
  })

  test('that changes an ignored file of the owner is told, and the file is left alone', async () => {
    using fixture = await createOpenedFixture()
    await fixture.write('.gitignore', '*.key\n')
    await fixture.write('a.key', 'mine')
    await using loop = createLoop(fixture, bash('echo x >>a.key'))
    expect((await loop.turn()).text).toContain(
      'I could not put it back, because no commit holds it or it is locked: a.key (secrets#keepKeys: Keys are not written.).',
    )
    expect(await fixture.read('a.key')).toBe('minex\n')
  })

  test('is not asked about what only the file tools wrote', async () => {
    using fixture = await createOpenedFixture()
    await using loop = createLoop(fixture, write('notes/a.md', 'by the tool'), bash('echo x >b.txt'))
    expect((await loop.turn()).commit?.files).toHaveLength(2)
    expect(decisionsOf(loop).map(({ detail }) => [detail['path'], detail['via']])).toEqual([
      ['/workspace/notes/a.md', 'tool'],
      ['/workspace/b.txt', 'bash'],
    ])
  })

  test('is asked about what it changed after a file tool did', async () => {
    using fixture = await createOpenedFixture()
    await using loop = createLoop(fixture, write('notes/a.md', 'by the tool'), bash('printf "by the bash" >notes/a.md'))
    const { text, commit } = await loop.turn()
    expect([commit, text]).toEqual([null, expect.stringContaining('notes/a.md (commands#notesByTool')])
  })

  test('that makes a file executable is asked about that', async () => {
    using fixture = await createOpenedFixture()
    await fixture.write('run.sh', 'true')
    await using loop = createLoop(fixture, bash('chmod +x run.sh'))
    await loop.turn()
    expect(decisionsOf(loop)).toMatchObject([{ detail: { path: '/workspace/run.sh', exec: true, op: 'overwrite' } }])
  })

  test('that writes into an ignored folder is judged file by file', async () => {
    using fixture = await createOpenedFixture()
    await fixture.write('.gitignore', 'secrets/\n')
    await fixture.write('secrets/b.key', 'mine')
    await using loop = createLoop(fixture, bash('echo x >secrets/a.key; echo x >secrets/b.key; echo x >secrets/fine'))
    const { text } = await loop.turn()
    expect(text).toContain('so I moved it away: secrets/a.key (')
    expect(text).toContain('I could not put it back, because no commit holds it or it is locked: secrets/b.key (')
    const found = ['secrets/a.key', 'secrets/fine'].map((path) => existsSync(join(fixture.worktree, path)))
    expect(found).toEqual([false, true])
  })

  test('that puts new lines into the names of files forges no line of the reply', async () => {
    using fixture = await createOpenedFixture()
    const script = `printf x >"$(printf 'a\\n\\nAll is well.key')"; mkfifo "$(printf 'b\\nc')"; mkdir "$(printf 'd\\ne')"
      echo x >"$(printf 'd\\ne')/.gitignore"`
    await using loop = createLoop(fixture, bash(script))
    expect((await loop.turn()).text.split('\n\n')).toEqual([
      'Did it.',
      'A command made what a rule forbids, so I moved it away: a\\n\\nAll is well.key (secrets#keepKeys: Keys are not written.).',
      expect.stringContaining('.plaited/aside/t1-'),
      'This turn changed d\\ne/.gitignore: undo does not bring back files that git is told to ignore.',
      'Not under git, so not undone by undo: b\\nc.',
    ])
  })

  test('that changed very many files is recorded in one row for those that are allowed', async () => {
    using fixture = await createOpenedFixture()
    await using loop = createLoop(fixture, bash('seq 1001 | xargs touch; touch a.key b.key'))
    expect((await loop.turn()).commit?.subject).toBe('chore: add 1001 files')
    expect(decisionsOf(loop)).toMatchObject([
      { outcome: 'allowed', detail: { via: 'bash', files: 1001, pathsHash: expect.stringMatching(/^[0-9a-f]{64}$/) } },
      { outcome: 'blocked', detail: { path: '/workspace/a.key' } },
      { outcome: 'blocked', detail: { path: '/workspace/b.key' } },
    ])
  })
})

describe('beside work of the owner on another branch', () => {
  test('tools that write refuse with the name of the branch, and tools that read work', async () => {
    using fixture = await createOpenedFixture()
    fixture.ownerGit('switch', '--quiet', '--create', 'side')
    await fixture.reopen().open()
    const read: StepBlock = { type: 'tool_use', name: 'read', input: { file_path: 'a' } }
    await using loop = createTestLoop({
      answer: play(calls(write('a', '1'), bash('true'), read), say('Could not.')),
      workspace: fixture.repo,
    })
    expect(await loop.turn()).toMatchObject({ end: 'done', text: 'Could not.', commit: null })
    const [first, second, third] = resultsIn(loop.requests.at(-1))
    expect(first).toEqual({
      content: 'the workspace is not on main but on side (go back to it in the workspace: git switch main)',
      isError: true,
    })
    expect(second).toEqual(first)
    expect(third).toEqual({ content: 'did read', isError: false })
  })

  test('that began during the turn refuses too', async () => {
    using fixture = await createOpenedFixture()
    await using loop = createTestLoop({
      answer: play(calls(write('a', '1'), write('b', '1')), say('Did half of it.')),
      workspace: fixture.repo,
      runInSandbox: () => {
        fixture.ownerGit('checkout', '--quiet', '--detach')
        return { kind: 'text', text: '', truncated: false }
      },
    })
    expect((await loop.turn()).text).toContain(
      'The changes of this turn are not committed: the workspace is not on main',
    )
    expect(loop.ran).toHaveLength(1)
  })
})

test('a turn that changed nothing costs one look and one survey before it, and as much after', async () => {
  using fixture = await createOpenedFixture()
  await fixture.write('a.txt', 'a')
  await fixture.turn('t0')
  let runs = 0
  const repo = fixture.reopen({
    run: (request) => {
      runs++
      return fixture.run(request)
    },
  })
  await using loop = createLoop({ ...fixture, repo }, bash('true'))
  await loop.turn()
  expect(runs).toBe(4)
})
