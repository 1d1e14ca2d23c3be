/**
 * A node in a process of its own that says its messages one after the other. At the n-th occurrence of a point of the
 * journal within the last of them it ends itself with SIGKILL; with no point it shuts down and prints what it heard as
 * JSON. Its argument is a `CrashPlan`.
 */
import { readConfig } from '../src/config.ts'
import { createNode } from '../src/node.ts'

export type CrashPlan = {
  readonly home: string
  readonly messages: readonly { readonly id: string; readonly text: string }[]
  readonly killAt: { readonly point: string; readonly occurrence: number } | null
}

/** What the speaker heard: replies to its own messages, and late ones to messages of earlier runs. */
export type CrashReport = {
  readonly replies: readonly string[]
  readonly late: readonly { readonly text: string; readonly repeat: boolean }[]
}

const { home, messages, killAt } = JSON.parse(Bun.argv[2] ?? '') as CrashPlan
let occurrences = 0
const replies: string[] = []
const node = await createNode({
  ...readConfig({ home, model: 'scripted' }, {}),
  atPoint: (point) => {
    if (point !== killAt?.point || replies.length < messages.length - 1) return
    if (++occurrences === killAt.occurrence) process.kill(process.pid, 'SIGKILL')
  },
})
const late: CrashReport['late'][number][] = []
const end = new AbortController()
const served = node.serve(end.signal)
for (const { id, text } of messages) {
  const reply = await node.operations.say({ messageId: id, text, followUp: true }, (event) => {
    if (event.kind === 'late-reply') late.push({ text: event.text, repeat: event.repeat })
  })
  replies.push(reply)
}
end.abort()
await served
await node.close()
process.stdout.write(JSON.stringify({ replies, late } satisfies CrashReport))
