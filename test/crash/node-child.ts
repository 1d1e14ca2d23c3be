/**
 * A node in a process of its own that answers the letters of a mailbox. It ends itself with SIGKILL at a transaction of its
 * run, or at a named point, among which is the effect of a command that has not ended yet; otherwise it shuts down when every letter is answered. It prints the points that it passed,
 * one a line. Its argument is a `RunPlan`.
 */
import { statSync, writeSync } from 'node:fs'
import { join } from 'node:path'
import { readConfig } from '../../src/config.ts'
import { createNode } from '../../src/node.ts'
import { systemClock } from '../../src/utils/clock.ts'
import { createMailbox, type Letter, MAILBOX_OWNER } from './mailbox.ts'
import { createMeteredModel } from './metered-model.ts'
import { EFFECTS_LOG } from './scenes.ts'

export type RunPlan = {
  readonly home: string
  readonly mailbox: string
  readonly served: string
  /** Numbers the runs of a home. */
  readonly run: number
  readonly keyed: boolean
  readonly refusesFirst: boolean
  /** Added to the time, so that no day ends in the middle of a test. */
  readonly clockShiftMs: number
  readonly dayCapUsd: string
  /** What the owner says when the node first passes a point. */
  readonly steer: { readonly point: string; readonly letters: readonly Letter[] } | null
  /** Counted over all points of the run, or over those of one name; null: it lives. */
  readonly killAt: { readonly point: string | null; readonly occurrence: number } | null
}

/** A command stays for longer after its effect, so that it is seen before the result. */
const LOOK_MS = 1

const plan = JSON.parse(Bun.argv[2] ?? '') as RunPlan
const config = { OWNER_ID: MAILBOX_OWNER, PLAITED_CAP_DAY_USD: plan.dayCapUsd }
let { steer } = plan
let occurrences = 0

const atPoint = (point: string): void => {
  writeSync(1, `${point}\n`)
  if (plan.killAt && (plan.killAt.point ?? point) === point && ++occurrences === plan.killAt.occurrence) {
    process.kill(process.pid, 'SIGKILL')
  }
  if (steer?.point !== point) return
  const { letters } = steer
  steer = null
  for (const letter of letters) mailbox.say(letter)
}

const { run, keyed, refusesFirst } = plan
const mailbox = createMailbox({ folder: plan.mailbox, run, keyed, refusesFirst, atPoint })
const node = await createNode({
  ...readConfig({ home: plan.home, model: 'scripted' }, config),
  clock: { now: () => systemClock.now() + plan.clockShiftMs },
  openChannels: async () => [mailbox],
  makeModel: async ({ home }) => createMeteredModel(home.state, plan.served),
  atPoint,
})
const effects = join(plan.home, 'workspace', EFFECTS_LOG)
const sizeOfEffects = () => statSync(effects, { throwIfNoEntry: false })?.size ?? 0
let effectBytes = sizeOfEffects()
const looking = setInterval(() => {
  const bytes = sizeOfEffects()
  if (bytes > effectBytes) atPoint('effect')
  effectBytes = bytes
}, LOOK_MS)
const end = new AbortController()
const served = node.serve(end.signal)
await Promise.race([served, mailbox.allAnswered])
end.abort()
await served
await node.close()
clearInterval(looking)
