/**
 * A node in a process of its own that runs one command after the other, each as a turn, and says when it begins each. With no
 * kill it ends by itself and says how many descriptors it had open early and late. Its argument is a `KillNinePlan`.
 */
import { readdirSync } from 'node:fs'
import { readConfig } from '../../../src/config.ts'
import { createNode } from '../../../src/node.ts'

export type KillNinePlan = {
  readonly home: string
  readonly commands: readonly { readonly id: string; readonly command: string }[]
}
export type ChildLine =
  { readonly begun: number } | { readonly descriptorsEarly: number; readonly descriptorsLate: number }

/** By then everything that stays open is open: the database, the pool, the file worker. */
const EARLY = 3

const { home, commands } = JSON.parse(Bun.argv[2] ?? '') as KillNinePlan
const print = (line: ChildLine) => process.stdout.write(`${JSON.stringify(line)}\n`)
const countDescriptors = () => readdirSync('/proc/self/fd').length

const node = await createNode(readConfig({ home, model: 'scripted' }, {}))
const end = new AbortController()
const served = node.serve(end.signal)
let descriptorsEarly = 0
for (const [begun, { id, command }] of commands.entries()) {
  if (begun === EARLY) descriptorsEarly = countDescriptors()
  print({ begun })
  await node.operations.say({ messageId: id, text: `run ${command}` }, () => {})
}
print({ descriptorsEarly, descriptorsLate: countDescriptors() })
end.abort()
await served
await node.close()
