/** The rules as the keeper grows them: by one rule, or by one retirement, on a history that it has audited. */
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { auditHistoryNow } from '../constraint-history/audit-history.ts'
import type { Anchor, AuditFault } from '../constraint-history/history.types.ts'
import { retirementFile, ruleFile } from '../constraint-history/rule-records.ts'
import type { Signer } from '../constraint-history/ssh-signature.ts'
import { NodeError } from '../utils/node-error.ts'
import { append, completePending, treeOf } from './complete-append.ts'
import type { Appended, AppendRequest } from './keeper-protocol.ts'
import { type KeeperPlace, openRules } from './open-rules.ts'
import { planRetirement, planRule, sha256Of } from './plan-append.ts'
import { createRateLimit, HOUR_MS } from './rate-limit.ts'
import { readAppendTimes, readRuleSource } from './read-rules.ts'
import { createRecheck } from './recheck-plan.ts'

/** An owner adds a few rules a day; an agent that was talked into it fills no disk. Shipped rules count in their hour. */
const APPENDS_PER_HOUR_MAX = 20
/** Rules that a home may hold, as the node loads no more. */
const RULES_MAX = 10_000

/** Judges a rule as the node does: language, fields, examples, what must keep working beside the rules that hold. */
export type AcceptRule = (
  rule: Pick<AppendRequest, 'name' | 'source' | 'examples'>,
) => { readonly ok: true } | { readonly ok: false; readonly reason: string }

export type RetireRequest = { readonly name: string; readonly who: string; readonly reason: string }

export type RuleBook = {
  readonly signer: Signer
  /** What was wrong when it was opened; while there is anything, nothing is added. */
  readonly faults: readonly AuditFault[]
  readonly head: () => Anchor | null
  /** @throws {NodeError} RULE_REFUSED, RULES_TAMPERED, KEEPER_BUSY. */
  readonly append: (rule: AppendRequest) => Appended
  /** @throws {NodeError} USAGE, RULE_REFUSED, RULES_TAMPERED. */
  readonly retire: (rule: RetireRequest) => Anchor
}

/** @throws {NodeError} as `openRules`. */
export const openRuleBook = (place: KeeperPlace & { readonly accept: AcceptRule }): RuleBook => {
  const { folder, clock, accept, atPoint, isSeparate } = place
  const recheck = createRecheck(place)
  const { signer, faults, ...opened } = openRules(place, recheck)
  let { head } = opened
  const appends = createRateLimit(clock, {
    ...{ max: APPENDS_PER_HOUR_MAX, spanMs: HOUR_MS },
    earlier: readAppendTimes(folder, head?.head ?? null, APPENDS_PER_HOUR_MAX),
  })

  /** The history as it is now; what was audited here before is not walked again. */
  const requireIntact = (): Anchor => {
    if (faults.length === 0) completePending({ folder, signer, atPoint }, recheck) // of a request that a full disk broke off
    const audit =
      faults.length > 0 || head === null
        ? { faults, head }
        : auditHistoryNow({ folder, anchor: head, sinceAnchor: true, ownedByRoot: isSeparate })
    const [fault] = audit.faults
    if (fault) throw new NodeError('RULES_TAMPERED', fault.what, { hint: fault.mend })
    if (audit.head === null) throw new NodeError('RULES_TAMPERED', `${folder} holds no signed rules`)
    head = audit.head
    return head
  }
  return {
    ...{ signer, faults, head: () => head },
    append: ({ name, source, examples, who, intent }) => {
      const before = requireIntact()
      requireFree(folder, before, name)
      const judged = accept({ name, source, examples })
      if (!judged.ok) throw refuse(judged.reason, null)
      if (!appends.take()) {
        throw new NodeError('KEEPER_BUSY', `${APPENDS_PER_HOUR_MAX} rules were added within an hour`, {
          hint: 'try again in an hour',
        })
      }
      const sha256 = sha256Of(source)
      const record = { v: 1 as const, rule: name, sha256, who, intent, at: clock.now(), examples }
      append({ folder, signer, atPoint }, planRule(record, source, before.head))
      return { ...requireIntact(), sha256 }
    },
    retire: ({ name, who, reason }) => {
      const before = requireIntact()
      const source = readRuleSource(folder, before.head, name)
      if (source === null) {
        throw new NodeError('USAGE', `there is no rule file ${ruleFile(name)}`, {
          hint: "'plaited constrain list' names the rules as FILE#EXPORT; a file is retired whole",
        })
      }
      if (treeOf(folder, before.head).has(retirementFile(name))) throw refuse(`${name} is retired already`, null)
      const retirement = { v: 1 as const, rule: name, sha256: sha256Of(source), who, reason, at: clock.now() }
      append({ folder, signer, atPoint }, planRetirement(retirement, before.head))
      return requireIntact()
    },
  }
}

const refuse = (message: string, hint: string | null): NodeError =>
  new NodeError('RULE_REFUSED', message, hint === null ? {} : { hint })

const requireFree = (folder: string, { head, count }: Anchor, name: string): void => {
  if (treeOf(folder, head).has(ruleFile(name)) || existsSync(join(folder, ruleFile(name))))
    throw refuse(`there is a rule file ${ruleFile(name)} already, and rules are never changed`, 'choose another name')
  if (count >= RULES_MAX) throw refuse(`there are ${RULES_MAX} rules`, 'merge what is still to come into fewer files')
}
