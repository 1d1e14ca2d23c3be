/** Everything the node needs, looked at one by one: name, state, and the command that mends it. */
import { chmodSync, existsSync, statSync } from 'node:fs'
import { createChannelMemory } from '../agent/channel-memory.ts'
import { priceOf } from '../agent/model/model-prices.ts'
import { openStateForReading } from '../agent/persistence.ts'
import type { ListeningPlace } from '../channels/channels.types.ts'
import { type Config, modelName, readConfig, readHome } from '../config.ts'
import { GIT_NAMES } from '../describe.ts'
import { openChannels } from '../open-channels.ts'
import type { NodeStatus } from '../operations.ts'
import { reachKeeper } from '../reach-keeper.ts'
import { systemClock } from '../utils/clock.ts'
import { onDisk } from '../utils/disk-fault.ts'
import { NodeError } from '../utils/node-error.ts'
import type { Invocation, RunCommand } from './command.types.ts'
import { examinePort } from './examine-port.ts'
import { withOperations } from './with-operations.ts'

type Check = {
  readonly name: string
  readonly state: 'ok' | 'warn' | 'fail'
  readonly detail: string
  /** The command, or what to change; null when nothing is to be done. */
  readonly mend: string | null
}

export const runDoctor: RunCommand = async (invocation) => {
  const { io, json, values } = invocation
  if (values['fix'] === true) for (const mended of fix(invocation)) io.error(`mended: ${mended}\n`)
  const checks = await examine(invocation)
  if (json) io.out(`${JSON.stringify({ checks })}\n`)
  else for (const check of checks) io.out(render(check))
  return checks.some((check) => check.state === 'fail') ? 1 : 0
}

const render = ({ name, state, detail, mend }: Check): string =>
  `${state.padEnd(5)} ${name.padEnd(14)} ${detail}\n${mend ? `${' '.repeat(21)}mend: ${mend}\n` : ''}`

/** What can be put right without asking: permissions that are wider than they may be. */
const fix = ({ home }: Invocation): readonly string[] => {
  const { configFile } = readHome(home)
  if (!existsSync(configFile) || (statSync(configFile).mode & 0o077) === 0) return []
  onDisk(configFile, () => chmodSync(configFile, 0o600))
  return [`${configFile} is readable by its owner only`]
}

const examine = async (invocation: Invocation): Promise<readonly Check[]> => {
  const checks: Check[] = [{ name: 'bun', state: 'ok', detail: Bun.version, mend: null }]
  const config = attempt(checks, 'configuration', () => readConfig({ home: invocation.home }).config)
  if (!config) return checks
  checks.push({ name: 'configuration', state: 'ok', detail: config.home.root, mend: null }, examineModel(config))
  const channels = await examineChannels(invocation)
  checks.push(...channels.checks)
  try {
    const { status, audit } = await withOperations(invocation, async (operations) => ({
      status: await operations.status(),
      audit: await operations.auditDecisions(),
    }))
    checks.push(
      examineRules(status),
      examineRatchet(status),
      await examineKeeper(config, status),
      examineSandbox(status),
      { name: 'git', state: 'ok', detail: `the history of the workspace is ${GIT_NAMES[status.git]}`, mend: null },
      audit.ok
        ? { name: 'decisions', state: 'ok', detail: `${audit.count} in an unbroken chain`, mend: null }
        : {
            name: 'decisions',
            state: 'fail',
            detail: `decision ${audit.seq}: ${audit.fault}`,
            mend: status.ruleFaults?.length ? 'plaited constrain verify' : 'restore data/ from a backup',
          },
      ...[{ variable: 'PLAITED_PORT', host: config.host, port: config.port }, ...channels.listens].map((place) =>
        examinePort(place, status.serving ? status.pid : null),
      ),
      { name: 'node', state: 'ok', detail: status.serving ? `running, pid ${status.pid}` : 'not running', mend: null },
    )
  } catch (error) {
    if (!(error instanceof NodeError)) throw error
    checks.push(failure('node', error))
  }
  return checks
}

const examineRules = ({ rules, ruleFaults }: NodeStatus): Check => {
  const name = 'rules'
  return ruleFaults === null || ruleFaults.length === 0
    ? { name, state: 'ok', detail: `${rules} rules`, mend: null }
    : { name, state: 'fail', detail: `no tool runs: ${ruleFaults.join('; ')}`, mend: 'plaited constrain verify' }
}

const examineRatchet = ({ ratchet }: NodeStatus): Check => {
  const name = 'ratchet'
  return ratchet === 'enforced'
    ? { name, state: 'ok', detail: 'enforced: another user keeps the rules', mend: null }
    : { name, state: 'warn', detail: 'advisory: on one user account that user can edit the rule files', mend: null }
}

