import { describeStatus } from '../describe.ts'
import { printableJson } from '../utils/escape-unsafe-characters.ts'
import type { RunCommand } from './command.types.ts'
import { withOperations } from './with-operations.ts'

export const runStatus: RunCommand = (invocation) =>
  withOperations(invocation, async (operations) => {
    const status = await operations.status()
    const node = status.serving ? `running (pid ${status.pid}, up ${status.upSeconds} s)` : 'not running'
    invocation.io.out(invocation.json ? `${printableJson(status)}\n` : `node      ${node}\n${describeStatus(status)}\n`)
    return 0
  })
