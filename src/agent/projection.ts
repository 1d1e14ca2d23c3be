/**
 * The conversation as the model sees it: a pure projection of journal entries that is valid whatever a crash left
 * behind. Every tool_use gets exactly one result, results lead the user message, messages of one role merge, and an
 * answer that never completed is left out. A turn that was stopped, failed, or answered by the node ends with the node's
 * own words, so that the model does not take an old request for one that still stands.
 */
import { z } from 'zod'
import type { JournalEvent } from './journal.ts'
import type { ModelMessage, ModelReply, TextBlock, ToolResultBlock, ToolUseBlock } from './model/model.types.ts'

/** What a call is answered with when its turn ended before it had a result; fixed, so that the cache prefix is stable. */
const NO_RESULT = 'No result: the turn ended before this call ran.'

/** Leads the node's own reply to a turn that the model did not finish: what was asked there is over. */
const NODE_ANSWERED = '[The node answered this itself. Unless the owner asks again, nothing of it is still to be done.]'

type UserBlock = TextBlock | ToolResultBlock
type AssistantBlock = ModelReply['content'][number]

const incoming = z.object({ text: z.string() })
const ended = z.object({ end: z.string(), text: z.string().default('(no answer)') })
const toolResult = z.object({ toolUseId: z.string(), content: z.string(), isError: z.boolean() })
const modelMessage = z.object({
  content: z.array(z.looseObject({ type: z.string() })),
  stopReason: z.string(),
})

/** Entries of whole turns, oldest first. */
export const projectMessages = (events: readonly JournalEvent[]): readonly ModelMessage[] => {
  const results = collectResults(events)
  const messages: ({ role: 'user'; content: UserBlock[] } | { role: 'assistant'; content: AssistantBlock[] })[] = []
  const addUser = (blocks: readonly UserBlock[]) => {
    const last = messages.at(-1)
    if (last?.role === 'user') last.content.push(...blocks)
    else messages.push({ role: 'user', content: [...blocks] })
  }
  const addAssistant = (blocks: readonly AssistantBlock[]) => {
    const last = messages.at(-1)
    if (last?.role === 'assistant') last.content.push(...blocks)
    else messages.push({ role: 'assistant', content: [...blocks] })
  }
  for (const event of events) {
    if (event.type === 'message.in') {
      const { text } = incoming.parse(event.payload)
      addUser([{ type: 'text', text: text.trim() === '' ? '(empty message)' : text }])
    }
    if (event.type === 'model.message') {
      const content = readReply(event).content
      if (content.length === 0) continue
      addAssistant(content)
      const uses = content.filter(isToolUse)
      if (uses.length > 0) addUser(uses.map((use) => results.get(resultKey(event.ref, use.id)) ?? missing(use.id)))
    }
    if (event.type === 'turn.end') {
      const { end, text } = ended.parse(event.payload)
      if (end !== 'done') addAssistant([{ type: 'text', text: `${NODE_ANSWERED}\n${text}` }])
    }
  }
  return messages
}

const missing = (id: string): ToolResultBlock => ({
  type: 'tool_result',
  tool_use_id: id,
  content: NO_RESULT,
  is_error: true,
})

export const isToolUse = (block: AssistantBlock): block is ToolUseBlock => block.type === 'tool_use'

/** A stored `model.message`. */
export const readReply = (event: JournalEvent): Pick<ModelReply, 'content' | 'stopReason'> =>
  modelMessage.parse(event.payload) as unknown as Pick<ModelReply, 'content' | 'stopReason'>

/** Names a call within the journal: services may reuse ids from answer to answer. */
export const resultKey = (messageRef: string | null, toolUseId: string): string => `${messageRef}/${toolUseId}`

const collectResults = (events: readonly JournalEvent[]): ReadonlyMap<string, ToolResultBlock> => {
  const results = new Map<string, ToolResultBlock>()
  for (const event of events) {
    if (event.type !== 'tool.result' || event.ref === null) continue
    const { toolUseId, content, isError } = toolResult.parse(event.payload)
    const block = {
      type: 'tool_result',
      tool_use_id: toolUseId,
      content: content === '' ? '(no output)' : content,
    } as const
    results.set(event.ref, isError ? { ...block, is_error: true } : block)
  }
  return results
}
