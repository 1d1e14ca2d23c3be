/**
 * Fills a file system of 1 MiB that only this process sees (it is started in a mount namespace of its own) and prints,
 * as JSON, the error code of each kind of write: on the full disk, and then on the same disk made read-only.
 */
import { join } from 'node:path'
import { systemClock } from '../../utils/clock.ts'
import { NodeError } from '../../utils/node-error.ts'
import { createCommitRecord } from '../commit-record.ts'
import { createDecisionChain } from '../decision-chain.ts'
import { createInbox } from '../inbox.ts'
import { createJournal } from '../journal.ts'
import { takeLease } from '../lease.ts'
import { createLedger } from '../ledger.ts'
import { createOutbox } from '../outbox.ts'
import { openState } from '../persistence.ts'

const folder = Bun.argv[2] ?? ''
const path = join(folder, 'events.sqlite')

const run = (...argv: string[]): void => {
  const { exitCode, stderr } = Bun.spawnSync(argv)
  if (exitCode !== 0) throw new Error(`${argv.join(' ')}: ${stderr.toString()}`)
}

const codeOf = (write: () => unknown): string => {
  try {
    write()
    return 'written'
  } catch (error) {
    return error instanceof NodeError ? error.code : `raw ${String(error)}`
  }
}

run('mount', '-t', 'tmpfs', '-o', 'size=1m', 'tmpfs', folder)
const state = openState(path)
const journal = createJournal(state, systemClock, () => {})
const large = 'x'.repeat(50_000)
let rows = 0
const filled = codeOf(() => {
  for (; rows < 100; rows++) journal.append({ type: 'turn.start', turn: 't', payload: { large } })
})
const readable = journal.after(0, 1000).length === rows

const caps = { callMicros: 1, turnMicros: 1, dayMicros: 1, monthMicros: 1 }
/** More than the row that no longer fitted, so it fits no better. */
const larger = large.repeat(2)
const message = { channel: 'cli', messageId: 'm', senderId: 'local:owner', text: larger }
const commit = { at: 0, sha: 'a', kind: 'turn', turn: 't', subject: larger, files: [], undoes: null } as const
const decision = { type: 't', turn: null, toolUseId: null, outcome: 'allowed', blockedBy: [], reason: null } as const
const writes = {
  inbox: codeOf(() => createInbox(state, systemClock).accept(message)),
  outbox: codeOf(() =>
    createOutbox(state, systemClock).add({ key: 'k', channel: 'cli', turn: 't', to: 'o', replyTo: 'm', text: larger }),
  ),
  ledger: codeOf(() =>
    createLedger(state, { clock: systemClock, timezone: 'UTC', caps }).reserve({
      turn: 't',
      ref: larger,
      kind: 'model',
      micros: 1,
    }),
  ),
  commits: codeOf(() => createCommitRecord(state).add(commit)),
  decisions: codeOf(() =>
    createDecisionChain(state, systemClock).append({
      ...decision,
      rulesHash: 'h',
      rulesHead: null,
      positions: null,
      detail: { larger },
    }),
  ),
}
state.close()

run('mount', '-o', 'remount,ro', folder)
const readOnly = {
  // SQLite opens a file that it may only read without a word: the first write finds out.
  state: codeOf(() => createInbox(openState(path), systemClock).accept({ ...message, messageId: 'm2' })),
  lease: codeOf(() => takeLease(join(folder, 'lease.sqlite'))),
}
process.stdout.write(JSON.stringify({ filled, readable, writes, readOnly }))
