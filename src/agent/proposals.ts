/**
 * From words to a rule. Whoever proposes gives a spec, never a file: our code writes the file, tries it, and tells the
 * owner in words of ours what it would block. Only the owner's code, bound to the very text, has the keeper add it.
 *
 * A proposal lives for ten minutes, also across restarts. One whose adding a crash interrupted is settled at the next
 * start by looking whether the rule is there; its code, said again, is answered with what came of it.
 */
import { createHash } from 'node:crypto'
import type { RuleAcceptance } from '../constraint-acceptance/rule-acceptance.ts'
import { quoteText } from '../constraint-language/quote-text.ts'
import type { Rule } from '../constraint-language/rule.types.ts'
import { compileSpec } from '../constraint-spec/compile-spec.ts'
import { describeSpec } from '../constraint-spec/describe-spec.ts'
import { type RuleExamples, type RuleSpec, ruleExamplesSchema } from '../constraint-spec/rule-spec.schemas.ts'
import type { Clock } from '../utils/clock.ts'
import { NodeError } from '../utils/node-error.ts'
import { createConfirmationCode, hashConfirmationCode } from './confirmation-code.ts'
import type { RuleSet } from './constraint-store.ts'
import type { DecisionChain } from './decision-chain.ts'
import { describeProposal } from './describe-proposal.ts'
import type { Journal } from './journal.ts'
import type { State } from './persistence.ts'
import { createProposalRows, type ProposalRow } from './proposal-rows.ts'
import type { OpenQuestion } from './questions.ts'

const CONFIRM_WITHIN_MS = 10 * 60_000
/** Real events that a proposed rule is tried on. */
const REAL_EVENTS_MAX = 200
/** Open at a time, of the owner's and of the agent's own: more is not read. */
const OPEN_MAX = 5
/** Added rules whose codes are still known, for an answer that a crash kept from being sent. */
const ADDED_KNOWN_MAX = 20
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
  /** The owner, and the way by which they asked. */
  readonly who: string
  /** The owner's own words: they are signed with the rule. */
  readonly intent: string
  readonly channel: string
  readonly asker: ProposalRow['asker']
  /** What a model gave as the reason: shown as a quotation, never kept. */
  readonly said: string | null
}

/** What the owner reads; the code is in `words` only, which must not reach a model. */
export type Proposed = { readonly name: string; readonly does: string; readonly words: string; readonly code: string }

export type Proposals = {
  /** @throws {NodeError} RULE_REFUSED with what is wrong with it. */
  readonly propose: (spec: RuleSpec, by: Proposer) => Proposed
  /** As `propose`, for a rule file that a person wrote. */
  readonly proposeFile: (file: { readonly name: string; readonly source: string }, by: Proposer) => Proposed
  /**
   * Adds the rule of this code, and says so; the code of one that was added just before is answered alike. null when no
   * proposal has it. `channel`: where it was confirmed. Rejects as `AddRule`.
   */
  readonly confirm: (code: string, channel: string) => Promise<string | null>
  readonly open: () => readonly OpenQuestion[]
  /** No to the one of this code or name; its name, or null when none that waits has it. */
  readonly decline: (codeOrName: string) => string | null
  /** Names of those that wait, oldest first. */
  readonly waiting: () => readonly string[]
  /** To be called once at a start. */
  readonly settleInterrupted: () => void
}

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
  /** Names of all rule files, retired ones included: none is given twice. Default: those in force. */
  readonly fileNames?: () => Iterable<string>
  readonly decisions: Pick<DecisionChain, 'recent'>
  readonly add: AddRule
}

export const createProposals = (parts: Parts): Proposals => {
  const { state, journal, clock, acceptance, rules, fileNames = () => [], decisions } = parts
  const rows = createProposalRows(state)
  const adding = createAdding(parts, rows)
  const open = (): readonly ProposalRow[] => rows.openSince(clock.now() - CONFIRM_WITHIN_MS)
  const namesTaken = (): ReadonlySet<string> =>
    new Set([
      ...Object.keys(rules().fileHashes),
      ...fileNames(),
      ...rows.namesUsed(),
      ...open().map(({ name }) => name),
    ])

  const offer = ({ name, source, examples, does: written, notes }: Draft, by: Proposer): Proposed => {
    const { who, intent, channel, asker, said } = by
    const alike = open().filter((row) => row.asker === asker)
    const replaced = alike.length < OPEN_MAX ? null : (alike[0] ?? null)
    if (replaced !== null && asker === 'agent') throw refused(...TOO_MANY_OF_THE_AGENT)
    const { fileHashes, rules: existing } = rules()
    const sha256 = createHash('sha256').update(source).digest('hex')
    if (Object.values(fileHashes).includes(sha256)) throw refused('this very rule holds already', null)
    const accepted = acceptance.acceptRule({ file: name, source, examples }, existing)
    if (!accepted.ok) throw refused(`${accepted.reason}: ${accepted.entry}`, 'change it and propose it again')
    const does = written ?? describeFile(accepted.rules)
    const code = createConfirmationCode()
    journal.transaction('rule.proposed', () => {
      const row = { at: clock.now(), name, source, examples: JSON.stringify(examples), sha256, does }
      if (replaced !== null) adding.settle(replaced, 'refused')
      rows.add({ ...row, who, intent, channel, asker, codeHash: hashConfirmationCode(code, sha256) })
      journal.append({
        type: 'rule.proposed',
        turn: null,
        payload: { rule: name, does, who, replaced: replaced?.name ?? null },
      })
    })
    const words = describeProposal({
      ...{ does, said, notes, code, minutes: CONFIRM_WITHIN_MS / 60_000, replaced: replaced?.name ?? null },
      ...{ rules: accepted.rules, report: accepted.report, real: decisions.recent(REAL_EVENTS_MAX) },
    })
    return { name, does, code, words }
  }

  return {
    propose: (given, by) => {
      const name = freeName(given.name, namesTaken())
      const spec = { ...given, name }
      const { does, notes } = describeSpec(spec)
      return offer({ name, source: compileSpec(spec), examples: spec.examples, does, notes }, by)
    },
    proposeFile: (file, by) => {
      if (namesTaken().has(file.name)) {
        throw refused(`a rule file ${file.name} exists, is retired, or waits for your code`, 'rename yours')
      }
      return offer({ ...file, examples: null, does: null, notes: [] }, by)
    },

    confirm: async (code, channel) => {
      const known = [...open(), ...rows.adding(), ...rows.added(ADDED_KNOWN_MAX)]
      const row = known.find((one) => hasCode(one, code))
      return row === undefined ? null : adding.confirm(row, channel)
    },

    ...createWaiting(open, adding.settle),
    settleInterrupted: adding.settleInterrupted,
  }
}

