/** Further identities of the owner: `link`, `links`, `unlink`. */
import { formatInstant } from '../utils/clock.ts'
import { escapeUnsafeCharacters, printableJson } from '../utils/escape-unsafe-characters.ts'
import { NodeError } from '../utils/node-error.ts'
import type { RunCommand } from './command.types.ts'
import { withOperations } from './with-operations.ts'

export const runLink: RunCommand = async (invocation) => {
  const { io, json } = invocation
  const { code, expiresAt } = await withOperations(invocation, (operations) => operations.link())
  if (json) io.out(`${JSON.stringify({ code, expiresAt })}\n`)
  else {
    io.out(`${code}\n`)
    io.out(
      `  Write this, and nothing else, to the agent on the channel that you want to link, before ${formatInstant(expiresAt)}.\n`,
    )
    io.out('  It works once, and not after five wrong tries. Whoever types it speaks as you: show it to nobody.\n')
  }
  return 0
}

export const runLinks: RunCommand = async (invocation) => {
  const { io, json } = invocation
  const links = await withOperations(invocation, (operations) => operations.links())
  if (json) io.out(`${printableJson({ links })}\n`)
  else if (links.length === 0) io.out('no identity is linked; OWNER_ID alone speaks as you\n')
  for (const { channel, senderId, at } of json ? [] : links) {
    io.out(`${channel}  ${escapeUnsafeCharacters(senderId)}  since ${formatInstant(at)}\n`)
  }
  return 0
}

export const runUnlink: RunCommand = async (invocation) => {
  const { io, json, positionals } = invocation
  const [channel, senderId] = positionals
  if (channel === undefined || senderId === undefined) {
    throw new NodeError('USAGE', 'which identity?', {
      hint: "usage: plaited unlink CHANNEL IDENTITY, as 'plaited links' shows them",
    })
  }
  const wasLinked = await withOperations(invocation, (operations) => operations.unlink(channel, senderId))
  if (json) io.out(`${JSON.stringify({ unlinked: wasLinked })}\n`)
  else io.out(wasLinked ? 'unlinked: it is a stranger again\n' : 'there is no such link\n')
  return wasLinked ? 0 : 1
}
