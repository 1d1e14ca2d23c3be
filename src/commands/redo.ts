import { describeUndo } from '../describe.ts'
import { printableJson } from '../utils/escape-unsafe-characters.ts'
import type { RunCommand } from './command.types.ts'
import { withOperations } from './with-operations.ts'

export const runRedo: RunCommand = (invocation) =>
  withOperations(invocation, async (operations) => {
    const report = await operations.redo()
    invocation.io.out(`${invocation.json ? printableJson(report) : describeUndo(report)}\n`)
    return 0
  })
