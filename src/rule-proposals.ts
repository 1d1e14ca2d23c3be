/** Proposals as the node makes and answers them: the owner reads each in a message of its own, where they asked for it. */
import type { OwnerIntent } from './agent/agent.types.ts'
import type { AgentParts } from './agent/agent-parts.types.ts'
import type { Outbox } from './agent/outbox.ts'
import type { State } from './agent/persistence.ts'
import type { Proposals } from './agent/proposals.ts'
import { type OpenQuestion, type Questions, WRONG_CODES_MAX } from './agent/questions.ts'
import type { RuleSpec } from './constraint-spec/rule-spec.schemas.ts'
import { parseTemplateWords, TEMPLATE_FORMS } from './constraint-spec/template-words.ts'
import type { AskedHere } from './control-words.ts'
import type { Operations } from './operations.ts'
import { NodeError } from './utils/node-error.ts'

/** Whoever reaches the operations by the command line. */
const COMMAND_LINE = { who: 'owner at the command line', channel: 'cli', asker: 'owner', said: null } as const

/** Characters of the owner's words that are signed with a rule. */
const INTENT_CHARACTERS_MAX = 500
const NO_WORDS = '(no words)'

const SAID_NO = 'the owner said no'

/** What a turn may do: the proposal and the message about it are one transaction. */
export const createTurnProposals = ({
  proposals,
  outbox,
  transaction,
  onProposed,
}: {
  readonly proposals: Proposals
  readonly outbox: Pick<Outbox, 'add'>
  readonly transaction: State['transaction']
  readonly onProposed: (channel: string) => void
}): AgentParts['proposals'] => ({
  propose: (spec, { intent, turn }) => {
    const { channel, messageId, senderId, text } = turn.intent
    const asker = asksFor(text, spec) ? 'owner' : 'agent'
    const by = {
      who: `owner on ${channel} via the agent`,
      intent: cutWords(text),
      channel,
      asker,
      said: intent,
    } as const
    const { name } = transaction('rule.proposed', () => {
      const proposed = proposals.propose(spec, by)
      const key = `${turn.id}/rule/${proposed.name}`
      outbox.add({
        key,
        kind: 'notice',
        channel,
        turn: turn.id,
        to: senderId,
        replyTo: messageId,
        text: proposed.words,
      })
      return proposed
    })
    onProposed(channel)
    return { name }
  },
})

/** Whether the owner's own words, read without the model, are this rule. Whatever else a turn proposes is the agent's wish. */
const asksFor = (words: string, { event, blockWhenAll }: RuleSpec): boolean => {
  const asked = parseTemplateWords(words)
  return asked !== null && Bun.deepEquals([asked.event, asked.blockWhenAll], [event, blockWhenAll], true)
}

const cutWords = (text: string): string => text.slice(0, INTENT_CHARACTERS_MAX).toWellFormed() || NO_WORDS

type Asked = { readonly questions: Questions; readonly proposals: Proposals }

/** Questions and proposals, as the owner's words reach them from one channel. */
export const createAskedHere = (asked: Asked, { channel }: Pick<OwnerIntent, 'channel'>): AskedHere => {
  const { questions, proposals } = asked
  const open = () => openAsked(asked).filter((one) => one.channel === channel)
  const decline = (some: readonly OpenQuestion[], why: string) => {
    for (const one of some) one.decline(why)
  }
  return {
    open,
    confirm: async (code) => {
      if (questions.confirm(channel, code)) return 'I do it, once.'
      const added = await proposals.confirm(code, channel)
      if (added !== null) return added
      const here = open()
      const newest = here.at(-1)
      if (!newest || questions.noteWrongCode(channel, newest) < WRONG_CODES_MAX) return null
      decline(here, `${WRONG_CODES_MAX} wrong codes came`)
      return `That was wrong code number ${WRONG_CODES_MAX}: I take it as a no to all that I have asked here.`
    },
    deny: () => {
      const here = open()
      const calls = here.filter(({ kind }) => kind === 'call')
      const denied = calls.length > 0 ? calls : here
      decline(denied, SAID_NO)
      return denied
    },
  }
}

/** All that waits for the owner's word, oldest first. */
export const openAsked = ({
  questions,
  proposals,
}: {
  readonly questions: Pick<Questions, 'open'>
  readonly proposals: Pick<Proposals, 'open'>
}): readonly OpenQuestion[] => [...questions.open(), ...proposals.open()].toSorted((one, other) => one.at - other.at)

/** What a chat whose input has ended needs: nobody is left there to answer. */
export const createQuestionOperations = ({
  open,
}: Pick<Questions, 'open'>): Pick<Operations, 'openQuestions' | 'declineQuestion'> => ({
  openQuestions: async () => open().map(({ key }) => key),
  declineQuestion: async (key) =>
    open()
      .find((one) => one.key === key)
      ?.decline('nobody was there to answer'),
})

/** Rules as a person at the command line proposes and confirms them. */
export const createRuleOperations = (
  proposals: Proposals,
): Pick<Operations, 'proposeRule' | 'confirmRule' | 'declineRule'> => ({
  proposeRule: async (given) => {
    if (given.kind === 'file') {
      return proposals.proposeFile(given, { ...COMMAND_LINE, intent: `the file ${given.name}.ts` })
    }
    const spec = parseTemplateWords(given.words)
    if (spec !== null) return proposals.propose(spec, { ...COMMAND_LINE, intent: given.words })
    throw new NodeError('USAGE', 'these words have none of the forms that need no model', {
      hint: `say one of: ${TEMPLATE_FORMS.join('; ')}. Or tell the agent in a chat`,
    })
  },
  confirmRule: async (code) => {
    const said = await proposals.confirm(code, COMMAND_LINE.channel)
    if (said !== null) return said
    throw new NodeError('USAGE', 'no open proposal has that code', {
      hint: 'a proposal is open for 10 minutes; propose the rule again',
    })
  },
  declineRule: async (codeOrName) => {
    const declined = proposals.decline(codeOrName)
    if (declined !== null) return declined
    const waiting = proposals.waiting().join(', ')
    throw new NodeError('USAGE', 'no open proposal has that code or name', {
      hint: waiting === '' ? 'none waits: nothing is added without a code' : `those that wait: ${waiting}`,
    })
  },
})
