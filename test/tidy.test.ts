/**
 * The architecture of test/architecture.ts as tests over the source text. Each rule runs twice: over the project, which
 * must be clean, and over planted faults, each of which it must find.
 *
 * The rules read text: they keep honest code in order, they do not hold against code that hides what it does.
 */
import { describe, expect, test } from 'bun:test'
import { dirname, join } from 'node:path'
import {
  FILE_LINES_MAX,
  FOREIGN_WORDS,
  MAY_IMPORT,
  ONLY_PACKAGES,
  PACKAGE_HOMES,
  PRIVILEGES,
  SOURCE_LINES_MEDIAN_MAX,
} from './architecture.ts'
import { projectFiles, projectRoot } from './helpers.ts'
import { lineAt, readImports, readSource, type SourceText } from './source-text.ts'

const isBelow = (path: string, place: string): boolean =>
  place === '*' || path === place || path.startsWith(place.endsWith('/') ? place : `${place}/`)
const isTest = (path: string): boolean => isBelow(path, 'test') || path.includes('/tests/')
const at = (source: SourceText, line: number, fault: string): string => `${source.path}:${line} ${fault}`

const importFaults = (source: SourceText): readonly string[] => {
  const row = rowOf(source.path)
  if (row === null) return [at(source, 1, 'has no row in MAY_IMPORT')]
  return readImports(source).flatMap(({ specifier, line }) => {
    const target = specifier.startsWith('.') ? join(dirname(source.path), specifier) : specifier
    if (target !== 'plaited' && !specifier.startsWith('.')) return []
    const allowed = [row, ...(MAY_IMPORT[row] ?? []), ...(isTest(source.path) ? ['test/helpers.ts', 'plaited'] : [])]
    return allowed.some((place) => isMeant(target, place)) ? [] : [at(source, line, `imports ${target}`)]
  })
}

const isMeant = (target: string, place: string): boolean =>
  MAY_IMPORT[place] === undefined ? isBelow(target, place) : rowOf(target) === place

const rowOf = (path: string): string | null =>
  Object.keys(MAY_IMPORT)
    .filter((row) => isBelow(path, row))
    .sort((a, b) => b.length - a.length)[0] ?? null

const packageFaults = (source: SourceText): readonly string[] =>
  readImports(source).flatMap(({ specifier, typeOnly, line }) => {
    if (specifier.startsWith('.')) return []
    if (specifier === 'bun' && typeOnly) return [] // values of Bun are used through its global, where rules see them
    const name = specifier.includes(':') ? specifier : specifier.split('/', specifier.startsWith('@') ? 2 : 1).join('/')
    const homes = PACKAGE_HOMES[name]
    if (homes === undefined) return [at(source, line, `${name} has no row in PACKAGE_HOMES`)]
    if (isTest(source.path)) return []
    const only = Object.entries(ONLY_PACKAGES).find(([folder]) => isBelow(source.path, folder))?.[1]
    const allowed = homes.some((home) => isBelow(source.path, home)) && (only === undefined || only.includes(name))
    return allowed ? [] : [at(source, line, `imports ${name}`)]
  })

const privilegeFaults = (source: SourceText): readonly string[] =>
  PRIVILEGES.filter(({ tests }) => !(tests && isTest(source.path)))
    .filter(({ homes }) => !homes.some((home) => isBelow(source.path, home)))
    .flatMap(({ what, pattern }) =>
      [...source.code.matchAll(new RegExp(pattern, 'g'))].map((match) =>
        at(source, lineAt(source.code, match.index), what),
      ),
    )

const suppressionFaults = (source: SourceText): readonly string[] =>
  source.comments.split('\n').flatMap((comment, index) => {
    const [, marker, rest = ''] = /(@ts-ignore|@ts-expect-error|@ts-nocheck|biome-ignore)(.*)/.exec(comment) ?? []
    return marker === undefined || /:\s*\S/.test(rest) ? [] : [at(source, index + 1, `${marker} without a reason`)]
  })

