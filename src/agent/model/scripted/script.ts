/**
 * The scripted model's mind: a pure function from a request to the next step.
 *
 * It reads each message of the turn as commands, one model step each, and finds out where it is by playing them again
 * over the tool results that came in that turn. What the owner says meanwhile comes after what they said before, so it
 * changes nothing of what was played. It keeps no state, so a restart in the middle of a turn goes on where it stopped.
 * It quotes results as they came and says nothing that a tool did not say.
 */
import { parseTemplateWords, TEMPLATE_FORMS } from '../../../constraint-spec/template-words.ts'
import { COMMAND_FORMS, type Command, parseCommands } from './command-grammar.ts'
import type { MessagesRequest, RequestBlock } from './messages-api.schemas.ts'
import type { Step } from './messages-api.types.ts'

const SIGNATURE = '(scripted, no AI model)'

/** How the file tools say that there is no such file; any other failure must not end in a write. */
const MISSING_FILE = /no such file/i

/** What stands for an empty result, because the API wants words. A file may hold just this, so an edit finds out. */
const NO_OUTPUT = '(no output)'

type ToolResult = { readonly text: string; readonly failed: boolean }
type ToolCall = { readonly name: string; readonly input: Readonly<Record<string, unknown>> }

/** Where one command stands: it needs a call, or it has ended with what it has to say. */
type Progress =
  | { readonly kind: 'call'; readonly call: ToolCall }
  | { readonly kind: 'done'; readonly text: string }
  | { readonly kind: 'stopped'; readonly text: string }

/** The next step of the scripted model. */
export const answerScript = (request: MessagesRequest): Step => {
  const { messages, results } = currentTurn(request)
  const tools = new Set((request.tools ?? []).map((tool) => tool.name))
  const left = results[Symbol.iterator]()
  const said: string[] = []
  let isPuzzled = messages.length === 0
  for (const message of messages) {
    const commands = parseCommands(message)
    if (!commands) {
      isPuzzled = true
      if (messages.length > 1) said.push(`not a command of mine:\n${quote(message)}`)
      continue
    }
    const outcome = playChain(commands, tools, left)
    if (outcome.kind === 'call') return { kind: 'reply', content: [{ type: 'tool_use', ...outcome.call }] }
    said.push(outcome.text)
  }
  return finalStep([...said, ...(isPuzzled ? [helpText()] : []), ...(said.length > 0 ? [SIGNATURE] : [])].join('\n'))
}

/** Plays one message, up to the first command that ends in an error. */
const playChain = (
  commands: readonly Command[],
  tools: ReadonlySet<string>,
  results: Iterator<ToolResult>,
): Progress => {
  const said: string[] = []
  for (const [index, command] of commands.entries()) {
    const outcome = play(command, tools, results)
    if (outcome.kind === 'call') return outcome
    said.push(outcome.text)
    if (outcome.kind === 'stopped') {
      const rest = commands.length - index - 1
      if (rest > 0) said.push(`stopped there: ${rest} more ${rest === 1 ? 'command was' : 'commands were'} not tried`)
      break
    }
  }
  return { kind: 'done', text: said.join('\n') }
}

const finalStep = (text: string): Step => ({ kind: 'reply', content: [{ type: 'text', text }] })

const helpText = (): string =>
  [
    'I am a script without a model. I understand:',
    ...COMMAND_FORMS.map((form) => `  ${form}`),
    'several of them joined by " && then ".',
    'To talk to a model set ANTHROPIC_API_KEY in the environment or config.env.',
  ].join('\n')

