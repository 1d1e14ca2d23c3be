/** What the journal adds to a row: its session, its clock, its uniqueness, its hook. */
import { join } from 'node:path'
import { createJournal } from '../agent/journal.ts'
import { openState } from '../agent/persistence.ts'
import { systemClock } from '../utils/clock.ts'
import type { Measurement } from './bench.types.ts'
import { createBareInsert } from './create-bare-insert.ts'
import { createRow } from './create-row.ts'
import { timePairs } from './stopwatch.ts'

const NAME = 'journal-event'
const PAIRS = { count: 300, warmups: 20, gapMs: null }
/** As a short tool result. */
const PAYLOAD = { toolUseId: 'bench', tool: 'bash', content: 'plaited '.repeat(32), isError: false }

export const journalMeasurement: Measurement = {
  names: [NAME],
  take: async (lab) => {
    const folder = lab.folder('journal')
    const state = openState(join(folder, 'events.sqlite'))
    const bareState = openState(join(folder, 'bare.sqlite'))
    try {
      const journal = createJournal(state, systemClock, () => {})
      let count = 0
      const append = () => journal.append({ type: 'tool.result', turn: 't1', ref: `r${++count}`, payload: PAYLOAD })
      append()
      const options = { ...PAIRS, signal: lab.signal }
      const { subject, floor } = await timePairs(
        append,
        createBareInsert('events', {
          ...{ from: state, to: bareState },
          uniqueOf: (n) => ({ seq: n, ref: `bench-${n}` }),
        }),
        options,
      )
      return [
        createRow({
          ...{ name: NAME, unit: 'ms', samples: subject },
          floor: { what: 'bare insert of the same row into an equal table', samples: floor },
          note: 'one entry in a transaction of its own, synchronous=FULL',
        }),
      ]
    } finally {
      state.close()
      bareState.close()
    }
  },
}