const shapeFaults = (source: SourceText): readonly string[] => {
  const lines = source.text.split('\n').length - 1
  const name = source.path.slice(source.path.lastIndexOf('/') + 1)
  return [
    ...(lines > FILE_LINES_MAX ? [at(source, lines, `is longer than ${FILE_LINES_MAX} lines`)] : []),
    ...(source.text.trim() === '' ? [at(source, 1, 'is empty')] : []),
    ...(name === 'index.ts' ? [at(source, 1, 'is an index file')] : []),
    ...(/^[a-z\d]+(?:-[a-z\d]+)*(?:\.[a-z]+)*\.ts$/.test(name) ? [] : [at(source, 1, 'is not named in kebab-case')]),
    ...(/\bexport\s+default\b/.test(source.code) ? [at(source, 1, 'has a default export')] : []),
  ]
}

const foreignWordFaults = (source: Pick<SourceText, 'path' | 'text'>): readonly string[] =>
  source.text.split('\n').flatMap((line, index) =>
    FOREIGN_WORDS.map((word) => word.exec(line)?.[0])
      .filter((found) => found !== undefined)
      .map((found) => `${source.path}:${index + 1} names ${found}`),
  )

const median = (numbers: readonly number[]): number => numbers.toSorted((a, b) => a - b)[numbers.length >> 1] ?? 0

const files = projectFiles()
const readText = (path: string): Promise<string> => Bun.file(join(projectRoot, path)).text()
const sources: readonly SourceText[] = await Promise.all(
  files
    .filter((path) => path.endsWith('.ts') && !path.startsWith('.'))
    .map(async (path) => readSource(path, await readText(path))),
)