/** Asks it, because a missing key shows nowhere else before a rule is to be added. */
const examineKeeper = async ({ home }: Config, { signingFault }: NodeStatus): Promise<Check> => {
  const name = 'keeper'
  try {
    const { faults } = await reachKeeper(home).publicKeys()
    const wrong = [...faults, ...(signingFault === null ? [] : [`decisions are not signed: ${signingFault}`])]
    if (wrong.length > 0) return { name, state: 'fail', detail: wrong.join('; '), mend: null }
    return { name, state: 'ok', detail: 'answers, and holds the key that signed the rules', mend: null }
  } catch (error) {
    if (!(error instanceof NodeError)) throw error
    return failure(name, error)
  }
}

/** Each configured channel by its own look at its service; what it needs and lacks, when it cannot be made. */
const examineChannels = async ({
  home,
  signal,
}: Invocation): Promise<{ readonly checks: readonly Check[]; readonly listens: readonly ListeningPlace[] }> => {
  const settings = readConfig({ home })
  const { config } = settings
  if (config.channels.length === 0) return { checks: [], listens: [] }
  const state = openStateForReading(config.home.state)
  try {
    const memory = state && createChannelMemory(state, systemClock)
    const opened = await openChannels(settings, {
      // The node may be running: what doctor learns is not kept.
      memory: { get: (channel, key) => memory?.get(channel, key) ?? null, set: () => {} },
      links: { add: () => {}, remove: () => false, list: () => [] },
      announce: () => {},
    })
    const checks = await Promise.all(
      opened.map(async (entry): Promise<readonly Check[]> => {
        if ('missing' in entry) return entry.missing.map((detail) => missingSetting(entry.name, detail, config))
        const found = await entry.channel.examine?.(signal)
        await entry.channel.close?.()
        const own = found ?? [{ state: 'ok', detail: `configured as ${entry.channel.identity().id}`, mend: null }]
        return own.map((check) => ({ name: entry.name, ...check }))
      }),
    )
    const listens = opened.flatMap((entry) => ('channel' in entry ? (entry.channel.listens ?? []) : []))
    return { checks: [...checks.flat(), ...examineOwner(config)], listens }
  } finally {
    state?.close()
  }
}

const missingSetting = (name: string, detail: string, { home }: Config): Check => ({
  ...{ name, state: 'fail', detail },
  mend: `set it in the environment or in ${home.configFile}`,
})

const examineOwner = ({ ownerId, home }: Config): readonly Check[] =>
  ownerId === null
    ? [
        {
          ...{
            name: 'owner',
            state: 'warn',
            detail: 'OWNER_ID is not set: only identities that you link are answered',
          },
          mend: `set OWNER_ID in the environment or in ${home.configFile}, or run plaited link while it runs`,
        },
      ]
    : [{ name: 'owner', state: 'ok', detail: ownerId, mend: null }]

const attempt = <T>(checks: Check[], name: string, look: () => T): T | null => {
  try {
    return look()
  } catch (error) {
    if (!(error instanceof NodeError)) throw error
    checks.push(failure(name, error))
    return null
  }
}

const failure = (name: string, error: NodeError): Check => ({
  name,
  state: 'fail',
  detail: error.message,
  mend: error.hint,
})

const examineModel = (config: Config): Check => {
  const name = 'model'
  if (config.model === null) {
    return {
      name,
      state: 'warn',
      detail: 'no key: a script answers',
      mend: `set ANTHROPIC_API_KEY in the environment or in ${config.home.configFile}`,
    }
  }
  return priceOf(config.model) === null
    ? {
        name,
        state: 'fail',
        detail: `the price of ${modelName(config)} is not known, so caps cannot be kept`,
        mend: 'set PLAITED_MODEL to a model with a known price',
      }
    : { name, state: 'ok', detail: modelName(config), mend: null }
}

const examineSandbox = ({ sandbox }: NodeStatus): Check => {
  const name = 'sandbox'
  if (sandbox.mode === 'full') return { name, state: 'ok', detail: 'full: bubblewrap and seccomp', mend: null }
  if (sandbox.mode === 'unknown') return { name, state: 'warn', detail: 'the node does not answer', mend: null }
  if (sandbox.mode === 'shared-proc') {
    return {
      ...{ name, state: 'warn', detail: `WEAKER, as PLAITED_SANDBOX=shared-proc asks: ${sandbox.weakness}` },
      mend: 'start the container with security_opt: ["systempaths=unconfined"], and unset PLAITED_SANDBOX',
    }
  }
  return { name, state: 'fail', detail: `${sandbox.reason}: tools refuse to run`, mend: sandbox.mend }
}
