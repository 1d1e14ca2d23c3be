/** How long a node with many rules takes to prove at its start that they are what was signed. */
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { auditHistory } from '../constraint-history/audit-history.ts'
import { openKeeper } from '../keeper-parts.ts'
import type { Measurement } from './bench.types.ts'
import { createRow } from './create-row.ts'
import { timeMs } from './stopwatch.ts'

const NAME = 'audit-1000-rules'
const RULES = 1000
const AUDITS = 7

const ruleText = (n: number): string =>
  `import { bSync, bThread, on } from 'plaited'
export const rule = bThread([bSync({ block: on('permission:payment:send', ({ detail }) => detail.amountMicros > ${n}) })], true)
`

export const auditMeasurement: Measurement = {
  names: [NAME],
  take: async (lab) => {
    const root = lab.folder('audit')
    const folders = { constraints: join(root, 'constraints'), keys: join(root, 'keeper'), seeds: join(root, 'seeds') }
    for (const folder of [folders.constraints, folders.seeds]) mkdirSync(folder)
    // Shipped rules of a new home are signed without the hourly limit.
    for (let n = 1; n <= RULES; n++) {
      for (const folder of [folders.constraints, folders.seeds])
        writeFileSync(join(folder, `rule-${n}.ts`), ruleText(n))
    }
    const keeper = await openKeeper(folders, { isSeparate: false, log: () => {} })
    keeper.close()
    const samples: number[] = []
    for (let count = 0; count < AUDITS; count++) {
      lab.signal.throwIfAborted()
      const options = { folder: folders.constraints, anchor: null, ownedByRoot: false }
      samples.push(
        await timeMs(async () => {
          const { faults, rules } = await auditHistory(options)
          if (faults.length > 0 || rules.length !== RULES)
            throw new Error(`the audit found ${JSON.stringify(faults[0])}`)
        }),
      )
    }
    return [
      createRow({
        ...{ name: NAME, unit: 'ms', samples, goal: { valueMax: 1500 } },
        note: 'every signature, the append-only history and every file, in steps that let others run',
      }),
    ]
  },
}
