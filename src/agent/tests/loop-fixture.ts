import { createOwnerGate } from '../../channels/owner-gate.ts'
import { runTurn } from '../agent.ts'
import type { PermittedCall, Sandbox, SandboxOutcome } from '../agent.types.ts'
import type { AgentParts } from '../agent-parts.types.ts'
import { createAttachments } from '../attachments.ts'
import { createConstraintEngine } from '../constraint-engine.ts'
import type { RuleSet } from '../constraint-store.ts'
import { createDecisionChain } from '../decision-chain.ts'
import { createJournal, type JournalEvent } from '../journal.ts'
import { createLedger } from '../ledger.ts'
import type { SpendCaps } from '../ledger.types.ts'
import { type AnthropicModelOptions, createAnthropicModel } from '../model/anthropic.ts'
import type { Model, ModelPrice } from '../model/model.types.ts'
import type { MessagesRequest } from '../model/scripted/messages-api.schemas.ts'
import { createMessagesApi } from '../model/scripted/messages-api.ts'
import type { Answer, Step, StepBlock } from '../model/scripted/messages-api.types.ts'
import { createPermissionEventBuilder } from '../permission-event.ts'
import { createRulePositions } from '../rule-positions.ts'
import { createTaint } from '../taint.ts'
import { createToolSet } from '../tools/tools.ts'
import type { TurnProgress, TurnResult } from '../turn.types.ts'
import type { WorkspaceRepo } from '../workspace/workspace.types.ts'
import { ruleSetOf } from './gate-fixture.ts'
import { createTestState, type TestState } from './state-fixture.ts'

export type LoopOptions = {
  readonly answer: Answer
  readonly ruleSet?: RuleSet
  readonly price?: ModelPrice | null
  readonly caps?: Partial<SpendCaps>
  readonly systemPrompt?: string
  /** A state that outlives the loop, as over a restart; by default the loop's own. */
  readonly store?: TestState
  /** Makes the model; `connect` is the real adapter to the twin, but for what is given. */
  readonly model?: (connect: (changed: Partial<AnthropicModelOptions>) => Model) => Model
  /** Runs instead of each rest between two attempts at a model call; no time passes. */
  readonly onWait?: (ms: number) => void
  readonly runInSandbox?: (call: PermittedCall, signal: AbortSignal) => Promise<SandboxOutcome> | SandboxOutcome
  readonly workspace?: Partial<WorkspaceRepo>
}

export type TestLoop = {
  readonly parts: AgentParts
  readonly store: ReturnType<typeof createTestState>
  /** Requests as the model service got them. */
  readonly requests: MessagesRequest[]
  /** Operations that reached the sandbox, in order. */
  readonly ran: PermittedCall['operation'][]
  readonly progress: TurnProgress[]
  /** Rests between attempts at a model call, in milliseconds. */
  readonly waits: number[]
  readonly turn: (text?: string, signal?: AbortSignal) => Promise<TurnResult>
  /** Opens a turn as the conversation does, with whatever a crash left after that. */
  readonly open: (id: string, text: string, ...left: readonly Pick<JournalEvent, 'type' | 'ref' | 'payload'>[]) => void
  readonly resume: (id: string, text: string) => Promise<TurnResult>
  readonly events: (id?: string) => readonly JournalEvent[]
  readonly [Symbol.asyncDispose]: () => Promise<void>
}

/** 1 USD per million tokens, whichever. */
export const CHEAP: ModelPrice = { input: 1_000_000, output: 1_000_000, cacheRead: 1_000_000, cacheWrite: 1_000_000 }

/** What the configuration has by default, in micro-dollars. */
export const TEST_CAPS: SpendCaps = {
  callMicros: 500_000,
  turnMicros: 1_000_000,
  dayMicros: 5_000_000,
  monthMicros: 50_000_000,
}

export const say = (text: string): Step => ({ kind: 'reply', content: [{ type: 'text', text }] })
export const bash = (command: string): StepBlock => ({ type: 'tool_use', name: 'bash', input: { command } })
export const calls = (...content: readonly StepBlock[]): Step => ({ kind: 'reply', content })

/** Plays the steps in order; the last one again for ever. */
export const play =
  (...steps: readonly Step[]): Answer =>
  (_, n) =>
    steps[Math.min(n, steps.length - 1)] ?? say('the script is empty')

