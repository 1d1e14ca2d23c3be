/**
 * The rules, held to what was signed: at the start and whenever a file or the history changes they are audited before they
 * decide anything again. While something differs every action is refused, with what differs as the reason; the owner and the
 * model may talk.
 *
 * The first audit walks the whole history and lets the process do other things meanwhile. Later ones walk what is new, and
 * read the files: 25 ms for a thousand rules, before the next decision. A record that is changed while the node runs is
 * found at the next audit: it decides nothing.
 */
import { auditHistory, auditHistoryNow } from '../constraint-history/audit-history.ts'
import type { Anchor, AuditFault, AuditOptions, HistoryAudit } from '../constraint-history/history.types.ts'
import { readHistoryMark } from '../constraint-history/read-history-mark.ts'
import type { RuleSet } from './constraint-store.ts'
import { type LiveRules, refuseEverything } from './live-rules.ts'
import type { RuleAnchor } from './rule-anchor.ts'

/** Faults told in one refusal; the others are in `constrain verify`. */
const FAULTS_TOLD_MAX = 3

export type AuditedRules = Pick<LiveRules, 'current'> & {
  /** The newest audit. */
  readonly audit: () => HistoryAudit
  /** What the owner has to be told: what differs from what was signed, and why a rule cannot be read. */
  readonly faults: () => readonly AuditFault[]
}

export type AuditedRulesOptions = {
  readonly folder: string
  readonly rules: LiveRules
  readonly anchor: RuleAnchor
  /** The keeper is another user: then nobody but root may be able to change a file. */
  readonly ownedByRoot: boolean
}

/** Audits the rules and keeps them audited. What is wrong with them is no error here: everything is refused then. */
export const createAuditedRules = async (options: AuditedRulesOptions): Promise<AuditedRules> => {
  const { folder, rules, anchor, ownedByRoot } = options
  const stored = (): AuditOptions => ({ folder, ownedByRoot, anchor: anchor.read() })
  /** Audited by this process, and in order. */
  let known: Anchor | null = null
  let seen = readHistoryMark(folder)
  let seenRules = rules.current()
  let audit: HistoryAudit = await auditHistory(stored())
  let inForce = seenRules
  /** What held when it was last in order; before, what lies there. */
  let held = seenRules
  /** Each once: both may look at the same thing. */
  const faults = (): readonly AuditFault[] => {
    const found = [audit.faults, rules.fault() ?? []].flat()
    return [...new Map(found.map((fault) => [fault.what, fault])).values()]
  }
  const settle = (): void => {
    if (audit.faults.length > 0) {
      inForce = refuse(held, faults())
      return
    }
    held = seenRules
    inForce = { ...seenRules, head: audit.head?.head ?? null }
    if (audit.head === null || audit.head.head === known?.head) return
    known = audit.head
    if (anchor.read()?.head !== known.head) anchor.write(known)
  }
  settle()
  return {
    audit: () => audit,
    faults,
    current: () => {
      const mark = readHistoryMark(folder)
      const current = rules.current()
      if (mark === seen && current === seenRules) return inForce
      audit = auditHistoryNow(known === null ? stored() : { ...stored(), anchor: known, sinceAnchor: true })
      seen = mark // after: an audit that could not be made has audited nothing
      seenRules = current
      settle()
      return inForce
    },
  }
}

const refuse = (held: RuleSet, faults: readonly AuditFault[]): RuleSet => {
  const told = faults.slice(0, FAULTS_TOLD_MAX).map(({ what, mend }) => `${what} (${mend})`)
  const more = faults.length > told.length ? `; and ${faults.length - told.length} more` : ''
  return refuseEverything(held, {
    ...{ key: 'tampered-rules', sentence: `the rules are not what was signed: ${told.join('; ')}${more}` },
  })
}
