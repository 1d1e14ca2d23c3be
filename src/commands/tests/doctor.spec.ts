import { describe, expect, test } from 'bun:test'
import { mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { runDoctor } from '../doctor.ts'

type Check = { readonly name: string; readonly state: string; readonly detail: string }

const openHome = () => {
  const home = mkdtempSync(join(tmpdir(), 'plaited-doctor-'))
  const examine = async (): Promise<(name: string) => Check | undefined> => {
    const lines: string[] = []
    const io = {
      out: (text: string) => void lines.push(text),
      error: () => {},
      stdin: process.stdin,
      isTerminal: false,
    }
    const { signal } = new AbortController()
    await runDoctor({ positionals: [], values: {}, home, json: true, io, signal })
    const { checks }: { readonly checks: readonly Check[] } = JSON.parse(lines.join(''))
    return (name) => checks.find((check) => check.name === name)
  }
  return { home, examine, [Symbol.dispose]: () => rmSync(home, { recursive: true, force: true }) }
}

describe('what doctor says about the rules', () => {
  test('is that the keeper answers, or why it can add none: a key that is gone, or is another', async () => {
    using it = openHome()
    expect((await it.examine())('keeper')).toMatchObject({ state: 'ok' })
    const key = join(it.home, 'data/keeper/constraint-key.pem')
    renameSync(key, `${key}.old`)
    expect((await it.examine())('keeper')).toMatchObject({ state: 'fail', detail: expect.stringContaining(key) })
    const other = openHome()
    await other.examine()
    renameSync(join(other.home, 'data/keeper/constraint-key.pem'), key)
    other[Symbol.dispose]()
    expect((await it.examine())('keeper')).toMatchObject({
      ...{ state: 'fail', detail: expect.stringContaining('not the one that signed the rules') },
    })
  })

  test('names what is not as it was signed', async () => {
    using it = openHome()
    expect((await it.examine())('rules')).toMatchObject({ state: 'ok' })
    writeFileSync(join(it.home, 'data/constraints/payments.json'), '{}')
    expect((await it.examine())('rules')).toMatchObject({
      ...{ state: 'fail', detail: expect.stringContaining('payments.json is not what was signed') },
    })
  })
})
