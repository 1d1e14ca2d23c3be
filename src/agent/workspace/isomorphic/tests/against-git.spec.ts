/** The parts that must decide as git does, beside the git of the machine. */
import { afterAll, beforeAll, expect, test } from 'bun:test'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import fc from 'fast-check'
import { describeWhen } from '../../../../../test/helpers.ts'
import { parseIgnoreRules } from '../program/ignore-rules.ts'
import { diffLines, splitLines } from '../program/line-diff.ts'
import { mergeText } from '../program/merge-text.ts'

const hasGit = Bun.which('git') !== null

describeWhen(hasGit, 'there is no git', 'beside git', () => {
  let folder = ''
  const git = (args: readonly string[], stdin = ''): { readonly exitCode: number; readonly stdout: string } => {
    const env = { PATH: '/usr/local/bin:/usr/bin:/bin', HOME: folder, GIT_CONFIG_NOSYSTEM: '1' }
    const { exitCode, stdout } = Bun.spawnSync(['git', ...args], { cwd: folder, env, stdin: Buffer.from(stdin) })
    return { exitCode, stdout: stdout.toString() }
  }

  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), 'plaited-beside-git-'))
    git(['init', '--quiet'])
  })
  afterAll(() => rmSync(folder, { recursive: true, force: true }))

  test('patterns of .gitignore fit what they fit there', () => {
    const piece = fc.constantFrom(
      'a',
      'b',
      'B',
      '*',
      '**',
      '?',
      '/',
      '[ab]',
      '[!a]',
      '[a-',
      '\\*',
      '\\',
      '!',
      '#',
      ' ',
      '.',
      ']',
      '[[:upper:]]',
    )
    const pattern = fc.array(piece, { minLength: 1, maxLength: 6 }).map((pieces) => pieces.join(''))
    const names = ['a', 'b', 'B', 'ab', 'a.b', '*', '!a', '#', 'a ', 'ba', '.a']
    const paths = [
      ...names,
      ...names.flatMap((one) => ['a', 'b', 'B'].map((other) => `${one}/${other}`)),
      'a/b/a',
      'b/a/b/B',
    ]
    fc.assert(
      fc.property(fc.array(pattern, { minLength: 1, maxLength: 3 }), (patterns) => {
        writeFileSync(join(folder, '.gitignore'), `${patterns.join('\n')}\n`)
        // With -v the last rule that fits is shown, a negated one too; nothing for a path that none fits.
        const { stdout } = git(
          ['check-ignore', '--no-index', '--stdin', '-z', '-v', '-n'],
          paths.map((path) => `${path}\0`).join(''),
        )
        const fields = stdout.split('\0')
        const wanted = paths.map((_, index) => {
          const rule = fields[4 * index + 2] ?? ''
          return rule === '' ? null : !rule.startsWith('!')
        })
        const { judge } = parseIgnoreRules(`${patterns.join('\n')}\n`)
        // As the walk does: what is in an ignored folder is not asked about.
        const judged = paths.map((path) => {
          const parts = path.split('/')
          for (const depth of parts.keys()) {
            const verdict = judge(parts.slice(0, depth + 1).join('/'), depth < parts.length - 1)
            if (verdict === true || depth === parts.length - 1) return verdict
          }
          return null
        })
        expect(judged).toEqual(wanted)
      }),
      { numRuns: 150, seed: 1 },
    )
  })

  test('a text that is merged is merged there too, to the same', () => {
    // Lines of the base differ: among equal ones, which was inserted is a matter of taste.
    const line = fc.constantFrom('a\n', 'b\n', 'c\n', '\n', 'd')
    const base = fc.integer({ min: 4, max: 14 }).map((count) => Array.from({ length: count }, (_, at) => `${at}\n`))
    const edit = fc.tuple(fc.nat(13), fc.nat(2), fc.array(line, { maxLength: 2 }))
    const side = fc.array(edit, { maxLength: 2 })
    const applyEdits = (lines: readonly string[], edits: readonly (readonly [number, number, readonly string[]])[]) =>
      edits.reduce((text, [at, count, put]) => text.toSpliced(at, count, ...put), [...lines]).join('')
    const counts = { merged: 0, refused: 0 }
    mkdirSync(join(folder, 'm'))
    fc.assert(
      fc.property(base, side, side, (lines, ours, theirs) => {
        const texts = { base: lines.join(''), ours: applyEdits(lines, ours), theirs: applyEdits(lines, theirs) }
        for (const [name, text] of Object.entries(texts)) writeFileSync(join(folder, 'm', name), text)
        const { exitCode, stdout } = git(['merge-file', '-p', 'm/ours', 'm/base', 'm/theirs'])
        const merged = mergeText(texts.base, texts.ours, texts.theirs)
        counts[merged === null ? 'refused' : 'merged']++
        if (merged !== null) expect([exitCode, stdout]).toEqual([0, merged])
      }),
      { numRuns: 150, seed: 1 },
    )
    expect(Math.min(counts.merged, counts.refused)).toBeGreaterThan(10)
  })
})

test('the difference of two texts leads from one to the other, and is the whole middle of very different ones', () => {
  const text = fc.array(fc.constantFrom('a\n', 'b\n', 'c\n'), { maxLength: 20 }).map((lines) => lines.join(''))
  fc.assert(
    fc.property(text, text, (from, to) => {
      const [a, b] = [splitLines(from), splitLines(to)]
      const hunks = diffLines(a, b)
      const rebuilt = hunks.reduceRight<readonly string[]>(
        (lines, { aStart, aEnd, bStart, bEnd }) => lines.toSpliced(aStart, aEnd - aStart, ...b.slice(bStart, bEnd)),
        a,
      )
      expect(rebuilt.join('')).toBe(to)
      expect(hunks.every(({ aStart, aEnd, bStart, bEnd }) => aEnd > aStart || bEnd > bStart)).toBe(true)
    }),
  )
  const numbers = (start: number) => Array.from({ length: 3_000 }, (_, index) => `${start + index}\n`)
  expect(diffLines(['same\n', ...numbers(0)], ['same\n', ...numbers(5_000)])).toEqual([
    { aStart: 1, aEnd: 3_001, bStart: 1, bEnd: 3_001 },
  ])
})

test('a pattern made to explode is judged at once', () => {
  const { judge } = parseIgnoreRules(`${'**/*a*'.repeat(12)}b\n${'*a'.repeat(60)}b\n`)
  expect(judge(`${'a/'.repeat(60)}${'a'.repeat(200)}c`, false)).toBeNull()
})
