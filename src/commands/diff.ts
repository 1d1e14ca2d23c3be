import { type Operations, TURN_CHARACTERS_MAX } from '../operations.ts'
import { escapeUnsafeCharacters, printableJson } from '../utils/escape-unsafe-characters.ts'
import { NodeError } from '../utils/node-error.ts'
import type { RunCommand } from './command.types.ts'
import { withOperations } from './with-operations.ts'

export const runDiff: RunCommand = (invocation) =>
  withOperations(invocation, async (operations) => {
    const turn = invocation.positionals[0] ?? null
    if (turn !== null && !(await isKnown(operations, turn))) {
      throw new NodeError('TURN_UNKNOWN', `there is no turn ${JSON.stringify(turn)}`, {
        hint: "'plaited log' shows the turns",
      })
    }
    const diff = await operations.diff(turn)
    invocation.io.out(invocation.json ? `${printableJson({ turn, diff })}\n` : escapeUnsafeCharacters(diff))
    return 0
  })

/** A turn that changed nothing has an empty diff; one that never was has no event. */
const isKnown = async (operations: Operations, turn: string): Promise<boolean> =>
  turn.length <= TURN_CHARACTERS_MAX && (await operations.events({ after: 0, limit: 1, turn })).length > 0
