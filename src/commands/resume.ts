import type { RunCommand } from './command.types.ts'
import { withOperations } from './with-operations.ts'

/** Lets a node work again that two STOPs within a minute have frozen. */
export const runResume: RunCommand = (invocation) =>
  withOperations(invocation, async (operations) => {
    const resumed = await operations.resume()
    invocation.io.out(
      invocation.json
        ? `${JSON.stringify({ resumed })}\n`
        : resumed
          ? 'The node works again.\n'
          : 'It was not frozen.\n',
    )
    return 0
  })
