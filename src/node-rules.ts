/**
 * The rules of a node: held to what the keeper signed before anything is decided, and grown only by the keeper, after the
 * owner's code.
 */
import type { AgentParts } from './agent/agent-parts.types.ts'
import { type AuditedRules, createAuditedRules } from './agent/audited-rules.ts'
import { loadRules, readRuleHistories } from './agent/constraint-store.ts'
import type { DecisionChain } from './agent/decision-chain.ts'
import { createDecisionHeads, type DecisionHeads, type HeadKeeper } from './agent/decision-heads.ts'
import type { Journal } from './agent/journal.ts'
import { openLiveRules, rulesOfOwner } from './agent/live-rules.ts'
import type { Outbox } from './agent/outbox.ts'
import type { State } from './agent/persistence.ts'
import { createProposals } from './agent/proposals.ts'
import { createQuestions } from './agent/questions.ts'
import { createRuleAnchor } from './agent/rule-anchor.ts'
import { createRuleAcceptance } from './constraint-acceptance/rule-acceptance.ts'
import { readPublicKeys } from './constraint-history/repository.ts'
import type { Home } from './home.ts'
import type { DecisionAudit, NodeStatus, Operations } from './operations.ts'
import { beginHistory, reachKeeper, readKeeperHead, readRatchet } from './reach-keeper.ts'
import { createAskedHere, createRuleOperations, createTurnProposals, openAsked } from './rule-proposals.ts'
import type { Clock } from './utils/clock.ts'
import { NodeError } from './utils/node-error.ts'
import { systemTiming } from './utils/timing.ts'

/** What was decided since the last signed end of the chain could be cut off unseen. */
const SIGN_EVERY_MS = 3_600_000

type Place = { readonly home: Home; readonly state: State; readonly clock: Clock }

/** Signs a new home's rules, and audits those of every home. What is wrong with them is told by the gate, by refusing. */
export const openAuditedRules = async ({ home, state, clock }: Place): Promise<AuditedRules> => {
  const anchor = createRuleAnchor(state, clock)
  // What was audited here before is never begun anew. What goes wrong, the audit tells.
  if (anchor.read() === null) await nodeErrorOf(() => beginHistory(home))
  return createAuditedRules({
    folder: home.constraints,
    rules: await openLiveRules(home.constraints),
    anchor,
    ownedByRoot: readRatchet(home) === 'enforced',
  })
}

/** The part of the status that is about rules. */
export const describeRules = (
  home: Home,
  rules: AuditedRules,
): Pick<NodeStatus, 'rules' | 'ratchet' | 'ruleFaults' | 'retired'> => ({
  rules: rulesOfOwner(rules.current()).length,
  ratchet: readRatchet(home),
  ruleFaults: rules.faults().map(({ what, mend }) => `${what} (${mend})`),
  retired: readRetired(home),
})

/** As `describeRules`, beside a node that does not answer: nothing is audited, but what cannot be read is told. */
export const describeRecordedRules = (home: Home): ReturnType<typeof describeRules> => {
  const rest = { ratchet: readRatchet(home), retired: readRetired(home) }
  try {
    return { ...rest, rules: loadRules(home.constraints).rules.length, ruleFaults: null }
  } catch (error) {
    if (!(error instanceof NodeError)) throw error
    return { ...rest, rules: 0, ruleFaults: [`${error.message} (${error.hint ?? error.code})`] }
  }
}

/** Rules that a person retired, with why; none while they cannot be read, which is told as a fault. */
const readRetired = (home: Home): NodeStatus['retired'] =>
  [...readHistories(home).values()].flatMap(({ retirement }) =>
    retirement === null ? [] : [{ rule: retirement.rule, at: retirement.at, reason: retirement.reason }],
  )

const readHistories = (home: Home): ReturnType<typeof readRuleHistories> => {
  try {
    return readRuleHistories(home.constraints)
  } catch (error) {
    if (error instanceof NodeError) return new Map()
    throw error
  }
}

