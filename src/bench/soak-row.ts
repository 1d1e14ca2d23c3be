/**
 * What stays behind after ten thousand calls: memory, descriptors, processes. Bash and file calls run mixed, four at a time,
 * as fast as they can; memory is compared with what it was when everything had run often enough to have its size.
 */
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { ToolOperation } from '../agent/agent.types.ts'
import { createSandboxLanes } from '../parts.ts'
import type { Measurement } from './bench.types.ts'
import { createRow } from './create-row.ts'
import { requireSuccess } from './lane-rows.ts'
import { openGate } from './open-gate.ts'

const CALLS = 10_000
/** By then the heap has found its size. */
const SETTLED_AFTER = 1000
const AT_ONCE = 4
const GROWTH_MAX = 1.1
const MB = 1024 * 1024

const bash = (command: string): ToolOperation => ({ kind: 'bash', command, timeoutMs: 30_000 })
const OPERATIONS: readonly ToolOperation[] = [
  bash('echo $((6 * 7)); ls'),
  { kind: 'write', path: '/workspace/soak.txt', content: 'plaited\n'.repeat(128) },
  bash('seq 1 500 | tail -1; (setsid sleep 300 &) 2>/dev/null'),
  { kind: 'read', path: '/workspace/soak.txt', offset: null, limit: null },
]

export const soakMeasurement: Measurement = {
  names: ['soak-10k-calls'],
  take: async (lab) => {
    const { config } = await lab.home()
    const { gate, state } = openGate(config, join(lab.folder('soak'), 'events.sqlite'))
    const lanes = createSandboxLanes(config)
    const calls = OPERATIONS.map((operation) => {
      const permission = gate.permit(operation, {})
      if (!permission.ok) throw new Error(`the rules block ${operation.kind}`)
      return permission.call
    })
    try {
      const settled: Footprint[] = []
      const run = async (lane: number) => {
        for (let count = lane; count < CALLS; count += AT_ONCE) {
          lab.signal.throwIfAborted()
          if (count === SETTLED_AFTER) settled.push(readFootprint())
          const call = calls[(count >> 2) % calls.length]
          if (call !== undefined) requireSuccess(await lanes.sandbox.run(call, { signal: lab.signal }))
        }
      }
      await Promise.all(Array.from({ length: AT_ONCE }, (_, lane) => run(lane)))
      const [before] = settled
      if (before === undefined) throw new Error('no footprint was taken')
      const ended = readFootprint()
      await lanes.close()
      const children = readFileSync('/proc/thread-self/children', 'latin1').trim()
      return [
        createRow({
          ...{ name: 'soak-10k-calls', unit: 'MB', samples: [ended.bytes / MB] },
          floor: { what: `the same after ${SETTLED_AFTER} calls`, samples: [before.bytes / MB] },
          goal: {
            ratioMax: GROWTH_MAX,
            claim: {
              text: 'no more descriptors, no process left',
              holds: ended.descriptors <= before.descriptors && children === '',
            },
          },
          note: `resident memory of the process; descriptors ${before.descriptors}, then ${ended.descriptors}`,
        }),
      ]
    } finally {
      await lanes.close()
      state.close()
    }
  },
}

type Footprint = { readonly bytes: number; readonly descriptors: number }

const readFootprint = (): Footprint => {
  Bun.gc(true)
  return { bytes: process.memoryUsage.rss(), descriptors: readdirSync('/proc/self/fd').length }
}