const TOO_MANY_OF_THE_AGENT = [
  `${OPEN_MAX} proposals of yours wait for the owner's code already`,
  'wait until the owner has answered them, each by its code or all by no',
] as const

/** Those that wait for their code, and the owner's no. */
const createWaiting = (
  open: () => readonly ProposalRow[],
  settle: (row: ProposalRow, to: 'refused') => void,
): Pick<Proposals, 'open' | 'decline' | 'waiting'> => ({
  open: () =>
    open().map((row) => ({
      kind: 'rule',
      key: `rule/${row.seq}`,
      at: row.at,
      channel: row.channel,
      summary: `a rule: ${row.does}`,
      hasCode: (code) => hasCode(row, code),
      decline: () => {
        if (open().some(({ seq }) => seq === row.seq)) settle(row, 'refused')
      },
    })),
  decline: (codeOrName) => {
    const rows = open()
    const row = rows.find((one) => hasCode(one, codeOrName)) ?? rows.find(({ name }) => name === codeOrName)
    if (row !== undefined) settle(row, 'refused')
    return row?.name ?? null
  },
  waiting: () => open().map(({ name }) => name),
})

/** From a confirmed proposal to a rule that holds, once, whatever interrupts it. */
const createAdding = ({ journal, rules, add }: Parts, rows: ReturnType<typeof createProposalRows>) => {
  const running = new Map<number, Promise<string>>()
  const isThere = ({ name, sha256 }: ProposalRow): boolean => rules().fileHashes[name] === sha256
  const settle = (row: ProposalRow, to: 'added' | 'refused' | 'open'): void =>
    journal.transaction('rule.settled', () => {
      rows.mark(row.seq, to)
      if (to === 'added')
        journal.append({ type: 'rule.added', turn: null, payload: { rule: row.name, sha256: row.sha256 } })
    })

  const addNow = async (row: ProposalRow, channel: string): Promise<string> => {
    const { name, source, who, intent } = row
    journal.transaction('rule.confirmed', () => {
      rows.mark(row.seq, 'adding')
      journal.append({ type: 'rule.confirmed', turn: null, payload: { rule: name, channel } })
    })
    try {
      const examples = ruleExamplesSchema.nullable().parse(JSON.parse(row.examples))
      await add({ name, source, examples, who, intent })
    } catch (error) {
      if (!isThere(row)) {
        // Refused for good, or the keeper is away: then the code stays good for what is left of its time.
        settle(row, error instanceof NodeError && error.code === 'RULE_REFUSED' ? 'refused' : 'open')
        throw error
      }
    }
    settle(row, 'added')
    return addedAs(row)
  }

  return {
    settle,
    confirm: async (row: ProposalRow, channel: string): Promise<string> => {
      if (row.state === 'added') return addedAs(row)
      const added = running.get(row.seq) ?? addNow(row, channel).finally(() => running.delete(row.seq))
      running.set(row.seq, added)
      return added
    },
    settleInterrupted: (): void => {
      for (const row of rows.adding()) settle(row, isThere(row) ? 'added' : 'open')
    },
  }
}

const refused = (message: string, hint: string | null): NodeError =>
  new NodeError('RULE_REFUSED', message, hint === null ? {} : { hint })

const hasCode = ({ code_hash, sha256 }: ProposalRow, code: string): boolean =>
  code_hash === hashConfirmationCode(code, sha256)

const addedAs = ({ name, does }: ProposalRow): string => `Added as ${name}. ${does}`

/** What a rule of the language does, only its author can say in a sentence: it is theirs, and shown as such. */
const describeFile = (rules: readonly Rule[]): string =>
  ["In the words of the file's author:", ...rules.map(({ key, sentence }) => `${key}: ${quoteText(sentence)}`)].join(
    '\n',
  )

/** A rule is never overwritten: a second one of a name gets a number. */
const freeName = (name: string, taken: ReadonlySet<string>): string => {
  if (!taken.has(name)) return name
  for (let number = 2; ; number++) {
    const next = `${name.slice(0, NAME_LENGTH_MAX - `-${number}`.length)}-${number}`
    if (!taken.has(next)) return next
  }
}
