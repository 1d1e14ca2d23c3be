/**
 * The rules as they stand on disk now. A rule that the owner adds while the node runs holds from the next call on; a file
 * that becomes unreadable or illegal blocks everything, with its fault as the reason, until it is mended.
 */
import { readdirSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { NodeError } from '../utils/node-error.ts'
import { createConstraintEngine, type PermissionGate } from './constraint-engine.ts'
import { loadRules, loadRulesGently, type RuleSet } from './constraint-store.ts'
import type { DecisionChain } from './decision-chain.ts'
import type { PermissionEventBuilder } from './permission-event.ts'
import type { RulePositions } from './rule-positions.ts'

export type LiveRules = {
  /** The same object for as long as no file has changed. */
  readonly current: () => RuleSet
}

/** @throws {NodeError} as `loadRules`, for the state at the start only. */
export const createLiveRules = (folder: string): LiveRules =>
  followFolder(folder, { seen: readSignature(folder), ruleSet: loadRules(folder) })

/** As `createLiveRules`, while the process answers others. */
export const openLiveRules = async (folder: string): Promise<LiveRules> => {
  const seen = readSignature(folder) // before: what changes meanwhile is loaded again
  return followFolder(folder, { seen, ruleSet: await loadRulesGently(folder) })
}

const followFolder = (folder: string, start: { readonly seen: string; readonly ruleSet: RuleSet }): LiveRules => {
  let { seen, ruleSet } = start
  return {
    current: () => {
      const signature = readSignature(folder)
      if (signature !== seen) {
        ruleSet = loadOrRefuse(folder)
        seen = signature
      }
      return ruleSet
    },
  }
}

/** A gate over the rules as they stand at each question. */
export const createLiveGate = ({
  rules,
  build,
  decisions,
  positions,
}: {
  readonly rules: LiveRules
  readonly build: PermissionEventBuilder
  readonly decisions: DecisionChain
  readonly positions: RulePositions
}): PermissionGate => {
  let ruleSet = rules.current()
  let gate = createConstraintEngine({ ruleSet, build, decisions, positions })
  const current = (): PermissionGate => {
    const next = rules.current()
    if (next !== ruleSet) {
      ruleSet = next
      gate = createConstraintEngine({ ruleSet, build, decisions, positions })
    }
    return gate
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

/** Names, sizes and times: a changed file differs in one of them. */
const readSignature = (folder: string): string => {
  try {
    return readdirSync(folder)
      .sort()
      .map((name) => {
        if (!name.endsWith('.ts')) return name // records do not decide
        const { size, mtimeNs, ino } = statSync(join(folder, name), { bigint: true })
        return `${name}:${size}:${mtimeNs}:${ino}`
      })
      .join('\n')
  } catch {
    return 'unreadable' // loadRules says why
  }
}

const loadOrRefuse = (folder: string): RuleSet => {
  try {
    return loadRules(folder)
  } catch (error) {
    if (!(error instanceof NodeError)) throw error
    return refuseEverything('unreadable-rules', `${error.message} (${error.hint ?? error.code})`)
  }
}

/** Rules that let nothing through; `sentence` says what the owner has to mend. */
export const refuseEverything = (key: string, sentence: string): RuleSet => ({
  rules: [{ key, sentence, syncs: [{ block: [{ eventTypes: null, test: () => true }], waitFor: [] }] }],
  hash: 'unreadable',
  fileHashes: {},
  asking: new Set(),
  head: null,
})
