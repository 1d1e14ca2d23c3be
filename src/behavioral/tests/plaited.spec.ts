import { expect, test } from 'bun:test'
import { behavioral, bSync, bThread, on } from 'plaited'

test("a rule that imports from 'plaited' gets the engine of this repository", () => {
  const noSecrets = bThread(
    [bSync({ block: on('permission:file:write', ({ detail }) => /\.env$/.test(detail.path)) })],
    true,
  )
  const { bThreads, decide } = behavioral()
  bThreads.set({ noSecrets }, { strict: true })
  const write = (path: string) => decide({ type: 'permission:file:write', detail: { path } })
  expect(write('/workspace/.env').blockedBy).toEqual(['noSecrets'])
  expect(write('/workspace/a.ts').allowed).toBe(true)
})