/** The node's own words among the owner's (`projection.ts`): about files that came along, and what it left out. */
const NODE_NOTE = /^(?:\[A file came with this message\b|\(The model service declined a message here\.)/

/**
 * A turn ends with words, the model's or the node's, so what came after the last of them is this turn: the owner's
 * messages and the results, each in order.
 */
const currentTurn = ({
  messages,
}: MessagesRequest): { readonly messages: readonly string[]; readonly results: readonly ToolResult[] } => {
  const end = messages.findLastIndex(
    ({ role, content }) => role === 'assistant' && content.every(({ type }) => type !== 'tool_use'),
  )
  const blocks = messages
    .slice(end + 1)
    .filter((message) => message.role === 'user')
    .flatMap((message): readonly RequestBlock[] => message.content)
  return {
    messages: blocks.flatMap((block) => (block.type === 'text' && !NODE_NOTE.test(block.text) ? [block.text] : [])),
    results: blocks.flatMap((block) => (block.type === 'tool_result' ? [toolResult(block)] : [])),
  }
}

const toolResult = (block: Extract<RequestBlock, { type: 'tool_result' }>): ToolResult => ({
  text: typeof block.content === 'string' ? block.content : (block.content ?? []).map(({ text }) => text).join('\n'),
  failed: block.is_error ?? false,
})

/** Plays one command over the results that are left; it takes those that belong to it. */
const play = (command: Command, tools: ReadonlySet<string>, results: Iterator<ToolResult>): Progress => {
  const taken: ToolResult[] = []
  for (;;) {
    const progress = advance(command, taken)
    if (progress.kind !== 'call') return progress
    if (!tools.has(progress.call.name)) return { kind: 'stopped', text: notLanded(command) }
    const result = results.next()
    if (result.done) return progress
    taken.push(result.value)
  }
}

const advance = (command: Command, results: readonly ToolResult[]): Progress => {
  switch (command.kind) {
    case 'write': {
      const { path, text } = command
      return advanceCall({ name: 'write', input: { file_path: path, content: text } }, results[0], {
        title: `write ${path}`,
        success: () => `wrote ${path}`,
      })
    }
    case 'append':
      return advanceAppend(command, results)
    case 'undo':
      return {
        kind: 'stopped',
        text: '"undo the last change" is done by the node itself: send it as a message of its own',
      }
    default: {
      const { call, title } = quotedCall(command)
      return advanceCall(call, results[0], {
        title,
        success: (text) => `${title}:\n${quote(text)}`,
      })
    }
  }
}

const advanceCall = (
  call: ToolCall,
  result: ToolResult | undefined,
  say: { readonly title: string; readonly success: (text: string) => string },
): Progress => {
  if (!result) return { kind: 'call', call }
  if (result.failed) return { kind: 'stopped', text: `failed: ${say.title}\n${quote(result.text)}` }
  return { kind: 'done', text: say.success(result.text) }
}

/**
 * The end of a file is found by replacing what was read with itself and TEXT. An edit must match, so a result that was
 * cut or decorated is refused by the tool, where a write would lose what the script had not seen.
 */
const advanceAppend = (
  { path, text }: { readonly path: string; readonly text: string },
  [read, changed, written]: readonly ToolResult[],
): Progress => {
  const say = { title: `append to ${path}`, success: () => `appended to ${path}` }
  const write = { name: 'write', input: { file_path: path, content: text } }
  const edit = (old: string) => ({
    name: 'edit',
    input: { file_path: path, old_string: old, new_string: `${old}${text}` },
  })
  if (!read) return { kind: 'call', call: { name: 'read', input: { file_path: path } } }
  if (read.failed && !MISSING_FILE.test(read.text)) return advanceCall(write, read, say)
  if (read.failed || read.text === '') return advanceCall(write, changed, say)
  const wasEmpty = changed?.failed && read.text === NO_OUTPUT
  return wasEmpty ? advanceCall(write, written, say) : advanceCall(edit(read.text), changed, say)
}

type QuotedCommand = Exclude<Command, { kind: 'write' | 'append' | 'undo' }>

/** A command that is one call whose result is quoted under `title`. */
const quotedCall = (command: QuotedCommand): { readonly call: ToolCall; readonly title: string } => {
  switch (command.kind) {
    case 'read':
      return { call: { name: 'read', input: { file_path: command.path } }, title: `read ${command.path}` }
    case 'list':
      return {
        call: { name: 'glob', input: { pattern: '**/*', ...(command.path !== null && { path: command.path }) } },
        title: command.path === null ? 'list' : `list ${command.path}`,
      }
    case 'find':
      return {
        call: { name: 'grep', input: { pattern: literalPattern(command.words) } },
        title: `find ${command.words}`,
      }
    case 'run':
      return { call: { name: 'bash', input: { command: command.command } }, title: `run ${command.command}` }
    case 'pay': {
      const { amount, payee } = command
      return { call: { name: 'pay', input: { amount, payee } }, title: `pay ${amount} to ${payee}` }
    }
    case 'rule':
      return { call: proposeCall(command.words), title: command.words }
    case 'recall':
      return { call: { name: 'recall', input: { query: command.words } }, title: `recall ${command.words}` }
    case 'remember':
      return { call: { name: 'remember', input: { text: command.text } }, title: `remember ${command.text}` }
  }
}

/** The template grammar; what has none of its forms is refused by the tool, which says what is wrong. */
const proposeCall = (words: string): ToolCall => ({
  name: 'propose_rule',
  input: { intent: words, spec: parseTemplateWords(words) ?? { words, forms: TEMPLATE_FORMS } },
})

/** What a command will do once the node has the tool for it. */
const PURPOSES: Readonly<Record<Command['kind'], string>> = {
  write: 'write a file',
  append: 'add to the end of a file',
  read: 'show a file',
  list: 'list files',
  find: 'search the workspace',
  run: 'run a shell command',
  pay: 'send a payment within your rules',
  rule: 'turn a sentence of yours into a rule that the node then keeps',
  recall: 'search past conversations',
  remember: 'keep a note for later conversations',
  undo: 'revert the last change',
}

const notLanded = ({ kind }: Command): string =>
  `"${kind}" is not part of this node yet; it will ${PURPOSES[kind]}. Nothing was done.`

/** Words found as they stand, with any white space between them. */
const literalPattern = (words: string): string => words.replace(/[\\^$.*+?()[\]{}|]/g, '\\$&').replace(/\s+/g, '\\s+')

/** Marked line by line, so that no result can pass for the script's own words. */
const quote = (text: string): string => text.replace(/\n$/, '').replace(/^/gm, '> ')