type Planted = readonly [path: string, text: string, fault: string]
const rules: readonly {
  readonly claim: string
  readonly faultsOf: (source: SourceText) => readonly string[]
  readonly planted: readonly Planted[]
  readonly clean: readonly (readonly [path: string, text: string])[]
}[] = [
  {
    claim: 'a file imports only what its row names',
    faultsOf: importFaults,
    planted: [
      ['src/utils/a.ts', "import { b } from '../behavioral/b.ts'", 'imports src/behavioral/b.ts'],
      ['src/behavioral/a.ts', "import type { Clock } from '../utils/clock.ts'", 'imports src/utils/clock.ts'],
      ['src/constraint-language/a.ts', "export { b } from '../utils/b.ts'", 'imports src/utils/b.ts'],
      ['src/agent/a.ts', "import {\n  b,\n} from '../channels/b.ts'", 'imports src/channels/b.ts'],
      ['src/agent/a.ts', "const a = import('./model/anthropic.ts')", 'imports src/agent/model/anthropic.ts'],
      ['src/agent/workspace/a.ts', "import { b } from '../sandbox/b.ts'", 'imports src/agent/sandbox/b.ts'],
      ['src/agent/tools/a.ts', "import { b } from '../sandbox/b.ts'", 'imports src/agent/sandbox/b.ts'],
      ['src/channels/a.ts', "import { b } from '../agent/agent.ts'", 'imports src/agent/agent.ts'],
      ['src/channels/a.ts', "import { b } from './cli/b.ts'", 'imports src/channels/cli/b.ts'],
      ['src/server/a.ts', "import { b } from '../channels/b.ts'", 'imports src/channels/b.ts'],
      ['src/keeper/a.ts', "import { b } from '../agent/b.ts'", 'imports src/agent/b.ts'],
      ['src/plaited.ts', "export { b } from './utils/b.ts'", 'imports src/utils/b.ts'],
      ['src/utils/tests/a.spec.ts', "import { b } from '../../agent/b.ts'", 'imports src/agent/b.ts'],
      ['constraints-seed/a.ts', "import { b } from '../src/plaited.ts'", 'imports src/plaited.ts'],
      ['src/elsewhere/a.ts', 'const a = 1', 'has no row in MAY_IMPORT'],
    ],
    clean: [
      ['src/node.ts', "import { b } from './agent/model/anthropic.ts'"],
      ['src/agent/agent.ts', "import type { Model } from './model/model.types.ts'"],
      ['src/utils/tests/a.spec.ts', "import { a } from '../a.ts'\nimport { b } from '../../../test/helpers.ts'"],
      ['constraints-seed/a.ts', "import { bThread } from 'plaited'"],
    ],
  },
  {
    claim: 'a package is imported only in its home',
    faultsOf: packageFaults,
    planted: [
      ['src/agent/a.ts', "import { parse } from 'acorn'", 'imports acorn'],
      ['src/agent/agent.ts', "import Sdk from '@anthropic-ai/sdk/client'", 'imports @anthropic-ai/sdk'],
      ['src/channels/a.ts', "import type { Database } from 'bun:sqlite'", 'imports bun:sqlite'],
      ['src/agent/agent.ts', "const a = await import('unbash')", 'imports unbash'],
      ['src/behavioral/a.ts', "import { z } from 'zod'", 'imports zod'],
      ['src/constraint-language/a.ts', "import { z } from 'zod'", 'imports zod'],
      ['src/utils/a.ts', "import { test } from 'bun:test'", 'imports bun:test'],
      ['src/utils/a.ts', "import a from 'left-pad'", 'left-pad has no row in PACKAGE_HOMES'],
      ['src/utils/a.ts', "import { spawn } from 'bun'", 'bun has no row in PACKAGE_HOMES'],
      ['test/a.test.ts', "import { fork } from 'node:child_process'", 'node:child_process has no row in PACKAGE_HOMES'],
    ],
    clean: [
      ['src/constraint-language/a.ts', "import { parse } from 'acorn'"],
      ['src/agent/sandbox/a.ts', "import type { Subprocess } from 'bun'"],
      ['src/agent/a.ts', "// import a from 'left-pad'\nconst b = `\nimport a from 'left-pad'`"],
    ],
  },
  {
    claim: 'what is reserved for one place is done there only',
    faultsOf: privilegeFaults,
    planted: [
      ['src/agent/agent.ts', 'run({ text } as unknown as OwnerIntent)', 'mints OwnerIntent'],
      ['src/channels/a.ts', 'const isMine = (a: unknown): a is OwnerIntent => true', 'mints OwnerIntent'],
      ['src/cli.ts', 'const call = {} as PermittedCall', 'mints PermittedCall'],
      ['src/cli.ts', "import type { PermittedCall as P } from './a.ts'", 'mints PermittedCall'],
      ['src/cli.ts', 'sandbox.run({} as never)', 'casts a proof away'],
      ['src/agent/agent.ts', "Bun.spawnSync(['ls'])", 'starts a process'],
      ['src/node.ts', 'await Bun.$`ls`', 'starts a process'],
      ['src/node.ts', 'const { HOME } = process.env', 'reads the environment'],
      ['src/utils/a.ts', 'const now = Date.now()', 'reads the time'],
      ['src/utils/a.ts', 'const now = new Date()', 'reads the time'],
      ['src/agent/a.ts', 'await import(path)', 'runs text as code'],
      ['src/agent/a.ts', 'await import(`./a.ts`)', 'runs text as code'],
      ['src/agent/a.ts', 'eval(text)', 'runs text as code'],
      ['src/agent/a.ts', 'new Function(text)', 'runs text as code'],
      ['src/agent/a.ts', 'new Bun.Transpiler()', 'runs text as code'],
      ['src/agent/a.ts', 'await Bun.build({})', 'runs text as code'],
      ['src/agent/a.ts', 'await fetch(url)', 'fetches a URL'],
      ['src/agent/a.ts', 'const get = options.fetch ?? fetch', 'fetches a URL'],
      ['src/agent/a.ts', 'const get = globalThis.fetch', 'fetches a URL'],
      ['src/agent/a.ts', "console.log('a')", 'writes to the console'],
      ['src/utils/tests/a.spec.ts', "mock.module('a', () => ({}))", 'mocks a module'],
      ['test/a.test.ts', "test.skip('a', () => {})", 'skips or narrows tests'],
      ['test/a.test.ts', "describe.only('a', () => {})", 'skips or narrows tests'],
      ['test/a.test.ts', "test.concurrent.skipIf(true)('a', () => {})", 'skips or narrows tests'],
      ['test/a.test.ts', "test.todo('a')", 'skips or narrows tests'],
    ],
    clean: [
      ['src/channels/owner-gate.ts', 'return { text } as OwnerIntent'],
      ['src/agent/constraint-engine.ts', 'return { operation } as PermittedCall'],
      ['src/agent/a.ts', "// as PermittedCall, eval(x), fetch(y)\nconst a = 'Date.now() as OwnerIntent'"],
      [
        'src/server/a.ts',
        'Bun.serve({ async fetch(request, server): Promise<Response> {\n  return answer(request)\n} })',
      ],
      ['src/agent/a.ts', "const date: Date = clock.date()\nawait import('./b.ts')\nsafeFetch(url)"],
      ['src/utils/tests/a.spec.ts', 'const call = {} as PermittedCall'],
    ],
  },
  {
    claim: 'a suppressed check gives its reason behind a colon',
    faultsOf: suppressionFaults,
    planted: [
      ['src/utils/a.ts', '// @ts-expect-error', '@ts-expect-error without a reason'],
      ['src/utils/a.ts', '/* @ts-ignore */', '@ts-ignore without a reason'],
      ['test/a.test.ts', '// biome-ignore lint/a/b', 'biome-ignore without a reason'],
    ],
    clean: [['src/utils/a.ts', '// biome-ignore lint/a/b: the shape is given\n// @ts-expect-error: not in the types']],
  },
  {
    claim: 'a file is small, named in kebab-case, and exports by name',
    faultsOf: shapeFaults,
    planted: [
      ['src/utils/a.ts', 'a()\n'.repeat(FILE_LINES_MAX + 1), 'is longer than 400 lines'],
      ['src/utils/a.ts', '\n', 'is empty'],
      ['src/utils/index.ts', 'export const a = 1', 'is an index file'],
      ['src/utils/aB.ts', 'export const a = 1', 'is not named in kebab-case'],
      ['src/utils/a.ts', 'export default 1', 'has a default export'],
    ],
    clean: [['src/agent/model/model.types.ts', 'a()\n'.repeat(FILE_LINES_MAX)]],
  },
]

