/** The composition root: configuration in, a node out, in the order in which a message travels. */
import type { AgentParts } from './agent/agent-parts.types.ts'
import { createCommitRecord } from './agent/commit-record.ts'
import { unsafeOperatorCall } from './agent/constraint-engine.ts'
import { installSeedRules } from './agent/constraint-store.ts'
import { createDecisionChain } from './agent/decision-chain.ts'
import { createInbox } from './agent/inbox.ts'
import { createJournal } from './agent/journal.ts'
import { createLastingEffects } from './agent/lasting-effects.ts'
import { takeLease } from './agent/lease.ts'
import { createLedger } from './agent/ledger.ts'
import { createLiveGate } from './agent/live-rules.ts'
import { createOutbox } from './agent/outbox.ts'
import { createPermissionEventBuilder } from './agent/permission-event.ts'
import { type CommitHook, openState } from './agent/persistence.ts'
import { createRulePositions } from './agent/rule-positions.ts'
import { createSystemPrompt } from './agent/system-prompt.ts'
import { createToolSet } from './agent/tools/tools.ts'
import { createWorkspaceRepo } from './agent/workspace/workspace-repo.ts'
import type { Channel } from './channels/channels.types.ts'
import { createCliChannel } from './channels/cli/cli.ts'
import { createOwnerGate } from './channels/owner-gate.ts'
import { type Config, modelName, type Secrets, secretValues } from './config.ts'
import { answerControlWord } from './control-words.ts'
import { createConversation } from './conversation.ts'
import { createFreeze } from './freeze.ts'
import { prepareHome } from './home.ts'
import { createJournalLog, logStores } from './logged-stores.ts'
import { type NodeLog, silentLog } from './node-log.ts'
import { createBudget, createOperations } from './node-operations.ts'
import { createAsking, createSignedDecisions, describeRules, openAuditedRules } from './node-rules.ts'
import type { Operations } from './operations.ts'
import { createGitEngine, createModel, createSandboxLanes, SEED_RULES } from './parts.ts'
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
  /** Besides the local one, which is always there. */
  readonly channels?: readonly Channel[]
  /** For tests, which must not call a service: default is the configured one. */
  readonly makeModel?: typeof createModel
  /** For crash tests: called with the name of each transaction, right after it is durable. */
  readonly atPoint?: CommitHook
}

/**
 * Takes the home and composes the node; nothing runs yet.
 * @throws {NodeError} HOME_UNUSABLE, HOME_LOCKED, STATE_CORRUPT, DISK_FULL, RULES_UNREADABLE, RULE_ILLEGAL, and those of
 * `WorkspaceRepo`.
 */
export const createNode = async (options: NodeOptions): Promise<PlaitedNode> => {
  const { config } = options
  prepareHome(config.home, config.dropTo?.gid ?? null)
  installSeedRules(config.home.constraints, SEED_RULES, { state: config.home.state })
  const stores = openStores(options)
  try {
    return await compose(options, stores)
  } catch (error) {
    stores.close()
    throw diskFault(error, config.home.root)
  }
}

/** Everything that lives in SQLite, held by the one process that has the lease. */
const openStores = ({ config, log = silentLog, clock = systemClock, atPoint }: NodeOptions) => {
  const lease = takeLease(config.home.lease)
  const state = openState(config.home.state, atPoint)
  const ledger = createLedger(state, { clock, timezone: config.timezone, caps: config.caps })
  ledger.settleAbandoned()
  const journal = createJournal(state, clock, () => logNewRows())
  const logNewRows = createJournalLog(journal, log)
  const stores = {
    state,
    journal,
    inbox: createInbox(state, clock),
    outbox: createOutbox(state, clock),
    decisions: createDecisionChain(state, clock),
    commits: createCommitRecord(state),
    lastingEffects: createLastingEffects(state),
    positions: createRulePositions(state),
    ledger,
    close: () => {
      state.close()
      lease.release()
    },
  }
  return logStores(stores, log)
}

const compose = async (
  { config, secrets, clock = systemClock, channels = [], makeModel = createModel }: NodeOptions,
  stores: ReturnType<typeof openStores>,
): Promise<PlaitedNode> => {
  const { home } = config
  const { state, journal, inbox, outbox, ledger, decisions, positions } = stores
  const rules = await openAuditedRules({ home, state, clock })
  const build = createPermissionEventBuilder(clock, config.timezone)
  const gate = createLiveGate({ rules, build, decisions, positions })
  const lanes = createSandboxLanes(config)
  const engine = createGitEngine(config, lanes.runConfined, clock)
  const workspace = createWorkspaceRepo({
    worktree: home.workspace,
    gitDir: home.gitDir,
    engine,
    record: stores.commits,
    clock,
    sharedGroup: config.dropTo?.gid ?? null,
  })
  await workspace.open()
  const model = lazy(() => makeModel(config, secrets))
  const agentParts = async (): Promise<AgentParts> => ({
    ...{ clock, journal, ledger, gate, sandbox: lanes.sandbox, tools: createToolSet(), workspace },
    ...asking.agentParts,
    model: await model.get(),
    retry: systemTiming,
    get systemPrompt() {
      return createSystemPrompt(rules.current().rules)
    },
  })

  const cli = createCliChannel()
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
    ...{ inbox, outbox, journal, freeze, timing: systemTiming, note: gate.note },
    questions: asking.questions,
    ownerGate: createOwnerGate(config.ownerId),
    agentParts: lazy(agentParts).get,
    answerControlWord: (word, intent) =>
      answerControlWord(word, {
        ...{ ...operations, ...history, budget: createBudget(ledger, intent) },
        questions: asking.here(intent),
      }),
    onFatal: failure.reject,
  })
  let serving = false
  const operations = createOperations({
    ...{ cli, clock, conversation, decisions, inbox, journal, ledger, lanes, workspace, history, freeze },
    rules: { ...asking.operations, auditDecisions: signed.audit },
    operate: (operation) => gate.operate(operation, unsafeOperatorCall),
    redact: createRedactor(secretValues(secrets)),
    describe: () => ({
      ...{ home: home.root, serving, ...describeRules(home, rules) },
      ...{ model: modelName(config), scripted: config.model === null, git: engine.name },
    }),
  })

  return {
    operations,
    serve: async (signal) => {
      serving = true
      lanes.warm()
      signed.signHourly(signal)
      const served = [cli, ...channels].map((channel) => conversation.serve(channel, signal))
      await Promise.race([Promise.all(served), failure.promise])
    },
    close: async () => {
      conversation.shutDown()
      await conversation.idle()
      if (serving) await signed.signEnd()
      await model.made()?.then((made) => made.close())
      await lanes.close()
      try {
        journal.endSession('shutdown')
      } finally {
        stores.close()
      }
    },
  }
}
