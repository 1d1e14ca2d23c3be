import { randomBytes } from 'node:crypto'
import { join } from 'node:path'
import type { AgentParts } from '../agent/agent-parts.types.ts'
import { createAttachments } from '../agent/attachments.ts'
import { callModel } from '../agent/call-model.ts'
import { createCommitRecord } from '../agent/commit-record.ts'
import { createJournal } from '../agent/journal.ts'
import { createLedger } from '../agent/ledger.ts'
import { createAnthropicModel } from '../agent/model/anthropic.ts'
import { priceOf } from '../agent/model/model-prices.ts'
import { createMessagesApi } from '../agent/model/scripted/messages-api.ts'
import { answerScript } from '../agent/model/scripted/script.ts'
import { createSystemPrompt } from '../agent/system-prompt.ts'
import { createTaint } from '../agent/taint.ts'
import { createToolSet } from '../agent/tools/tools.ts'
import type { Turn } from '../agent/turn.types.ts'
import { createWorkspaceRepo } from '../agent/workspace/workspace-repo.ts'
import { createOwnerGate, LOCAL_CHANNEL, LOCAL_OWNER } from '../channels/owner-gate.ts'
import type { Config } from '../config.ts'
import { createGitEngine, createSandboxLanes } from '../parts.ts'
import { systemClock } from '../utils/clock.ts'
import { systemTiming } from '../utils/timing.ts'
import { openGate } from './open-gate.ts'

/** Has a price, without which the node calls no model. */
const MODEL = 'claude-sonnet-5-5'

/** Says each message in a turn of its own to a twin of the model service; the bodies that arrived there, in order. */
export const captureRequests = async (
  config: Config,
  { folder, messages }: { readonly folder: string; readonly messages: readonly string[] },
): Promise<readonly string[]> => {
  const bodies: string[] = []
  const bearer = randomBytes(32).toString('base64url')
  const api = createMessagesApi({ bearer, answer: answerScript, onRequest: ({ bodyText }) => bodies.push(bodyText) })
  try {
    await using agent = openAgent(config, { statePath: join(folder, 'events.sqlite'), bearer, baseUrl: api.url })
    for (const [index, text] of messages.entries()) await sayOnce(agent.parts, { id: `bench-${index}`, text })
    return bodies
  } finally {
    await api.close()
  }
}

/** As the node composes it, but for the address of the model service. */
const openAgent = (
  config: Config,
  service: { readonly statePath: string; readonly bearer: string; readonly baseUrl: string },
): { readonly parts: AgentParts } & AsyncDisposable => {
  const { gate, ruleSet, state } = openGate(config, service.statePath)
  const lanes = createSandboxLanes(config)
  const parts: AgentParts = {
    clock: systemClock,
    attachments: createAttachments(state),
    journal: createJournal(state, systemClock, () => {}),
    ledger: createLedger(state, { clock: systemClock, timezone: config.timezone, caps: config.caps }),
    gate,
    questions: { ask: async () => ({ why: 'nobody is asked here' }) },
    taint: createTaint(state),
    proposals: { propose: ({ name }) => ({ name }) },
    sandbox: lanes.sandbox,
    tools: createToolSet(),
    workspace: createWorkspaceRepo({
      worktree: config.home.workspace,
      gitDir: config.home.gitDir,
      engine: createGitEngine(config, lanes.runConfined, systemClock),
      record: createCommitRecord(state),
      clock: systemClock,
      sharedGroup: config.dropTo?.gid ?? null,
    }),
    model: createAnthropicModel({
      apiKey: service.bearer,
      baseUrl: service.baseUrl,
      dialect: 'anthropic',
      provider: 'anthropic',
      model: MODEL,
      price: priceOf(MODEL),
    }),
    retry: systemTiming,
    systemPrompt: createSystemPrompt(ruleSet.rules),
  }
  const close = async () => {
    await lanes.close()
    state.close()
  }
  return { parts, [Symbol.asyncDispose]: close }
}

/** A turn up to the model's first answer. */
const sayOnce = async (
  parts: AgentParts,
  { id, text }: { readonly id: string; readonly text: string },
): Promise<void> => {
  const proof = createOwnerGate(null)({ channel: LOCAL_CHANNEL, senderId: LOCAL_OWNER, messageId: id, text })
  if (!proof.ok) throw new Error(`the owner gate refused: ${proof.reason}`)
  const signal = new AbortController().signal
  const turn: Turn = { id, intent: proof.intent, signal, progress: () => {}, joinWaiting: () => false }
  parts.journal.append({ type: 'turn.start', turn: id, ref: id, payload: { channel: LOCAL_CHANNEL } })
  parts.journal.append({ type: 'message.in', turn: id, ref: `${LOCAL_CHANNEL}/${id}`, payload: { text } })
  const refusal = await callModel(parts, turn, { attempt: 0, history: 'full' })
  if (refusal) throw new Error(refusal.text)
  parts.journal.append({ type: 'turn.end', turn: id, ref: id, payload: { end: 'done' } })
}
