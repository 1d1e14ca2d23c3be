import { describeUndo } from '../describe.ts'
import { printableJson } from '../utils/escape-unsafe-characters.ts'
import type { RunCommand } from './command.types.ts'
import { requireTurn } from './require-turn.ts'
import { withOperations } from './with-operations.ts'

export const runUndo: RunCommand = (invocation) =>
  withOperations(invocation, async (operations) => {
    const turn = invocation.positionals[0] ?? null
    if (turn !== null) await requireTurn(operations, turn)
    const report = await operations.undo(turn)
    invocation.io.out(`${invocation.json ? printableJson(report) : describeUndo(report)}\n`)
    return 0
  })