for (const { claim, faultsOf, planted, clean } of rules) {
  describe(claim, () => {
    test('in the whole project', () => {
      expect(sources.flatMap(faultsOf)).toEqual([])
    })
    for (const [path, text, fault] of planted) {
      test(`a planted fault is found: ${path} ${fault}: ${text.slice(0, 60).replaceAll('\n', ' ')}`, () => {
        expect(faultsOf(readSource(path, text)).join('\n')).toContain(fault)
      })
    }
    for (const [path, text] of clean) {
      test(`what is allowed is not reported: ${path}: ${text.slice(0, 60).replaceAll('\n', ' ')}`, () => {
        expect(faultsOf(readSource(path, text))).toEqual([])
      })
    }
  })
}

describe('the project as a whole', () => {
  test('the median source file is short', () => {
    const lengths = sources
      .filter(({ path }) => isBelow(path, 'src') && !isTest(path))
      .map(({ text }) => text.split('\n').length - 1)
    expect(lengths.length).toBeGreaterThan(0)
    expect(median(lengths)).toBeLessThanOrEqual(SOURCE_LINES_MEDIAN_MAX)
  })

  test('every place that a row of the architecture names is there', () => {
    const named = [MAY_IMPORT, PACKAGE_HOMES, ONLY_PACKAGES].flatMap((rows) => Object.values(rows).flat())
    const homes = [...Object.keys(MAY_IMPORT), ...named, ...PRIVILEGES.flatMap((privilege) => privilege.homes)]
    const places = homes.filter((home) => home !== '*' && (home.includes('/') || MAY_IMPORT[home] !== undefined))
    expect(places.filter((place) => !files.some((path) => isBelow(path, place)))).toEqual([])
  })

  test('no file names a machine or a registry', async () => {
    const texts = await Promise.all(files.map(async (path) => ({ path, text: await readText(path) })))
    expect(texts.flatMap(foreignWordFaults)).toEqual([])
  })

  test('a planted machine path and registry host are found', () => {
    const [path, host] = ['/wo*rk/', 'registry.np*mjs'].map((word) => word.replace('*', ''))
    const text = `see ${path}a\nhttps://${host}.org/a\n`
    expect(foreignWordFaults({ path: 'a.md', text })).toEqual([`a.md:1 names ${path}`, `a.md:2 names ${host}`])
  })
})
