import { existsSync } from 'node:fs'
import { join } from 'node:path'
import type { Operations } from '../operations.ts'
import type { Measurement } from './bench.types.ts'
import { createRow } from './create-row.ts'
import { withServedNode } from './lab.ts'
import { timeMs } from './stopwatch.ts'

const STOPS = 7
const LOOK_EVERY_MS = 2
/** Beyond it the command does not start at all. */
const STARTED_WITHIN_MS = 5000

/** From the owner's STOP to the end of the turn: the command is dead and what it had changed is committed. */
export const stopMeasurement: Measurement = {
  names: ['stop'],
  take: async (lab) => {
    const settings = await lab.home()
    const samples = await withServedNode(settings, async (operations) => {
      const taken: number[] = []
      for (let stop = 0; stop < STOPS; stop++) {
        lab.signal.throwIfAborted()
        taken.push(await sampleStop(operations, { workspace: settings.config.home.workspace, name: `started-${stop}` }))
      }
      return taken
    })
    return [
      createRow({
        name: 'stop',
        unit: 'ms',
        samples,
        goal: { valueMax: 250 },
        note: `while sleep 60 runs, to the end of the turn, its commit included; worst of ${STOPS}: ${Math.max(...samples).toFixed(0)} ms`,
      }),
    ]
  },
}

const sampleStop = async (
  operations: Operations,
  { workspace, name }: { readonly workspace: string; readonly name: string },
): Promise<number> => {
  const replied = operations.say({ messageId: `bench-${name}`, text: `run touch ${name} && sleep 60` }, () => {})
  await waitForFile(join(workspace, name))
  return await timeMs(async () => {
    // Seven STOPs in a row by word would freeze the node; the end of the turn is the same.
    if (!(await operations.stop('interrupt')).stopped) throw new Error('there was nothing to stop')
    await replied
  })
}

const waitForFile = async (path: string): Promise<void> => {
  const deadline = performance.now() + STARTED_WITHIN_MS
  while (!existsSync(path)) {
    if (performance.now() > deadline) throw new Error(`the command did not start within ${STARTED_WITHIN_MS} ms`)
    await Bun.sleep(LOOK_EVERY_MS)
  }
}
