/** The composition root: configuration in, a node out, in the order in which a message travels. */

import type { AgentParts } from './agent/agent-parts.types.ts'
import type { AuditedRules } from './agent/audited-rules.ts'
import { unsafeOperatorCall } from './agent/constraint-engine.ts'
import { createLiveGate } from './agent/live-rules.ts'
import type { Model } from './agent/model/model.types.ts'
import { createPermissionEventBuilder } from './agent/permission-event.ts'
import type { CommitHook } from './agent/persistence.ts'
import { createSystemPrompt } from './agent/system-prompt.ts'
import { createToolSet } from './agent/tools/tools.ts'
import type { WorkspaceRepo } from './agent/workspace/workspace.types.ts'
import { createWorkspaceRepo } from './agent/workspace/workspace-repo.ts'
import { createToldLinks } from './announce-link.ts'
import { announceRules } from './announce-rules.ts'
import { createAttachmentKeeper } from './attachment-keeper.ts'
import { createChannelHealth } from './channels/channel-health.ts'
import type { Channel } from './channels/channels.types.ts'
import { createCliChannel } from './channels/cli/cli.ts'
import { createLinkDesk } from './channels/link-desk.ts'
import { createOwnerGate } from './channels/owner-gate.ts'
import { type Config, modelName, type Secrets, secretValues } from './config.ts'
import { answerControlWord } from './control-words.ts'
import { createConversation } from './conversation.ts'
import { createFreeze } from './freeze.ts'
import { prepareHome } from './home.ts'
import { logChannelFault, type NodeLog, silentLog } from './node-log.ts'
import { createBudget, createOperations } from './node-operations.ts'
import { type Asking, createAsking, createSignedDecisions, describeRules, openAuditedRules } from './node-rules.ts'
import { type NodeStores, openStores } from './node-stores.ts'
import type { ChannelPorts } from './open-channels.ts'
import type { Operations } from './operations.ts'
import { createGitEngine, createModel, createSandboxLanes, type SandboxLanes } from './parts.ts'
import { provideRules } from './reach-keeper.ts'
import { createQuestionOperations } from './rule-proposals.ts'
import { type Clock, systemClock } from './utils/clock.ts'
import { diskFault } from './utils/disk-fault.ts'
import { lazy } from './utils/lazy.ts'
import { createRedactor } from './utils/redact.ts'
import { systemTiming } from './utils/timing.ts'
import { createWorkspaceHistory } from './workspace-history.ts'

export type PlaitedNode = {
  readonly operations: Operations
  /** Answers messages until the signal aborts and the running turn has ended. Rejects when the state cannot be written. */
  readonly serve: (signal: AbortSignal) => Promise<void>
  /** Ends the session, leaves nothing running, frees the home. */
  readonly close: () => Promise<void>
}

export type NodeOptions = {
  readonly config: Config
  readonly secrets: Secrets
  /** Default: nothing is logged. */
  readonly log?: NodeLog
  readonly clock?: Clock
  /** Opens the channels besides the local one, which is always there. Default: there are none. */
  readonly openChannels?: (ports: ChannelPorts) => Promise<readonly Channel[]>
  /** Shows a person something at the start; default: nobody looks. */
  readonly announce?: (text: string) => void
  /** For tests, which must not call a service: default is the configured one. */
  readonly makeModel?: typeof createModel
  /** For crash tests: called with the name of each transaction, right after it is durable. */
  readonly atPoint?: CommitHook
}

/**
 * Takes the home and composes the node; nothing runs yet.
 * @throws {NodeError} HOME_UNUSABLE, HOME_LOCKED, STATE_CORRUPT, DISK_FULL, and those of `WorkspaceRepo`.
 */
export const createNode = async (options: NodeOptions): Promise<PlaitedNode> => {
  const { config } = options
  prepareHome(config.home, config.dropTo?.gid ?? null)
  provideRules(config.home)
  const stores = openStores(options)
  try {
    return await compose(options, stores)
  } catch (error) {
    stores.close()
    throw diskFault(error, config.home.root)
  }
}

const openWorkspace = async (
  { home, dropTo }: Config,
  parts: Pick<Parameters<typeof createWorkspaceRepo>[0], 'engine' | 'record' | 'clock'>,
): Promise<WorkspaceRepo> => {
  const place = { worktree: home.workspace, gitDir: home.gitDir, sharedGroup: dropTo?.gid ?? null }
  const workspace = createWorkspaceRepo({ ...place, ...parts })
  await workspace.open()
  return workspace
}

/** The three layers that guard a turn: rules, sandbox, history. */
const openLayers = async (
  { config, clock }: { readonly config: Config; readonly clock: Clock },
  stores: NodeStores,
) => {
  const { home } = config
  const { state, decisions, positions } = stores
  const rules = await openAuditedRules({ home, state, clock })
  const build = createPermissionEventBuilder(clock, config.timezone)
  const gate = createLiveGate({ rules, build, decisions, positions })
  const lanes = createSandboxLanes(config)
  const engine = createGitEngine(config, lanes.runConfined, clock)
  const workspace = await openWorkspace(config, { engine, record: stores.commits, clock })
  return { rules, gate, lanes, engine, workspace }
}

