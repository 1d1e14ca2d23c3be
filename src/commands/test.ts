/**
 * `plaited test`: every check of the project, in the order in which a fault is cheapest to find. All static checks run
 * even when one failed, so that one run shows every fault. A check that passes takes one line; one that fails shows its
 * whole output. The checks see none of the caller's environment but five names, so that a run says the same everywhere.
 *
 * It mends nothing (that is `bun fmt` and `biome check --write`), and it checks the folder it lies in, not the caller's.
 */
import { closeSync, mkdtempSync, openSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { NodeError } from '../utils/node-error.ts'
import { containmentArgv } from './containment.ts'
import { formatTestSummary, summarizeTestRun } from './test-summary.ts'

/** Where the report goes. Contract: `write` must not throw. */
export type TestCommandIo = { readonly write: (text: string) => void }

type Step = {
  readonly name: string
  readonly argv: readonly string[]
  /** Besides what every step gets. */
  readonly environment?: Readonly<Record<string, string>>
  /** Gets the lines that begin with the step's name, as they come. */
  readonly onLine?: (line: string) => void
}
type StepResult = { readonly exitCode: number; readonly output: string; readonly seconds: number }

const PROJECT_ROOT = resolve(import.meta.dir, '../..')
/** A test that takes longer hangs; one on a loaded two-core machine does not reach this. */
const TEST_TIMEOUT_MS = 60_000
/** Ends a step that no test timeout can, such as an endless loop. */
const STEP_TIMEOUT_MS = 30 * 60_000
/** The end of a step's output is kept: it holds the summary. */
const OUTPUT_BYTES_MAX = 1024 * 1024
/** What programs need to start and to know that no person watches. Everything else could change what they report. */
const ENVIRONMENT_NAMES = ['PATH', 'HOME', 'TMPDIR', 'CI', 'TERM']
/** Suites that take minutes: its flag has one run in full after the tests, told so by its variable. */
type LongSuite = { readonly name: string; readonly file: string; readonly variable: string }

const LONG_SUITES: ReadonlyMap<string, readonly LongSuite[]> = new Map([
  [
    '--crash',
    [
      { name: 'crash', file: 'test/crash/campaign.test.ts', variable: 'PLAITED_TEST_CRASH' },
      { name: 'bluesky', file: 'test/bluesky.test.ts', variable: 'PLAITED_TEST_FULL' },
    ],
  ],
])
/** How often a long suite is looked at for how far it is, which it says in lines that begin with its name. */
const LOOK_MS = 1000
/** Printed by `describeWhen` of test/helpers.ts. */
const SKIP_REASON = /^skipped: .*$/gm

const STATIC_STEPS: readonly Step[] = [
  { name: 'format', argv: ['fmt', '--check', '--no-script'] },
  { name: 'lint', argv: ['node_modules/.bin/biome', 'check', '.'] },
  { name: 'types', argv: ['check', '--no-script'] },
  { name: 'unused code', argv: ['node_modules/.bin/knip-bun'] },
]

/**
 * Runs every check and reports it, ending with `N passed, M failed` of the tests alone on a line. `args` narrow the
 * tests (a part of a path, or `--only GLOB`), never the static checks. `--crash` adds the whole of a long suite,
 * `--containment` measures the layers instead.
 * @returns the exit code: 0 when all checks passed and at least one test ran, otherwise 1.
 * @throws {NodeError} USAGE
 */
export const runTestCommand = async (args: readonly string[], io: TestCommandIo): Promise<number> => {
  if (args.includes('--containment')) return measureContainment(args, io)
  const longSuites = args.flatMap((arg) => LONG_SUITES.get(arg) ?? [])
  const testFiles = selectTestFiles(args.filter((arg) => !LONG_SUITES.has(arg)))
  const scratch = mkdtempSync(join(tmpdir(), 'plaited-test-'))
  try {
    const failedSteps: string[] = []
    const report = (name: string, result: StepResult, passed: boolean) => {
      io.write(`${passed ? 'ok    ' : 'FAILED'}  ${name.padEnd(12)} ${result.seconds.toFixed(1)} s\n`)
      if (passed) return
      failedSteps.push(name)
      io.write(`${result.output.trim()}\n`)
    }
    for (const step of STATIC_STEPS) {
      const result = await runStep(step, scratch)
      report(step.name, result, result.exitCode === 0)
    }
    const summary = { passed: 0, failed: 0, skipped: 0 }
    const runTests = async (step: Step) => {
      const result = await runStep(step, scratch)
      const { passed, failed, skipped } = summarizeTestRun(result.exitCode, result.output)
      report(step.name, result, failed === 0 && passed > 0)
      for (const [reason] of result.output.matchAll(SKIP_REASON)) io.write(`${reason}\n`)
      summary.passed += passed
      summary.failed += failed
      summary.skipped += skipped
    }
    await runTests({ name: 'tests', argv: testArgv(testFiles) })
    for (const { name, file, variable } of longSuites) {
      const onLine = (line: string) => io.write(`        ${line}\n`)
      await runTests({ name, argv: testArgv([file]), environment: { [variable]: 'whole' }, onLine })
    }
    if (failedSteps.length > 0) io.write(`failed: ${failedSteps.join(', ')}\n`)
    io.write(`${formatTestSummary(summary)}\n`)
    return failedSteps.length === 0 ? 0 : 1
  } finally {
    rmSync(scratch, { recursive: true, force: true })
  }
}

const measureContainment = async (args: readonly string[], io: TestCommandIo): Promise<number> => {
  const argv = containmentArgv(args)
  const scratch = mkdtempSync(join(tmpdir(), 'plaited-test-'))
  try {
    const { exitCode, output } = await runStep({ name: 'containment', argv }, scratch)
    io.write(output)
    return exitCode === 0 ? 0 : 1
  } finally {
    rmSync(scratch, { recursive: true, force: true })
  }
}

/** The test files that the arguments choose, relative to the project; null when nothing narrows the run. */
const selectTestFiles = (args: readonly string[]): readonly string[] | null => {
  const filters: string[] = []
  for (const [index, arg] of args.entries()) {
    if (arg === '--only' && args[index + 1] !== undefined) continue
    if (arg.startsWith('-')) {
      throw new NodeError('USAGE', arg === '--only' ? '--only needs a glob' : `test does not know ${arg}`, {
        hint: `plaited test [--only GLOB | PART_OF_A_PATH]... [--containment] [${[...LONG_SUITES.keys()].join('] [')}]`,
      })
    }
    filters.push(arg)
  }
  if (filters.length === 0) return null
  const all = [...new Bun.Glob('{src,test}/**/*.{spec,test}.ts').scanSync({ cwd: PROJECT_ROOT })].sort()
  const chosen = all.filter((file) =>
    filters.some((filter) => file.includes(filter) || new Bun.Glob(filter).match(file)),
  )
  if (chosen.length > 0) return chosen
  throw new NodeError('USAGE', `no test file matches ${filters.join(' or ')}`, {
    hint: 'give a part of a path such as sandbox, or a glob such as src/agent/**',
  })
}

const testArgv = (files: readonly string[] | null): readonly string[] => [
  ...['--no-install', '--no-macros', '--no-env-file', 'test', '--parallel', '--only-failures', '--no-orphans'],
  `--timeout=${TEST_TIMEOUT_MS}`,
  ...(files ?? []).map((file) => `./${file}`),
]

// Output goes through a file, because a process that a test leaked would keep a pipe open for ever.
const runStep = async (step: Step, scratch: string): Promise<StepResult> => {
  const outputPath = join(scratch, 'output')
  const output = openSync(outputPath, 'w')
  const startedAt = performance.now()
  const child = Bun.spawn([process.execPath, ...step.argv], {
    cwd: PROJECT_ROOT,
    env: { ...Object.fromEntries(ENVIRONMENT_NAMES.map((name) => [name, Bun.env[name]])), ...step.environment },
    stdio: ['ignore', output, output],
    timeout: STEP_TIMEOUT_MS,
    killSignal: 'SIGKILL',
  })
  closeSync(output)
  const follower = step.onLine && followLines(outputPath, step.name, step.onLine)
  const exitCode = await child.exited
  await follower?.[Symbol.asyncDispose]()
  const seconds = (performance.now() - startedAt) / 1000
  return { exitCode, output: await Bun.file(outputPath).slice(-OUTPUT_BYTES_MAX).text(), seconds }
}

/** Tells the lines of a growing file that begin with a name, each once. */
const followLines = (path: string, name: string, onLine: (line: string) => void): AsyncDisposable => {
  let told = 0
  const look = async () => {
    const lines = (await Bun.file(path).text()).split('\n').slice(0, -1)
    const named = lines.filter((line) => line.startsWith(`${name}: `))
    for (const line of named.slice(told)) onLine(line)
    told = named.length
  }
  const timer = setInterval(() => void look(), LOOK_MS)
  return {
    [Symbol.asyncDispose]: () => {
      clearInterval(timer)
      return look()
    },
  }
}
