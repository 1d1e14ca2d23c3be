/** Tells the owner on every channel, once for each state of the rules, what differs from what was signed or was retired. */
import { createHash } from 'node:crypto'
import { ownerOn } from './announce-link.ts'
import type { ConversationParts } from './conversation.types.ts'
import type { NodeStatus } from './operations.ts'

export const announceRules = (
  parts: Pick<ConversationParts, 'inbox' | 'outbox' | 'links'>,
  { ruleFaults, retired }: Pick<NodeStatus, 'ruleFaults' | 'retired'>,
  channels: readonly string[],
): void => {
  const lines = [
    ...(ruleFaults ?? []).map((fault) => `No tool runs, because my rules are not what was signed: ${fault}`),
    ...retired.map(({ rule, reason }) => `The rule ${rule} was retired at the machine: ${reason}`),
  ]
  if (lines.length === 0) return
  const text = lines.join('\n')
  const state = createHash('sha256').update(text).digest('hex').slice(0, 16)
  for (const channel of channels) {
    const to = ownerOn(parts, channel)
    const key = `rules/${state}@${channel}`
    if (to !== null) parts.outbox.add({ key, kind: 'notice', channel, turn: key, to, replyTo: null, text })
  }
}
