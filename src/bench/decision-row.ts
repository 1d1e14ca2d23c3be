/** The whole gate: event built and checked, rules asked, and the decision in the chain on disk before the answer. */
import { join } from 'node:path'
import { openState } from '../agent/persistence.ts'
import type { Measurement } from './bench.types.ts'
import { createBareInsert } from './create-bare-insert.ts'
import { createRow } from './create-row.ts'
import { openGate } from './open-gate.ts'
import { FILE_WRITE } from './permission-examples.ts'
import { timePairs } from './stopwatch.ts'

const NAME = 'decision-recorded'
const PAIRS = { count: 300, warmups: 20, gapMs: null }

export const decisionMeasurement: Measurement = {
  names: [NAME],
  take: async (lab) => {
    const { config } = await lab.home()
    const folder = lab.folder('decisions')
    const { gate, state } = openGate(config, join(folder, 'events.sqlite'))
    const bareState = openState(join(folder, 'bare.sqlite'))
    try {
      const decide = () => gate.decide(FILE_WRITE, { turn: 'bench', toolUseId: 'bench' })
      const { outcome } = decide()
      const { subject, floor } = await timePairs(
        decide,
        createBareInsert('bp_decisions', {
          ...{ from: state, to: bareState },
          uniqueOf: (n) => ({ seq: n, hash: `bench-${n}` }),
        }),
        {
          ...PAIRS,
          signal: lab.signal,
        },
      )
      return [
        createRow({
          name: NAME,
          unit: 'ms',
          samples: subject,
          floor: { what: 'bare insert of the same row into an equal table', samples: floor },
          note: `build, decide (${outcome}, shipped rules) and append to the chain, synchronous=FULL`,
        }),
      ]
    } finally {
      state.close()
      bareState.close()
    }
  },
}