/** What turns work with; made at the first one, because loading a model costs more than starting the node. */
const createAgentParts = async ({
  stores: { journal, ledger, attachments, taint },
  lanes: { sandbox },
  rules,
  asking,
  model,
  ...layers
}: Pick<AgentParts, 'clock' | 'gate' | 'workspace'> & {
  readonly stores: NodeStores
  readonly lanes: SandboxLanes
  readonly rules: AuditedRules
  readonly asking: Asking
  readonly model: { readonly get: () => Promise<Model> }
}): Promise<AgentParts> => ({
  ...{ ...layers, journal, ledger, attachments, taint, sandbox, tools: createToolSet() },
  ...asking.agentParts,
  model: await model.get(),
  retry: systemTiming,
  get systemPrompt() {
    return createSystemPrompt(rules.current().rules)
  },
})

const compose = async (
  { config, secrets, clock = systemClock, makeModel = createModel, ...options }: NodeOptions,
  stores: NodeStores,
): Promise<PlaitedNode> => {
  const { home } = config
  const { state, journal, inbox, outbox, ledger, decisions, memory, links, strangers } = stores
  const { log = silentLog, announce = () => {} } = options
  const { rules, gate, lanes, engine, workspace } = await openLayers({ config, clock }, stores)
  const model = lazy(() => makeModel(config, secrets))
  const cli = createCliChannel()
  const told = createToldLinks({ inbox, outbox, journal, links, served: () => config.channels }, (channel) =>
    conversation.send(channel),
  )
  const channels = (await options.openChannels?.({ memory, links: told, announce })) ?? []
  const owner = { health: createChannelHealth(clock), linkDesk: createLinkDesk(clock), links, strangers }
  const redact = createRedactor(secretValues(secrets))
  const history = createWorkspaceHistory({ workspace, journal, lastingEffects: stores.lastingEffects })
  const failure = Promise.withResolvers<never>()
  failure.promise.catch(() => {}) // whoever serves sees it; a command that only reads does not serve
  const freeze = createFreeze(journal, clock)
  const asking = createAsking({
    ...{ home, state, clock, journal, outbox, decisions, rules },
    send: (channel) => conversation.send(channel),
  })
  const signed = createSignedDecisions({ home, state }, decisions)
  const conversation = createConversation({
    ...{ ...owner, inbox, outbox, journal, memory, freeze, timing: systemTiming },
    ownerGate: createOwnerGate(config.ownerId, links.has),
    keepAttachments: createAttachmentKeeper({ permit: gate.permit, sandbox: lanes.sandbox }),
    ...{ redact, onChannelFault: logChannelFault(log) },
    ...{ note: gate.note, questions: asking.questions },
    agentParts: lazy(() => createAgentParts({ stores, clock, rules, gate, lanes, workspace, asking, model })).get,
    answerControlWord: (word, intent) =>
      answerControlWord(word, {
        ...{ ...operations, ...history, budget: createBudget(ledger, intent) },
        questions: asking.here(intent),
      }),
    onFatal: failure.reject,
  })
  let serving = false
  const operations = createOperations({
    ...{ ...owner, cli, clock, conversation, decisions, inbox, outbox },
    ...{ journal, ledger, lanes, workspace, history, freeze },
    rules: { ...asking.operations, ...createQuestionOperations(asking.questions), auditDecisions: signed.audit },
    operate: (operation) => gate.operate(operation, unsafeOperatorCall),
    redact,
    describe: () => ({
      ...{ home: home.root, serving, ...describeRules(home, rules), signingFault: signed.fault() },
      ...{ model: modelName(config), scripted: config.model === null, git: engine.name },
    }),
  })

  return {
    operations,
    serve: async (given) => {
      serving = true
      const failed = new AbortController()
      const signal = AbortSignal.any([given, failed.signal])
      lanes.warm()
      signed.signHourly(signal)
      announceRules({ inbox, outbox, links }, describeRules(home, rules), config.channels)
      const served = Promise.all([cli, ...channels].map((channel) => conversation.serve(channel, signal)))
      try {
        await Promise.race([served, failure.promise])
      } finally {
        failed.abort() // a channel that goes on listening, or a timer, would keep a process that serves nothing
        await served
      }
    },
    close: async () => {
      try {
        conversation.shutDown()
        await conversation.idle()
        await Promise.all(channels.map((channel) => channel.close?.()))
        if (serving) await signed.signEnd()
        await model.made()?.then((made) => made.close())
        journal.endSession('shutdown')
      } finally {
        await lanes.close().finally(stores.close) // whatever went wrong: no process stays, and the home is free
      }
    },
  }
}