/** The loop with everything real but the sandbox and the workspace, which are objects of the test. */
export const createTestLoop = (options: LoopOptions): TestLoop => {
  const store = options.store ?? createTestState()
  const requests: MessagesRequest[] = []
  const ran: PermittedCall['operation'][] = []
  const progress: TurnProgress[] = []
  const waits: number[] = []
  const api = createMessagesApi({
    bearer: 'test',
    answer: (request, n) => {
      requests.push(request)
      return options.answer(request, n)
    },
  })
  const { clock } = store
  const state = store.state()
  const journal = createJournal(state, clock, () => {})
  const connect = (changed: Partial<AnthropicModelOptions>): Model =>
    createAnthropicModel({
      apiKey: 'test',
      baseUrl: api.url,
      provider: 'twin',
      model: 'twin-1',
      price: options.price === undefined ? CHEAP : options.price,
      dialect: 'anthropic',
      ...changed,
    })
  const parts: AgentParts = {
    clock,
    journal,
    attachments: createAttachments(state),
    ledger: createLedger(state, { clock, timezone: 'UTC', caps: { ...TEST_CAPS, ...options.caps } }),
    gate: createConstraintEngine({
      ruleSet: options.ruleSet ?? ruleSetOf(),
      build: createPermissionEventBuilder(clock, 'UTC'),
      decisions: createDecisionChain(state, clock),
      positions: createRulePositions(state),
    }),
    questions: { ask: async () => ({ why: 'nobody is asked here' }) },
    proposals: { propose: ({ name }) => ({ name }) },
    sandbox: fakeSandbox(ran, options.runInSandbox),
    tools: createToolSet(),
    model: options.model ? options.model(connect) : connect({}),
    retry: {
      random: () => 0,
      wait: async (ms) => {
        waits.push(ms)
        options.onWait?.(ms)
      },
    },
    workspace: { ...UNCHANGED, ...options.workspace },
    taint: createTaint(state),
    systemPrompt: options.systemPrompt ?? 'You are a test.',
  }
  let turns = 0
  const open: TestLoop['open'] = (id, text, ...left) => {
    journal.transaction('turn.start', () => {
      journal.append({ type: 'turn.start', turn: id, ref: id, payload: {} })
      journal.append({ type: 'message.in', turn: id, ref: `cli/${id}`, payload: { text } })
      for (const { ref, ...event } of left) journal.append({ ...event, turn: id, ...(ref === null ? {} : { ref }) })
    })
  }
  const run = async (id: string, text: string, signal = new AbortController().signal): Promise<TurnResult> => {
    const proof = createOwnerGate(null)({ channel: 'cli', senderId: 'local:owner', messageId: id, text })
    if (!proof.ok) throw new Error(proof.reason)
    const turn = { id, intent: proof.intent, signal, progress: (event: TurnProgress) => progress.push(event) }
    const result = await runTurn(parts, { ...turn, joinWaiting: () => false })
    journal.append({ type: 'turn.end', turn: id, ref: id, payload: { end: result.end, text: result.text } })
    return result
  }
  return {
    ...{ parts, store, requests, ran, progress, waits, open },
    turn: async (text = 'do it', signal = new AbortController().signal) => {
      const id = `t${++turns}`
      open(id, text)
      return run(id, text, signal)
    },
    resume: (id, text) => run(id, text),
    events: (id = 't1') => journal.ofTurn(id),
    [Symbol.asyncDispose]: async () => {
      await api.close()
      if (!options.store) store[Symbol.dispose]()
    },
  }
}

const fakeSandbox = (ran: PermittedCall['operation'][], run: LoopOptions['runInSandbox']): Sandbox => ({
  run: async (call, { signal }) => {
    ran.push(call.operation)
    return run ? await run(call, signal) : { kind: 'text', text: `did ${call.operation.kind}`, truncated: false }
  },
  close: async () => {},
})

/** What a turn that changed nothing comes back with. */
export const NOTHING_COMMITTED = {
  commit: null,
  leftOut: [],
  putBack: { paths: [], kept: [], aside: null, expired: [] },
}

const UNCHANGED: WorkspaceRepo = {
  open: async () => {},
  requireMain: async () => {},
  commitTurn: async () => NOTHING_COMMITTED,
  commitOwnerEdits: async () => null,
  commitFound: async () => null,
  stampOf: async () => null,
  undo: () => Promise.reject(new Error('nothing was undone in this test')),
  redo: () => Promise.reject(new Error('nothing was redone in this test')),
  restore: () => Promise.reject(new Error('nothing was restored in this test')),
  log: () => [],
  diff: async () => '',
}

/** The tool results that a request carries in its last message, in order. */
export const resultsIn = (request: MessagesRequest | undefined): readonly { content: string; isError: boolean }[] =>
  (request?.messages.at(-1)?.content ?? []).flatMap((block) =>
    block.type === 'tool_result' ? [{ content: String(block.content), isError: block.is_error ?? false }] : [],
  )
