/**
 * From words to a rule. Whoever proposes gives a spec, never a file: our code writes the file, tries it, and tells the
 * owner in words of ours what it would block. Only the owner's code, bound to the very text, has the keeper add it.
 *
 * A proposal lives for ten minutes, also across restarts. One whose adding a crash interrupted is settled at the next
 * start by looking whether the rule is there.
 */
import { createHash } from 'node:crypto'
import type { RuleAcceptance } from '../constraint-acceptance/rule-acceptance.ts'
import { AT_START, blockersAt } from '../constraint-language/positions.ts'
import type { Rule } from '../constraint-language/rule.types.ts'
import { compileSpec } from '../constraint-spec/compile-spec.ts'
import { describeSpec } from '../constraint-spec/describe-spec.ts'
import type { RuleExamples, RuleSpec } from '../constraint-spec/rule-spec.schemas.ts'
import type { Clock } from '../utils/clock.ts'
import { NodeError } from '../utils/node-error.ts'
import { createConfirmationCode, hashConfirmationCode } from './confirmation-code.ts'
import type { RuleSet } from './constraint-store.ts'
import type { DecisionChain } from './decision-chain.ts'
import type { Journal } from './journal.ts'
import type { State } from './persistence.ts'
import { createProposalRows, type ProposalRow } from './proposal-rows.ts'

const CONFIRM_WITHIN_MS = 10 * 60_000
/** Real events that a proposed rule is tried on. */
const REAL_EVENTS_MAX = 200
/** Open at a time: more is not read. */
const OPEN_MAX = 5
const NAME_LENGTH_MAX = 64

/** What the keeper does. @throws {NodeError} with the reason when it refuses. */
export type AddRule = (rule: {
  readonly name: string
  readonly source: string
  readonly examples: RuleExamples | null
  readonly who: string
  readonly intent: string
}) => Promise<unknown>

export type Proposer = {
  /** `agent` for the model, or who at which channel. */
  readonly who: string
  /** What the owner said, in their words. */
  readonly intent: string
  readonly channel: string
}

/** What the owner reads; the code is in `words` only, which must not reach a model. */
export type Proposed = { readonly name: string; readonly does: string; readonly words: string; readonly code: string }

export type Proposals = {
  /** @throws {NodeError} RULE_REFUSED with what is wrong with it. */
  readonly propose: (spec: RuleSpec, by: Proposer) => Proposed
  /** As `propose`, for a rule file that a person wrote. */
  readonly proposeFile: (file: { readonly name: string; readonly source: string }, by: Proposer) => Proposed
  /** Adds the rule of this code; null when no open proposal has it. Rejects as `AddRule`. */
  readonly confirm: (code: string) => Promise<string | null>
  readonly open: () => readonly OpenProposal[]
  /** Drops what is open in a channel; how many there were. */
  readonly dismiss: (channel: string) => number
  /** To be called once at a start. */
  readonly settleInterrupted: () => void
}

export type OpenProposal = Pick<ProposalRow, 'at' | 'channel' | 'does'>

type Draft = {
  readonly name: string
  readonly source: string
  readonly examples: RuleExamples | null
  /** null: what the rules say of themselves. */
  readonly does: string | null
  readonly notes: readonly string[]
}

type Parts = {
  readonly state: State
  readonly journal: Journal
  readonly clock: Clock
  readonly acceptance: Pick<RuleAcceptance, 'acceptRule'>
  readonly rules: () => RuleSet
  readonly decisions: Pick<DecisionChain, 'recent'>
  readonly add: AddRule
}

