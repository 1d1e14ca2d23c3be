/** The suite of the port over the local channel, and over the reference in each of the ways to keep repeats away. */
import { describeChannel } from './conformance/channel.ts'
import { createCliWorld } from './conformance/cli-world.ts'
import { createReferenceWorld } from './conformance/reference-channel.ts'

describeChannel('cli', createCliWorld)
describeChannel('reference (key)', () => createReferenceWorld('reference', 'key'))
for (const guard of ['look', 'none'] as const) {
  describeChannel(`reference (${guard})`, () => createReferenceWorld('reference', guard), { backlogMessages: 500 })
}
