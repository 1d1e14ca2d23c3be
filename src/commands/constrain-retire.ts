/** Takes a rule out of force, by hand, while the node is stopped. Its file and who retired it stay for ever. */
import { takeLease } from '../agent/lease.ts'
import { readConfig } from '../config.ts'
import { wordsSchema } from '../constraint-history/rule-records.ts'
import { openKeeper } from '../keeper-parts.ts'
import { keeperFolders, requireKeeperRights } from '../reach-keeper.ts'
import { describeIssues } from '../utils/describe-issues.ts'
import { onDisk } from '../utils/disk-fault.ts'
import { printableJson } from '../utils/escape-unsafe-characters.ts'
import { NodeError } from '../utils/node-error.ts'
import type { RunCommand } from './command.types.ts'

export const runConstrainRetire: RunCommand = async ({ positionals, values, home: given, json, io }) => {
  const [name = ''] = positionals
  const reason = wordsSchema.safeParse(values['reason'] ?? '')
  if (!reason.success) {
    throw new NodeError('USAGE', `constrain retire needs --reason: ${describeIssues(reason.error)}`, {
      hint: 'usage: plaited constrain retire NAME --reason TEXT',
    })
  }
  const { home } = readConfig({ home: given }).config
  const ratchet = requireKeeperRights(home)
  const lease = takeLease(home.lease) // a node that runs would go on with the rule
  try {
    const keeper = await openKeeper(keeperFolders(home), { isSeparate: ratchet === 'enforced', log: () => {} })
    try {
      const rule = name.replace(/\.ts$/, '')
      const who = `user ${process.getuid?.() ?? '?'} of the machine, by hand`
      const head = onDisk(home.constraints, () => keeper.retire({ name: rule, who, reason: reason.data }))
      if (json) io.out(`${printableJson({ retired: rule, ...head, ratchet })}\n`)
      else io.out(`Retired: ${rule} holds no longer. Its file and this step stay in the history.\n`)
      if (!json && ratchet === 'advisory')
        io.out(
          'One user has both node and rules here, so the ratchet is advisory: retiring a rule needs no other right.\n',
        )
      return 0
    } finally {
      keeper.close()
    }
  } finally {
    lease.release()
  }
}
