import type { RunCommand } from './command.types.ts'
import { withOperations } from './with-operations.ts'

export const runDiff: RunCommand = (invocation) =>
  withOperations(invocation, async (operations) => {
    const turn = invocation.positionals[0] ?? null
    const diff = await operations.diff(turn)
    invocation.io.out(invocation.json ? `${JSON.stringify({ turn, diff })}\n` : diff)
    return 0
  })
