/** Proposals as the node makes and answers them: the owner reads each in a message of its own, where they asked for it. */
import type { OwnerIntent } from './agent/agent.types.ts'
import type { AgentParts } from './agent/agent-parts.types.ts'
import type { Outbox } from './agent/outbox.ts'
import type { State } from './agent/persistence.ts'
import type { Proposals } from './agent/proposals.ts'
import type { Questions } from './agent/questions.ts'
import { parseTemplateWords, TEMPLATE_FORMS } from './constraint-spec/template-words.ts'
import type { AskedHere } from './control-words.ts'
import type { Operations } from './operations.ts'
import { NodeError } from './utils/node-error.ts'

/** Whoever reaches the operations by the command line. */
const COMMAND_LINE = { who: 'owner at the command line', channel: 'cli' }

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
    const { channel, messageId, senderId } = turn.intent
    const { name } = transaction('rule.proposed', () => {
      const proposed = proposals.propose(spec, { who: `agent, asked on ${channel}`, intent, channel })
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

/** Questions and proposals, as the owner's words reach them from one channel. */
export const createAskedHere = (
  { questions, proposals }: { readonly questions: Questions; readonly proposals: Proposals },
  { channel }: Pick<OwnerIntent, 'channel'>,
): AskedHere => ({
  open: () => openAsked({ questions, proposals }).filter((asked) => asked.channel === channel),
  confirm: async (code) => (questions.confirm(channel, code) ? 'I do it, once.' : proposals.confirm(code)),
  deny: () => questions.deny(channel) + proposals.dismiss(channel),
})

/** All that waits for the owner's word, oldest first. */
export const openAsked = ({
  questions,
  proposals,
}: {
  readonly questions: Pick<Questions, 'open'>
  readonly proposals: Pick<Proposals, 'open'>
}): ReturnType<Questions['open']> =>
  [
    ...questions.open(),
    ...proposals.open().map(({ at, channel, does }) => ({ at, channel, summary: `a rule: ${does}` })),
  ].toSorted((one, other) => one.at - other.at)

/** Rules as a person at the command line proposes and confirms them. */
export const createRuleOperations = (proposals: Proposals): Pick<Operations, 'proposeRule' | 'confirmRule'> => ({
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
    const said = await proposals.confirm(code)
    if (said !== null) return said
    throw new NodeError('USAGE', 'no open proposal has that code', {
      hint: 'a proposal is open for 10 minutes; propose the rule again',
    })
  },
})
