/** Whole turns of a warm node against the script: message in, two model calls, one tool call, reply out. */
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Operations } from '../operations.ts'
import type { BenchRow, Measurement } from './bench.types.ts'
import { runProgram } from './child-process.ts'
import { createRow } from './create-row.ts'
import { withServedNode } from './lab.ts'
import { formatFigure } from './render.ts'
import { median } from './statistics.ts'
import { timeMs, timePairs } from './stopwatch.ts'

const TURNS = 30
const WARMUPS = 3
/** Between turns, so that the sandboxes are there again. */
const GAP_MS = 30
const TEXT_1K = 'plaited '.repeat(128)
const FILE = 'bench/turn.txt'

export const turnMeasurement: Measurement = {
  names: ['turn-one-read-call', 'turn-one-write-call'],
  take: async (lab) => {
    const settings = await lab.home()
    const commitBare = await createBareRepository(lab.folder('bare'))
    return await withServedNode(settings, async (operations) => {
      const run = createTurnRunner(operations, lab.signal)
      await run(`write ${FILE}: ${TEXT_1K}`)
      return [await measureRead(run), await measureWrite(run, { commitBare, signal: lab.signal })]
    })
  },
}

const measureRead = async (run: RunTurn): Promise<BenchRow> => {
  const samples: number[] = []
  for (let turn = -WARMUPS; turn < TURNS; turn++) {
    await Bun.sleep(GAP_MS)
    const ms = await timeMs(() => run(`read ${FILE}`))
    if (turn >= 0) samples.push(ms)
  }
  return createRow({
    name: 'turn-one-read-call',
    unit: 'ms',
    samples,
    goal: { valueMax: 25 },
    note: 'what a turn costs besides its commit',
  })
}

const measureWrite = async (
  run: RunTurn,
  { commitBare, signal }: { readonly commitBare: (text: string) => Promise<void>; readonly signal: AbortSignal },
): Promise<BenchRow> => {
  const commits: number[] = []
  let turn = 0
  const write = async () => {
    const { commitMs } = await run(`write ${FILE}: ${++turn} ${TEXT_1K}`)
    if (commitMs === null) throw new Error('the turn committed nothing')
    commits.push(commitMs)
  }
  const { subject, floor } = await timePairs(write, () => commitBare(`${++turn} ${TEXT_1K}`), {
    count: TURNS,
    warmups: WARMUPS,
    gapMs: GAP_MS,
    signal,
  })
  const commitMs = commits.slice(WARMUPS)
  const besides = subject.map((ms, index) => ms - (commitMs[index] ?? 0))
  return createRow({
    name: 'turn-one-write-call',
    unit: 'ms',
    samples: subject,
    floor: { what: 'bare git add -A && git commit of the same change', samples: floor },
    note: `commit ${formatFigure(median(commitMs))} ms, besides it ${formatFigure(median(besides))} ms`,
  })
}

type RunTurn = (text: string) => Promise<{ readonly commitMs: number | null }>

/** Says something and reads from its progress how long the commit took: from the last word to the commit. */
const createTurnRunner = (operations: Operations, signal: AbortSignal): RunTurn => {
  let count = 0
  return async (text) => {
    signal.throwIfAborted()
    let worded = performance.now()
    let commitMs: number | null = null
    const faults: string[] = []
    const progress: Parameters<Operations['say']>[1] = (event) => {
      if (event.kind === 'text') worded = performance.now()
      if (event.kind === 'commit') commitMs = performance.now() - worded
      if (event.kind === 'call' && event.outcome !== 'allowed') faults.push(event.reason ?? event.outcome)
      if (event.kind === 'result' && event.isError) faults.push(event.content)
    }
    const reply = await operations.say({ messageId: `bench-turn-${++count}`, text }, progress)
    if (faults.length > 0) throw new Error(`a turn failed: ${faults.join('; ')}: ${reply}`)
    return { commitMs }
  }
}

const createBareRepository = async (folder: string): Promise<(text: string) => Promise<void>> => {
  const identity = { NAME: 'bench', EMAIL: 'bench@localhost' }
  const environment = {
    ...Object.fromEntries(
      ['AUTHOR', 'COMMITTER'].flatMap((who) =>
        Object.entries(identity).map(([what, value]) => [`GIT_${who}_${what}`, value]),
      ),
    ),
    GIT_CONFIG_GLOBAL: '/dev/null',
    GIT_CONFIG_NOSYSTEM: '1',
  }
  await runProgram(['git', 'init', '--quiet', folder], { environment })
  return async (text) => {
    writeFileSync(join(folder, 'turn.txt'), text)
    await runProgram(['sh', '-c', 'git add -A && git commit --quiet --message turn'], { cwd: folder, environment })
  }
}
