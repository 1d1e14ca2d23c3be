import { NodeError } from '../utils/node-error.ts'
import type { RunCommand } from './command.types.ts'
import { withRecord } from './with-operations.ts'

export const runAudit: RunCommand = (invocation) => {
  if (invocation.positionals[0] !== 'verify')
    throw new NodeError('USAGE', 'audit knows: verify', { hint: 'plaited audit verify' })
  return withRecord(invocation, async (record) => {
    const audit = await record.auditDecisions()
    const words = audit.ok
      ? `${audit.count} decisions, unbroken.`
      : `Decision ${audit.seq} does not fit: ${audit.fault}.`
    invocation.io.out(`${invocation.json ? JSON.stringify(audit) : words}\n`)
    return audit.ok ? 0 : 1
  })
}