export const createProposals = ({ state, journal, clock, acceptance, rules, decisions, add }: Parts): Proposals => {
  const rows = createProposalRows(state)
  const open = (): readonly ProposalRow[] =>
    rows.inState('open').filter(({ at }) => clock.now() - at < CONFIRM_WITHIN_MS)
  const settle = (row: ProposalRow, to: 'added' | 'refused' | 'open'): void =>
    journal.transaction('rule.settled', () => {
      rows.mark(row.seq, to)
      if (to === 'added')
        journal.append({ type: 'rule.added', turn: null, payload: { rule: row.name, sha256: row.sha256 } })
    })

  const offer = ({ name, source, examples, does: said, notes }: Draft, by: Proposer): Proposed => {
    if (open().length >= OPEN_MAX) {
      throw refused(`${OPEN_MAX} proposals wait for the owner's code already`, 'wait until they are answered')
    }
    const { fileHashes, rules: existing } = rules()
    const sha256 = createHash('sha256').update(source).digest('hex')
    if (Object.values(fileHashes).includes(sha256)) throw refused('this very rule holds already', null)
    const accepted = acceptance.acceptRule({ file: name, source, examples }, existing)
    if (!accepted.ok) throw refused(`${accepted.reason}: ${accepted.entry}`, 'change it and propose it again')
    const does = said ?? accepted.rules.map(({ key, sentence }) => `${key}: ${sentence}`).join('\n')
    const code = createConfirmationCode()
    journal.transaction('rule.proposed', () => {
      const row = { at: clock.now(), name, source, examples: JSON.stringify(examples), sha256, does, ...by }
      rows.add({ ...row, codeHash: hashConfirmationCode(code, sha256) })
      journal.append({ type: 'rule.proposed', turn: null, payload: { rule: name, does, who: by.who } })
    })
    const real = countBlocked(accepted.rules, decisions)
    return { name, does, code, words: wordsOf({ does, notes, real, report: accepted.report, code }) }
  }

  return {
    propose: (given, by) => {
      const name = freeName(given.name, rules().fileHashes)
      const spec = { ...given, name }
      const { does, notes } = describeSpec(spec)
      return offer({ name, source: compileSpec(spec), examples: spec.examples, does, notes }, by)
    },
    proposeFile: (file, by) => {
      if (Object.hasOwn(rules().fileHashes, file.name)) throw refused(`a rule file ${file.name} exists`, 'rename yours')
      return offer({ ...file, examples: null, does: null, notes: [] }, by)
    },

    confirm: async (code) => {
      const row = open().find(({ code_hash, sha256 }) => code_hash === hashConfirmationCode(code, sha256))
      if (row === undefined) return null
      rows.mark(row.seq, 'adding')
      const { name, source, who, intent, does } = row
      try {
        await add({ name, source, examples: JSON.parse(row.examples), who, intent })
      } catch (error) {
        // Refused for good, or the keeper is away: then the code stays good for what is left of its time.
        settle(row, error instanceof NodeError && error.code === 'RULE_REFUSED' ? 'refused' : 'open')
        throw error
      }
      settle(row, 'added')
      return `Added as ${name}. ${does}`
    },

    open,
    dismiss: (channel) => {
      const dropped = open().filter((row) => row.channel === channel)
      for (const row of dropped) settle(row, 'refused')
      return dropped.length
    },

    settleInterrupted: () => {
      const { fileHashes } = rules()
      for (const row of rows.inState('adding')) settle(row, fileHashes[row.name] === row.sha256 ? 'added' : 'open')
    },
  }
}

const refused = (message: string, hint: string | null): NodeError =>
  new NodeError('RULE_REFUSED', message, hint === null ? {} : { hint })

/** A rule is never overwritten: a second one of a name gets a number. */
const freeName = (name: string, taken: Readonly<Record<string, string>>): string => {
  if (!Object.hasOwn(taken, name)) return name
  for (let number = 2; ; number++) {
    const next = `${name.slice(0, NAME_LENGTH_MAX - `-${number}`.length)}-${number}`
    if (!Object.hasOwn(taken, next)) return next
  }
}

/** How many of the newest real events these rules alone would have blocked. */
const countBlocked = (rules: readonly Rule[], decisions: Pick<DecisionChain, 'recent'>) => {
  const events = decisions.recent(REAL_EVENTS_MAX)
  return { of: events.length, blocked: events.filter((event) => blockersAt(rules, AT_START, event).length > 0).length }
}

const wordsOf = ({
  does,
  notes,
  real,
  report,
  code,
}: {
  readonly does: string
  readonly notes: readonly string[]
  readonly real: { readonly of: number; readonly blocked: number }
  readonly report: { readonly wouldBlock: readonly string[]; readonly stillAllows: readonly string[] }
  readonly code: string
}): string =>
  [
    'Shall I keep this rule? A rule cannot be taken back by me, only by you at the machine.',
    does,
    ...list('It would block, for example:', report.wouldBlock),
    ...list('It still allows, for example:', report.stillAllows),
    `Of your last ${real.of} real events it would have blocked ${real.blocked}.`,
    ...list('Mind:', notes),
    `Answer ${code} within ${CONFIRM_WITHIN_MS / 60_000} minutes to keep it. Say no, or nothing, and nothing is added.`,
  ].join('\n')

const list = (title: string, lines: readonly string[]): readonly string[] =>
  lines.length === 0 ? [] : [title, ...lines.map((line) => `  - ${line}`)]
