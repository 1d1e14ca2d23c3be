import { type Operations, TURN_CHARACTERS_MAX } from '../operations.ts'
import { NodeError } from '../utils/node-error.ts'

/** A turn that changed nothing has an empty answer; one that never was has no event. @throws {NodeError} TURN_UNKNOWN. */
export const requireTurn = async ({ events }: Pick<Operations, 'events'>, turn: string): Promise<void> => {
  if (turn.length <= TURN_CHARACTERS_MAX && (await events({ after: 0, limit: 1, turn })).length > 0) return
  throw new NodeError('TURN_UNKNOWN', `there is no turn ${JSON.stringify(turn)}`, {
    hint: "'plaited log' shows the turns that changed something, 'plaited events' all",
  })
}
