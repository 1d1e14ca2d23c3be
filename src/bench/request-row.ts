import type { Measurement } from './bench.types.ts'
import { captureRequests } from './capture-requests.ts'
import { createRow } from './create-row.ts'

const BYTES_MAX = 8192

/** The request for a first "hi": its size, and whether what comes before the messages is the same for a second. */
export const requestMeasurement: Measurement = {
  names: ['request-bytes-hi'],
  take: async (lab) => {
    const { config } = await lab.home()
    const [first, second] = await captureRequests(config, { folder: lab.folder('request'), messages: ['hi', 'hi'] })
    if (first === undefined || second === undefined) throw new Error('the model was not called for each message')
    const prefix = prefixOf(first)
    return [
      createRow({
        name: 'request-bytes-hi',
        unit: 'bytes',
        samples: [Buffer.byteLength(first)],
        goal: { valueMax: BYTES_MAX, claim: { text: 'prefix byte-stable', holds: prefix === prefixOf(second) } },
        note: `${Buffer.byteLength(prefix)} bytes of it come before the messages`,
      }),
    ]
  },
}

/** Model, limits, system prompt and tools: what of it changes from turn to turn is not cached and paid for in full. */
const prefixOf = (body: string): string => {
  const end = body.indexOf('"messages":[')
  if (end < 0) throw new Error('a request without messages')
  return body.slice(0, end)
}
