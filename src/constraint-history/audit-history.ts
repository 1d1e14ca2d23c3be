/**
 * Whether the rules on disk are the ones that were signed: each commit by a key of the history, each adding one rule or one
 * retirement and changing nothing, the files equal to the newest commit, and the anchor (what this node has seen before) an
 * ancestor of it, since a rollback to older rules is signed all the same.
 *
 * The audit is a generator that pauses every few milliseconds: `auditHistory` lets the process answer others meanwhile,
 * `auditHistoryNow` runs through. It reads, and mends nothing. It cannot see that a whole home was set back, anchor included.
 */
import { join } from 'node:path'
import { runSteps, runStepsGently, type Steps } from '../utils/steps.ts'
import { fileFaults, RESTORE_ALL } from './audit-files.ts'
import { blobFaults, repositoryFaults } from './audit-repository.ts'
import { objectId } from './git-objects.ts'
import type { AuditFault, AuditOptions, HistoryAudit } from './history.types.ts'
import { type PendingAppend, pendingState, readPending } from './pending-append.ts'
import { placeFaultOf } from './place-fault.ts'
import { gitDirOf, hasBranch, readBranch, readKeys } from './repository.ts'
import { parseFileName } from './rule-records.ts'
import { createVerifier, type Verifier } from './ssh-signature.ts'
import { walkHistory } from './walk-history.ts'

/** Faults that are told; a folder that was replaced has thousands. */
const FAULTS_MAX = 20
/** A keeper that works each time an audit looks is none of ours. */
const ATTEMPTS_MAX = 3

/** Lets others have their turn meanwhile. */
export const auditHistory = (options: AuditOptions): Promise<HistoryAudit> => runStepsGently(auditSteps(options))

export const auditHistoryNow = (options: AuditOptions): HistoryAudit => runSteps(auditSteps(options))

/** Once more when the keeper added a rule meanwhile: what then differs may be what it was doing. */
const auditSteps = function* (options: AuditOptions): Steps<HistoryAudit> {
  for (let attempt = 1; ; attempt++) {
    const before = readStamp(options.folder)
    const audit = yield* auditOnce(options)
    if (audit.faults.length === 0 || attempt === ATTEMPTS_MAX || readStamp(options.folder) === before) return audit
  }
}

const readStamp = (folder: string): string => JSON.stringify([readBranch(folder), readPending(folder)])

const auditOnce = function* (options: AuditOptions): Steps<HistoryAudit> {
  const { folder } = options
  const nothing = { head: null, rules: [], retired: [], pending: null }
  const place = placeFaultOf(folder)
  if (place !== null) return { ...nothing, faults: [place] }
  const keys = readKeys(folder)
  const head = readBranch(folder)
  if (keys === 'broken' || (head === null && hasBranch(folder))) {
    const part = keys === 'broken' ? 'constraint-keys.json' : 'refs/heads/main'
    return { ...nothing, faults: [{ what: `${join(gitDirOf(folder), part)} was changed`, mend: RESTORE_ALL }] }
  }
  if (keys === null || head === null) return { ...nothing, faults: unsignedFaults(options) }
  const isSigned = createVerifier(keys.keys.map(({ publicKey }) => publicKey))
  const walk = yield* walkHistory(options, { head, isSigned })
  const { pending, isForeign } = readOwnPending(folder, isSigned)
  const faults = [...walk.faults, ...(isForeign ? [foreignPending(folder)] : [])]
  const expected = new Map(walk.tree)
  const allowed = new Map<string, string>()
  for (const { name, content } of pending?.files ?? [])
    if (!expected.has(name)) allowed.set(name, objectId('blob', Buffer.from(content)))
  faults.push(...repositoryFaults(folder, keys))
  if (walk.tree !== null) {
    faults.push(...(yield* fileFaults(options, { expected, allowed, faultsMax: FAULTS_MAX })))
    if (!options.sinceAnchor) faults.push(...(yield* blobFaults(folder, walk.tree)))
  }
  const files = [...expected.keys()].flatMap((file) => parseFileName(file) ?? [])
  return {
    faults: faults.slice(0, FAULTS_MAX),
    head: walk.count === null ? null : { head, count: walk.count },
    rules: files.filter(({ part }) => part === 'rule').map(({ name }) => name),
    retired: files.filter(({ part }) => part === 'retirement').map(({ name }) => name),
    pending: parseFileName(pending?.files[0]?.name ?? '')?.name ?? null,
  }
}

/** What is being added, as long as it is the keeper's: nothing else excuses a file. */
const readOwnPending = (
  folder: string,
  isSigned: Verifier,
): { readonly pending: PendingAppend | null; readonly isForeign: boolean } => {
  const pending = readPending(folder)
  if (pending === null) return { pending: null, isForeign: false }
  const isForeign = pending === 'broken' || pendingState(folder, pending, isSigned) === 'foreign'
  return isForeign ? { pending: null, isForeign } : { pending, isForeign }
}

const unsignedFaults = ({ folder, anchor }: AuditOptions): readonly AuditFault[] => [
  anchor === null
    ? {
        what: `the rules in ${folder} are not signed`,
        mend: 'the keeper signs them at its start when they are the shipped ones; propose others with: plaited constrain add FILE',
      }
    : {
        what: `the history of the rules in ${folder} is gone: ${anchor.count} commits up to ${anchor.head}`,
        mend: RESTORE_ALL,
      },
]

const foreignPending = (folder: string): AuditFault => ({
  what: `${join(gitDirOf(folder), 'appending.json')} was changed, or is not the keeper's`,
  mend: 'remove it, and add the rule again that was being added',
})
