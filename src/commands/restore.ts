import { describeRestore } from '../describe.ts'
import { parseRestore } from '../operations.ts'
import { printableJson } from '../utils/escape-unsafe-characters.ts'
import { NodeError } from '../utils/node-error.ts'
import type { RunCommand } from './command.types.ts'
import { withOperations } from './with-operations.ts'

export const runRestore: RunCommand = async (invocation) => {
  const file = parseRestore(invocation.positionals[0] ?? '')
  if (file === null)
    throw new NodeError('USAGE', 'restore needs a file and a turn', {
      hint: "plaited restore notes/a.md@TURN; 'plaited log' shows the turns",
    })
  return withOperations(invocation, async (operations) => {
    const report = await operations.restore(file)
    invocation.io.out(`${invocation.json ? printableJson(report) : describeRestore(report)}\n`)
    return 0
  })
}
