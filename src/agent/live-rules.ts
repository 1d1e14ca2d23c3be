/**
 * The rules as they stand on disk now. A rule that the owner adds while the node runs holds from the next call on; a file
 * that becomes unreadable or illegal blocks everything, with its fault as the reason, until it is mended.
 */
import { readdirSync, statSync } from 'node:fs'
import { join } from 'node:path'
import type { AuditFault } from '../constraint-history/history.types.ts'
import { readHistoryMark } from '../constraint-history/read-history-mark.ts'
import { readBranch } from '../constraint-history/repository.ts'
import type { Rule, RuleEvent } from '../constraint-language/rule.types.ts'
import { NodeError } from '../utils/node-error.ts'
import { createConstraintEngine, type PermissionGate } from './constraint-engine.ts'
import { loadRules, loadRulesAt, loadRulesGently, type RuleSet } from './constraint-store.ts'
import type { DecisionChain } from './decision-chain.ts'
import type { PermissionEventBuilder } from './permission-event.ts'
import type { RulePositions } from './rule-positions.ts'

/** Keys of what refuses: a file cannot be read or is illegal; something is not what was signed. */
const UNREADABLE = 'unreadable-rules'
const TAMPERED = 'tampered-rules'

export type LiveRules = {
  /** The same object for as long as no file has changed. */
  readonly current: () => RuleSet
  /** Why they cannot be read, as of the last `current`; null when they can. */
  readonly fault: () => AuditFault | null
}

type Loaded = { readonly ruleSet: RuleSet; readonly fault: AuditFault | null }

/** @throws {NodeError} as `loadRules`, for the state at the start only. */
export const createLiveRules = (folder: string): LiveRules =>
  followFolder(folder, { seen: readSignature(folder), ruleSet: loadRules(folder), fault: null })

/**
 * As `createLiveRules`, while the process answers others. Of a file that is illegal or cannot be read the owner can be told only while the node is up:
 * it starts and refuses everything, beside the rules that were signed last, where they can be read.
 */
export const openLiveRules = async (folder: string): Promise<LiveRules> => {
  const seen = readSignature(folder) // before: what changes meanwhile is loaded again
  return followFolder(folder, { seen, ...(await loadGentlyOrRefuse(folder)) })
}

const loadGentlyOrRefuse = async (folder: string): Promise<Loaded> => {
  try {
    return { ruleSet: await loadRulesGently(folder), fault: null }
  } catch (error) {
    if (!(error instanceof NodeError)) throw error
    return refuseUnreadable(loadSigned(folder) ?? NO_RULES, error)
  }
}

/** null when they cannot be read, or the language has changed since. */
const loadSigned = (folder: string): RuleSet | null => {
  const head = readBranch(folder)
  try {
    return head === null ? null : loadRulesAt(folder, head)
  } catch (error) {
    if (error instanceof NodeError) return null
    throw error
  }
}

/** Beside the refusal nothing else is known to hold. */
const NO_RULES: RuleSet = { rules: [], hash: 'unreadable', fileHashes: {}, asking: new Set(), head: null }

const followFolder = (folder: string, start: Loaded & { readonly seen: string }): LiveRules => {
  let { seen, ...loaded } = start
  return {
    current: () => {
      const signature = readSignature(folder)
      if (signature !== seen) {
        loaded = loadOrRefuse(folder, loaded.ruleSet)
        seen = signature
      }
      return loaded.ruleSet
    },
    fault: () => loaded.fault,
  }
}

/** A gate over the rules as they stand at each question. */
export const createLiveGate = ({
  rules,
  build,
  decisions,
  positions,
}: {
  readonly rules: Pick<LiveRules, 'current'>
  readonly build: PermissionEventBuilder
  readonly decisions: DecisionChain
  readonly positions: RulePositions
}): PermissionGate => {
  const open = (ruleSet: RuleSet) => ({
    ruleSet,
    gate: createConstraintEngine({ ruleSet, build, decisions, positions }),
  })
  let held = open(rules.current())
  const current = (): PermissionGate => {
    const ruleSet = rules.current()
    if (ruleSet !== held.ruleSet) held = open(ruleSet)
    return held.gate
  }
  return {
    permit: (operation, context) => current().permit(operation, context),
    permitFiles: (paths, context) => current().permitFiles(paths, context),
    permitWrites: (files, context) => current().permitWrites(files, context),
    decide: (question, context) => current().decide(question, context),
    note: (event) => current().note(event),
    operate: (operation, reason) => current().operate(operation, reason),
  }
}

/** Names, sizes and times: a changed file differs in one of them. The history's too, since files count once committed. */
const readSignature = (folder: string): string => {
  try {
    const files = readdirSync(folder)
      .sort()
      .map((name) => {
        if (!name.endsWith('.ts')) return name // records do not decide
        const { size, mtimeNs, ino } = statSync(join(folder, name), { bigint: true })
        return `${name}:${size}:${mtimeNs}:${ino}`
      })
    return [readHistoryMark(folder), ...files].join('\n')
  } catch {
    return 'unreadable' // loadRules says why
  }
}

/** `held` are the rules before. */
const loadOrRefuse = (folder: string, held: RuleSet): Loaded => {
  try {
    return { ruleSet: loadRules(folder), fault: null }
  } catch (error) {
    if (!(error instanceof NodeError)) throw error
    return refuseUnreadable(held, error)
  }
}

const refuseUnreadable = (held: RuleSet, { message, hint, code }: NodeError): Loaded => {
  const fault = { what: message, mend: hint ?? code }
  const sentence = `${fault.what} (${fault.mend})`
  return { ruleSet: refuseEverything(held, { key: UNREADABLE, sentence }), fault }
}

/**
 * Rules that let nothing through but the conversation with the owner, who has to hear of it: what the model then asks for is
 * refused. The rules that are known go on holding beside it, so that no fault allows more. `sentence` says what to mend; what
 * follows from it is said once, also when both kinds of fault are there.
 */
export const refuseEverything = (
  held: RuleSet,
  { key, sentence }: { readonly key: typeof UNREADABLE | typeof TAMPERED; readonly sentence: string },
): RuleSet => {
  const refusal: Rule = {
    ...{ key, sentence: `${sentence}. Until that is mended no tool runs, and I can only talk with you` },
    syncs: [{ block: [{ eventTypes: null, test: (event) => !isConversation(event) }], waitFor: [] }],
  }
  return { ...held, rules: [refusal, ...rulesOfOwner(held)], hash: 'unreadable', head: null }
}

/** Without what only refuses because of a fault. */
export const rulesOfOwner = ({ rules }: Pick<RuleSet, 'rules'>): readonly Rule[] =>
  rules.filter(({ key }) => key !== UNREADABLE && key !== TAMPERED)

const isConversation = ({ type, detail }: RuleEvent): boolean =>
  type === 'permission:llm:call' || (type === 'permission:channel:send' && detail['isOwner'] === true)
