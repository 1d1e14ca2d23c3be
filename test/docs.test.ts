/** The documents keep their promises: every link and path they name exists, and they stay short enough to be read. */
import { describe, expect, test } from 'bun:test'
import { existsSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { projectFiles, projectRoot } from './helpers.ts'
import { ATTACKS } from './security/sandbox/attacks.ts'

/** Longest that each document may become, in lines; null where length is not a fault. */
const LINES_MAX: Readonly<Record<string, number | null>> = {
  'README.md': 120,
  'ARCHITECTURE.md': 150,
  'SECURITY.md': null,
  'STYLE.md': 120,
  'AGENTS.md': 80,
  'CHANGELOG.md': null,
  'docs/containment.md': null,
}

const LINK = /\]\(([^)\s]+)\)/g
/** A path below one of the project's folders; what follows a `*`, `<` or `{` is a pattern and is not looked at. */
const PROJECT_PATH =
  /(?<![\w./-])(?:src|test|bin|constraints-seed|docker|skills|\.ci|\.hooks)\/(?:[\w.-]+\/)*(?:[\w.-]+(?![\w.-]*[*<{]))?/g
const TEST_FILE = /(?<![\w./-])[\w./-]+\.(?:test|spec)\.ts/g

const files = projectFiles()

const isTestOfOurs = (name: string): boolean =>
  existsSync(join(projectRoot, name)) || (!name.includes('/') && files.some((file) => file.endsWith(`/${name}`)))

/** What a document names that is not there. */
const deadReferences = (path: string, text: string): readonly string[] => {
  const links = [...text.matchAll(LINK)]
    .map(([, link = '']) => link)
    .filter((link) => !/^(?:[a-z]+:|#)/.test(link))
    .map((link) => join(dirname(path), link.replace(/#.*/, '')))
  const paths = [...text.matchAll(PROJECT_PATH)].map(([named]) => named.replace(/\.$/, ''))
  const tests = [...text.matchAll(TEST_FILE)].map(([named]) => named)
  const dead = [
    ...[...links, ...paths].filter((named) => !existsSync(join(projectRoot, named))),
    ...tests.filter((named) => !isTestOfOurs(named)),
  ]
  return [...new Set(dead)]
}

const readDocument = (name: string): Promise<string> => Bun.file(join(projectRoot, name)).text()

describe.each(Object.entries(LINES_MAX))('%s', (name, linesMax) => {
  test('names only links, paths and tests that exist', async () => {
    expect(deadReferences(name, await readDocument(name))).toEqual([])
  })

  test(linesMax === null ? 'is not empty' : `has no more than ${linesMax} lines`, async () => {
    const lines = (await readDocument(name)).trim().split('\n').length
    expect(lines).toBeGreaterThan(1)
    expect(lines).toBeLessThanOrEqual(linesMax ?? Number.POSITIVE_INFINITY)
  })
})

test.each(['README.md', 'SECURITY.md', 'docs/containment.md'])('%s counts the attacks as they are', async (name) => {
  const text = await readDocument(name)
  const counts = [...text.matchAll(/\b(\d+) attacks|^\| [12]\. .*\| (\d+) +\|$/gm)].map(([, said, of]) =>
    Number(said ?? of),
  )
  expect(counts).not.toBeEmpty()
  expect(new Set(counts)).toEqual(new Set([ATTACKS.filter(({ group }) => group !== 'sanity').length]))
})

describe('a planted fault is found', () => {
  test.each([
    ['a dead link', 'see [that](docs/that.md#part)', 'docs/that.md'],
    ['a dead path', 'see `src/nowhere/at-all.ts`.', 'src/nowhere/at-all.ts'],
    ['a dead folder', 'in src/nowhere/ there is', 'src/nowhere/'],
    ['a test that is not there', '| claim | nowhere.spec.ts |', 'nowhere.spec.ts'],
  ])('%s', (_, text, dead) => {
    expect(deadReferences('README.md', text)).toEqual([dead])
  })

  test('what exists, web links, anchors and patterns are no faults', () => {
    const text =
      '[a](STYLE.md#b) [b](https://example.org) [c](#d) `test/docs.test.ts` docs.test.ts src/**/x.ts test/doc* src/<m>/x.ts.'
    expect(deadReferences('README.md', text)).toEqual([])
  })
})
