/** Whether the rules are what was signed, and legal: read here and now, beside whatever runs. */
import { loadRules, readRuleHistories } from '../agent/constraint-store.ts'
import { openStateForReading } from '../agent/persistence.ts'
import { createRuleAnchor } from '../agent/rule-anchor.ts'
import { auditHistory } from '../constraint-history/audit-history.ts'
import type { Anchor, AuditFault } from '../constraint-history/history.types.ts'
import type { Home } from '../home.ts'
import { beginHistory, type Ratchet, readRatchet } from '../reach-keeper.ts'
import { formatInstant, systemClock } from '../utils/clock.ts'
import { escapeUnsafeCharacters, printableJson } from '../utils/escape-unsafe-characters.ts'
import { NodeError } from '../utils/node-error.ts'
import type { RunCommand } from './command.types.ts'
import { openHome } from './load-rules.ts'

export const runConstrainVerify: RunCommand = async ({ home: given, json, io }) => {
  const { home } = openHome(given)
  const report = await verifyRules(home)
  io.out(`${json ? printableJson(report) : describe(report)}\n`)
  return report.ok ? 0 : 1
}

type Report = {
  readonly ok: boolean
  readonly folder: string
  readonly ratchet: Ratchet
  readonly head: string | null
  readonly commits: number | null
  readonly rules: readonly string[]
  readonly retired: readonly RetiredRule[]
  /** A rule that is being added. */
  readonly pending: string | null
  readonly faults: readonly AuditFault[]
}

type RetiredRule = { readonly rule: string; readonly who: string; readonly at: number; readonly reason: string }

const verifyRules = async (home: Home): Promise<Report> => {
  const folder = home.constraints
  const ratchet = readRatchet(home)
  const anchor = readAnchor(home)
  const unsigned = anchor === null ? await beginHistory(home).then(() => null, toFault) : null
  const audit = await auditHistory({ folder, anchor, ownedByRoot: ratchet === 'enforced' })
  const legal = legalityOf(folder)
  const found = [...(unsigned === null ? [] : [unsigned]), ...audit.faults, ...('what' in legal ? [legal] : [])]
  const faults = [...new Map(found.map((fault) => [fault.what, fault])).values()] // each looks at the folder, too
  const retired = 'what' in legal ? [] : legal.retired
  return {
    ...{ ok: faults.length === 0, folder, ratchet, head: audit.head?.head ?? null, commits: audit.head?.count ?? null },
    ...{ rules: audit.rules.filter((name) => !audit.retired.includes(name)), retired, pending: audit.pending, faults },
  }
}

const readAnchor = (home: Home): Anchor | null => {
  const state = openStateForReading(home.state)
  if (state === null) return null
  try {
    return createRuleAnchor(state, systemClock).read()
  } finally {
    state.close()
  }
}

const legalityOf = (folder: string): { readonly retired: readonly RetiredRule[] } | AuditFault => {
  try {
    loadRules(folder)
    const retirements = [...readRuleHistories(folder).values()].flatMap(({ retirement }) => retirement ?? [])
    return { retired: retirements.map(({ rule, who, at, reason }) => ({ rule, who, at, reason })) }
  } catch (error) {
    return toFault(error)
  }
}

const toFault = (error: unknown): AuditFault => {
  if (!(error instanceof NodeError)) throw error
  return { what: error.message, mend: error.hint ?? '' }
}

const describe = ({ ok, rules, retired, commits, head, pending, faults, folder, ratchet }: Report): string =>
  escapeUnsafeCharacters(
    [
      ...(ok ? [`${rules.length} rule files in force, each signed and as it was signed (${folder}).`] : []),
      ...(head === null ? [] : [`history   ${commits} commits up to ${head.slice(0, 12)}`]),
      ...retired.map(({ rule, who, at, reason }) => `retired   ${rule} by ${who} at ${formatInstant(at)}: ${reason}`),
      ...(pending === null ? [] : [`adding    ${pending}`]),
      ...(ratchet === 'advisory'
        ? ['ratchet   advisory: this user could change the files; the history would tell']
        : []),
      ...faults.map(({ what, mend }) => `fault     ${what}\n          ${mend}`),
      ...(ok ? [] : ['No tool runs while this is so.']),
    ].join('\n'),
  )
