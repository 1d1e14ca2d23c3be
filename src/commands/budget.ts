import { parseExtension } from '../control-words.ts'
import { describeBudget } from '../describe.ts'
import { NodeError } from '../utils/node-error.ts'
import type { RunCommand } from './command.types.ts'
import { withOperations } from './with-operations.ts'

/** Shows what is spent; `+2 today` raises a cap first. Works beside a running turn, whose next call sees it. */
export const runBudget: RunCommand = (invocation) => {
  const words = invocation.positionals.join(' ')
  const extension = words === '' ? null : parseExtension(words)
  if (words !== '' && extension === null) {
    throw new NodeError('USAGE', `${JSON.stringify(words)} raises no cap`, {
      hint: 'write: plaited budget +2 today, or: plaited budget +10 month',
    })
  }
  return withOperations(invocation, async (operations) => {
    const budget = await operations.budget(extension)
    invocation.io.out(`${invocation.json ? JSON.stringify(budget) : describeBudget(budget)}\n`)
    return 0
  })
}
