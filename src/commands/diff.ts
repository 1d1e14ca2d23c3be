import { escapeUnsafeCharacters, printableJson } from '../utils/escape-unsafe-characters.ts'
import type { RunCommand } from './command.types.ts'
import { requireTurn } from './require-turn.ts'
import { withOperations } from './with-operations.ts'

export const runDiff: RunCommand = (invocation) =>
  withOperations(invocation, async (operations) => {
    const turn = invocation.positionals[0] ?? null
    if (turn !== null) await requireTurn(operations, turn)
    const diff = await operations.diff(turn)
    invocation.io.out(invocation.json ? `${printableJson({ turn, diff })}\n` : escapeUnsafeCharacters(diff))
    return 0
  })
