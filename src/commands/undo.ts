import { describeUndo } from '../describe.ts'
import type { RunCommand } from './command.types.ts'
import { withOperations } from './with-operations.ts'

export const runUndo: RunCommand = (invocation) =>
  withOperations(invocation, async (operations) => {
    const report = await operations.undo()
    invocation.io.out(`${invocation.json ? JSON.stringify(report) : describeUndo(report)}\n`)
    return 0
  })
