import { describe, expect, test } from 'bun:test'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { takeLease } from '../../agent/lease.ts'
import { SOURCE_BYTES_MAX } from '../../constraint-language/limits.ts'
import type { Invocation } from '../command.types.ts'
import { runConstrain } from '../constrain.ts'

const openHome = () => {
  const home = mkdtempSync(join(tmpdir(), 'plaited-constrain-'))
  const run = async (words: readonly string[], values: Invocation['values'] = {}) => {
    const lines: string[] = []
    const io = {
      out: (text: string) => void lines.push(text),
      error: () => {},
      stdin: process.stdin,
      isTerminal: false,
    }
    const { signal } = new AbortController()
    const exitCode = await runConstrain({ positionals: words, values, home, json: true, io, signal })
    return { exitCode, answer: JSON.parse(lines.join('')) }
  }
  return { home, run, [Symbol.dispose]: () => rmSync(home, { recursive: true, force: true }) }
}

describe('the rules from the command line', () => {
  test('of a new home are signed, proven, retired by hand, and then told as such', async () => {
    using it = openHome()
    const fresh = await it.run(['verify'])
    expect(fresh).toMatchObject({ exitCode: 0, answer: { ok: true, ratchet: 'advisory', retired: [], faults: [] } })
    expect(fresh.answer.commits).toBe(fresh.answer.rules.length)
    expect(fresh.answer.rules).toContain('payments')
    const reason = 'I pay by card'
    expect(await it.run(['retire', 'payments'], { reason })).toMatchObject({ answer: { retired: 'payments' } })
    const { answer } = await it.run(['verify'])
    expect(answer).toMatchObject({
      ok: true,
      retired: [{ rule: 'payments', reason }],
      commits: fresh.answer.commits + 1,
    })
    expect(answer.rules).not.toContain('payments')
    const listed = (await it.run(['list'])).answer
    expect(listed.rules.every(({ who }: { who: string }) => who === 'plaited')).toBe(true)
    expect(listed.rules.some(({ rule }: { rule: string }) => rule.startsWith('payments#'))).toBe(false)
    expect(listed.retired).toMatchObject([{ rule: 'payments', reason }])
    await expect(it.run(['retire', 'payments'], { reason })).rejects.toMatchObject({ code: 'RULE_REFUSED' })
  })

  test('that were changed fail the proof, with the file and its line', async () => {
    using it = openHome()
    await it.run(['verify'])
    writeFileSync(join(it.home, 'data/constraints/payments.ts'), 'export default 1')
    const { exitCode, answer } = await it.run(['verify'])
    expect({ exitCode, ok: answer.ok }).toEqual({ exitCode: 1, ok: false })
    expect(answer.faults.map(({ what }: { what: string }) => what)).toEqual([
      expect.stringContaining('payments.ts is not what was signed'),
      expect.stringContaining('payments.ts:1:1'),
    ])
    await expect(it.run(['retire', 'payments'], { reason: 'x' })).rejects.toMatchObject({ code: 'RULES_TAMPERED' })
  })

  test('are not retired without a name and a reason, or while a node runs', async () => {
    using it = openHome()
    await it.run(['verify'])
    await expect(it.run(['retire', 'payments'])).rejects.toMatchObject({ code: 'USAGE' })
    await expect(it.run(['retire'], { reason: 'x' })).rejects.toMatchObject({ code: 'USAGE' })
    const lease = takeLease(join(it.home, 'data/lease.sqlite'))
    await expect(it.run(['retire', 'payments'], { reason: 'x' })).rejects.toMatchObject({ code: 'HOME_LOCKED' })
    lease.release()
  })

  test('are read from a regular file only, and not beyond their limit', async () => {
    using it = openHome()
    const long = join(it.home, 'long.ts')
    writeFileSync(long, 'x'.repeat(SOURCE_BYTES_MAX + 1))
    for (const [path, why] of [
      ['/dev/zero', 'not a regular file'],
      [it.home, 'not a regular file'],
      [long, `more than ${SOURCE_BYTES_MAX} bytes`],
    ] as const) {
      await expect(it.run(['add', path])).rejects.toMatchObject({ message: expect.stringContaining(why) })
    }
  })
})
