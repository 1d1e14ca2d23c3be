import { describeUndo } from '../describe.ts'
import { printableJson } from '../utils/escape-unsafe-characters.ts'
import { NodeError } from '../utils/node-error.ts'
import type { RunCommand } from './command.types.ts'
import { withOperations } from './with-operations.ts'

const TURN_ID = /^t[0-9a-f]{12}$/

export const runUndo: RunCommand = async (invocation) => {
  const turn = invocation.positionals[0] ?? null
  if (turn !== null && !TURN_ID.test(turn)) {
    throw new NodeError('USAGE', `${JSON.stringify(turn)} is not the id of a turn`, {
      hint: "'plaited log' shows the ids; undo alone takes back the newest",
    })
  }
  return withOperations(invocation, async (operations) => {
    const report = await operations.undo(turn)
    invocation.io.out(`${invocation.json ? printableJson(report) : describeUndo(report)}\n`)
    return 0
  })
}
