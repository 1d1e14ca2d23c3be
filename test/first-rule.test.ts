/** The owner's first rule, as they would make it: in a chat, by a code, kept across restarts, signed, and missed when it changes. */
import { afterAll, describe, expect, test } from 'bun:test'
import { appendFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { plaited, run, temporaryHome } from './run-plaited.ts'

const home = temporaryHome()
afterAll(home[Symbol.dispose])
const constraints = join(home.path, 'data', 'constraints')
const here = ['--home', home.path]

/** One chat, which is one start of the node. */
const chatIn = async (path: string, ...lines: readonly string[]): Promise<string> => {
  const words = ['chat', '--model', 'scripted', '--home', path]
  const result = await plaited(words, { stdin: `${lines.join('\n')}\n` })
  expect(result.exitCode).toBe(0)
  return result.stdout
}
const chat = (...lines: readonly string[]): Promise<string> => chatIn(home.path, ...lines)

const codeIn = (text: string): string => /Answer ([a-z]{8}) within/.exec(text)?.[1] ?? 'no code'

describe('a rule that the owner asks for', () => {
  test('holds once its code is given, in the same chat and after a restart, and is signed', async () => {
    const asked = await chat('pay 4 to bob', 'never allow payments over $3')
    expect(asked).toContain('allowed  pay 4 USD to bob')
    expect(asked).toContain('Of your last 5 real events it would have blocked 1.')
    expect(await chat(codeIn(asked), 'pay 4 to bob', 'pay 3 to bob')).toMatch(
      /Added as payment-max-3-usd[\s\S]*blocked {2}pay 4 USD to bob[\s\S]*allowed {2}pay 3 USD to bob/,
    )
    expect(await chat('pay 4 to bob')).toContain('Blocked by payment-max-3-usd#rule: No payment is over 3 USD.')
    const log = await run(['git', '-c', 'safe.directory=*', '-C', constraints, 'log', '-1', '--show-signature'])
    expect(log.stdout + log.stderr).toMatch(/Good "git" signature[\s\S]*add payment-max-3-usd/)
  })

  test('can be refused, and then nothing is added', async () => {
    const asked = await chat('never run curl', 'no')
    expect(asked).toContain('Then I do not.')
    const confirmed = await plaited(['constrain', 'confirm', codeIn(asked), ...here])
    expect(confirmed).toMatchObject({ exitCode: 2 })
    expect(await chat('run curl --version')).toContain('allowed  bash curl')
  })

  test('can be proposed and confirmed on the command line, in words and as a file', async () => {
    const proposed = await plaited(['constrain', 'propose', 'never', 'run', 'nc', '--json', ...here])
    const { code } = JSON.parse(proposed.stdout) as { readonly code: string }
    expect((await plaited(['constrain', 'confirm', code, ...here])).stdout).toContain('Added as no-command-nc')
    const declined = await plaited(['constrain', 'propose', 'never', 'run', 'telnet', ...here])
    expect(declined.stdout).toContain(`or plaited constrain decline ${codeIn(declined.stdout)}`)
    expect((await plaited(['constrain', 'decline', codeIn(declined.stdout), ...here])).stdout).toBe(
      'Declined: no-command-telnet is not added.\n',
    )
    expect(await plaited(['constrain', 'confirm', codeIn(declined.stdout), ...here])).toMatchObject({ exitCode: 2 })
    expect(await plaited(['constrain', 'decline', 'no-such', ...here])).toMatchObject({
      ...{ exitCode: 2, stderr: expect.stringContaining('none waits') },
    })
    const file = join(home.path, 'quiet.ts')
    writeFileSync(
      file,
      `import { bSync, bThread, on } from 'plaited'
/** After text from elsewhere was read, nothing is paid until you speak. */
export const quiet = bThread(
  [
    bSync({ waitFor: 'untrusted:read' }),
    bSync({ block: on('permission:payment:send', () => true), waitFor: 'owner:message' }),
  ],
  true,
)
`,
    )
    const words = (await plaited(['constrain', 'add', file, ...here])).stdout
    expect(words).toContain("In the words of the file's author:\nquiet#quiet: 'After text from elsewhere was read")
    expect((await plaited(['constrain', 'add', file, '--yes', codeIn(words), ...here])).exitCode).toBe(0)
    expect((await plaited(['constrain', 'explore', ...here])).stdout).toContain('2 states')
  })

  test.each([
    ['that is no rule', 'export const x = 1', /this is not a call of `bThread`.*bad\.ts:1/],
    [
      'that would brick the node',
      `import { bSync, bThread, on } from 'plaited'\n/** Nothing is read at all. */\nexport const x = bThread([bSync({ block: 'permission:file:read' })], true)\n`,
      /keep the node from/,
    ],
  ])('%s is refused with the reason', async (_, source, reason) => {
    const file = join(home.path, 'bad.ts')
    writeFileSync(file, source)
    const refused = await plaited(['constrain', 'add', file, ...here])
    expect(refused.exitCode).toBe(1)
    expect(refused.stderr).toMatch(reason)
  })
})

describe('the record', () => {
  test('explains each decision and decides it again the same', async () => {
    const { stdout } = await plaited(['audit', 'verify', '--json', ...here])
    const { count } = JSON.parse(stdout) as { readonly count: number }
    for (const seq of [1, Math.ceil(count / 2), count]) {
      const explained = await plaited(['explain', `${seq}`, '--json', ...here])
      expect({ seq, replay: JSON.parse(explained.stdout).replay }).toMatchObject({
        replay: { possible: true, same: true },
      })
    }
    expect(await plaited(['explain', `${count + 1}`, ...here])).toMatchObject({ exitCode: 2 })
  })
})

describe('the end of a rule', () => {
  test('is a person’s at the machine, leaves the file, and is told at every start', async () => {
    const retired = await plaited(['constrain', 'retire', 'payment-max-3-usd', '--reason', 'too strict', ...here])
    expect(retired).toMatchObject({ exitCode: 0 })
    const result = await plaited(['chat', '--model', 'scripted', ...here], { stdin: 'pay 4 to bob\n' })
    expect(result.stdout).toContain('allowed  pay 4 USD to bob')
    expect(result.stderr).toContain('the rule payment-max-3-usd was retired: too strict')
    expect(await Bun.file(join(constraints, 'payment-max-3-usd.ts')).exists()).toBe(true)
    expect(await plaited(['constrain', 'verify', ...here])).toMatchObject({ exitCode: 0 })
  })

  test('is no end of what it was for: the same words make it again, under another name', async () => {
    const asked = await chat('never allow payments over $3')
    expect(await chat(codeIn(asked), 'pay 4 to bob')).toMatch(
      /Added as payment-max-3-usd-2[\s\S]*blocked {2}pay 4 USD to bob/,
    )
  })

  test('by another way is noticed: no tool runs, the chat stays up, and the owner is told which file', async () => {
    appendFileSync(join(constraints, 'payments.ts'), '// weaker\n')
    const result = await plaited(['chat', '--model', 'scripted', ...here], { stdin: 'run ls\nstatus\n' })
    expect(result.exitCode).toBe(0)
    expect(result.stdout).toContain('payments.ts is not what was signed')
    expect(result.stdout).not.toContain('allowed  bash')
    expect(result.stderr).toContain('no tool runs, the rules are not what was signed')
    expect(await plaited(['constrain', 'verify', ...here])).toMatchObject({ exitCode: 1 })
    expect(await plaited(['constrain', 'propose', 'never', 'run', 'nmap', ...here])).toMatchObject({
      ...{ exitCode: 1, stderr: expect.stringContaining('payments.ts is not what was signed') },
    })
  })

  test.each(['echo >> payments.ts', 'rm payments.ts', 'rm payments.ts && mkdir payments.ts', ': > payments.json'])(
    'is mended by the very command that is told: %s',
    async (change) => {
      await run(['sh', '-c', change], { cwd: constraints })
      const { faults } = JSON.parse((await plaited(['constrain', 'verify', '--json', ...here])).stdout)
      expect((await plaited(['status', ...here])).stdout).toContain(faults[0].mend)
      expect(await run(['sh', '-c', faults[0].mend])).toMatchObject({ exitCode: 0 })
      expect(await plaited(['constrain', 'verify', ...here])).toMatchObject({ exitCode: 0 })
    },
  )
})

test('a proposal stays open when the input ends on a question, which is a no to the question alone', async () => {
  using other = temporaryHome()
  const say = (...lines: readonly string[]) => chatIn(other.path, ...lines)
  await say(codeIn(await say('ask before every payment')))
  const asked = await say('never run wget', 'pay 1 to bob', 'bcdfghjk')
  expect(asked).toContain('May I do this?\npay\n  amount: 1 USD\n  payee: bob\nBecause of')
  expect(asked).toContain('Nothing that is open has that code.')
  expect(asked).toContain('(no answer, which is a no)')
  const code = codeIn(asked)
  expect(await say(`yes, ${code}!`)).toContain('Added as no-command-wget')
  const { stdout } = await plaited(['events', '--home', other.path])
  expect(stdout).toContain('nobody was there to answer')
  expect(stdout).not.toContain(code)
})