/** Everything that waits for the owner's word, and what their word does. */
export const createAsking = ({
  home,
  state,
  clock,
  journal,
  outbox,
  decisions,
  rules,
  send,
}: Place & {
  readonly journal: Journal
  readonly outbox: Outbox
  readonly decisions: DecisionChain
  readonly rules: AuditedRules
  /** Something waits in the outbox of a channel. */
  readonly send: (channel: string) => void
}) => {
  const questions = createQuestions({ ...{ state, journal, outbox, clock }, timing: systemTiming, onAsked: send })
  const acceptance = createRuleAcceptance()
  const proposals = createProposals({
    ...{ state, journal, clock, decisions, rules: rules.current },
    acceptance: {
      acceptRule: (file, existing) => {
        requireSound(rules) // beside rules that refuse everything no rule would pass, and the reason would be another
        return acceptance.acceptRule(file, existing)
      },
    },
    fileNames: () => readHistories(home).keys(),
    add: (rule) => reachKeeper(home).append(rule),
  })
  proposals.settleInterrupted()
  const asked = { questions, proposals }
  const turnProposals: AgentParts['proposals'] = createTurnProposals({
    ...{ proposals, outbox, transaction: state.transaction, onProposed: send },
  })
  return {
    /** For a turn. */
    agentParts: { questions, proposals: turnProposals },
    /** For the conversation. */
    questions: { open: () => openAsked(asked), closeAbandoned: questions.closeAbandoned },
    /** For the words that come from one channel. */
    here: (intent: Parameters<typeof createAskedHere>[1]) => createAskedHere(asked, intent),
    operations: createRuleOperations(proposals),
  }
}

const requireSound = (rules: AuditedRules): void => {
  rules.current()
  const [fault] = rules.faults()
  if (fault) throw new NodeError('RULES_TAMPERED', fault.what, { hint: fault.mend })
}

export type Asking = ReturnType<typeof createAsking>

export type SignedDecisions = {
  readonly audit: Operations['auditDecisions']
  /** Why the end of the chain was not signed at the last try, with its mend; null when nothing kept it from being. */
  readonly fault: () => string | null
  /** Has the end of the chain signed every hour until the signal aborts; begins by comparing what was signed before. */
  readonly signHourly: (signal: AbortSignal) => void
  readonly signEnd: () => Promise<void>
}

/** The chain of decisions, and the ends of it that the keeper has signed. */
export const createSignedDecisions = (
  { home, state }: Pick<Place, 'home' | 'state'>,
  decisions: DecisionChain,
): SignedDecisions => {
  const heads = createDecisionHeads(state)
  const last = () => readKeeperHead(home)
  let fault: string | null = null
  let latest: Promise<void> = Promise.resolve()
  /** One after the other, so that whoever waits for the last has waited for all, and the state may be closed. */
  const attempt = (task: () => Promise<void>): Promise<void> => {
    latest = latest.then(async () => {
      const refusal = await nodeErrorOf(task)
      fault = refusal && `${refusal.message} (${refusal.hint ?? refusal.code})`
    })
    return latest
  }
  const signEnd = () =>
    attempt(() => heads.sign({ last, sign: (end, previous) => reachKeeper(home).signDecisionHead(end, previous) }))
  return {
    audit: () => auditDecisions({ heads, last, decisions, publicKeys: () => readPublicKeys(home.constraints) }),
    fault: () => fault,
    signEnd,
    signHourly: (signal) => {
      void attempt(async () => heads.requireRow(await last()))
      const timer = setInterval(() => void signEnd(), SIGN_EVERY_MS)
      signal.addEventListener('abort', () => clearInterval(timer))
    },
  }
}

const KEYS_UNKNOWN = 'the keys that prove it lie beside the rules, where they cannot be read'

/** Without the keeper's own record nothing shows that the chain is whole, so that is a fault, too. */
const auditDecisions = async ({
  heads,
  last,
  decisions,
  publicKeys,
}: {
  readonly heads: DecisionHeads
  readonly last: HeadKeeper['last']
  readonly decisions: DecisionChain
  readonly publicKeys: () => readonly string[]
}): Promise<DecisionAudit> => {
  try {
    const keys = publicKeys()
    if (keys.length === 0 && (await last()) !== null) throw new NodeError('RULES_UNREADABLE', KEYS_UNKNOWN)
    return await heads.verify(decisions, { publicKeys: keys, last })
  } catch (error) {
    if (!(error instanceof NodeError)) throw error
    const walked = decisions.verify()
    return walked.ok
      ? { ok: false, seq: walked.count, fault: `what the keeper signed is not known: ${error.message}` }
      : walked
  }
}

const nodeErrorOf = async (task: () => Promise<void>): Promise<NodeError | null> => {
  try {
    await task()
    return null
  } catch (error) {
    if (error instanceof NodeError) return error
    throw error
  }
}
