/** The node as a service: HTTP, control socket and channels, until a signal. */
import { type Config, modelName, type Secrets } from './config.ts'
import { logControlFault, type NodeLog, toError } from './node-log.ts'
import type { ChannelPorts } from './open-channels.ts'
import type { Operations } from './operations.ts'
import { startPublicServer } from './server/public-server.ts'
import { systemClock } from './utils/clock.ts'

export const runService = async (
  {
    config,
    secrets,
    log,
    announce,
  }: {
    readonly config: Config
    readonly secrets: Secrets
    readonly log: NodeLog
    /** Shows whoever started it something that must not be logged. */
    readonly announce: (text: string) => void
  },
  signal: AbortSignal,
  onReady: (ready: { readonly url: string; readonly channels: readonly string[] }) => void,
): Promise<void> => {
  const startedAt = systemClock.now()
  const disposals: (() => Promise<void>)[] = []
  const faults: unknown[] = []
  const fail = (error: unknown): void => {
    faults.push(error)
    log.error('node.failed', { error: toError(error) })
  }
  log.info('node.start', { home: config.home.root, model: modelName(config) })
  try {
    // Health first: whoever waits for the start to answer need not wait for rules, workspace and sandbox.
    const http = startPublicServer(config)
    disposals.push(http.close)
    const [{ createNode }, { startControlServer }, { requireChannels }] = await Promise.all([
      import('./node.ts'),
      import('./server/control-server.ts'),
      import('./open-channels.ts'),
    ])
    const openChannels = (ports: ChannelPorts) => requireChannels({ config, secrets }, ports)
    const node = await createNode({ config, secrets, log, announce, openChannels })
    disposals.push(node.close)
    const control = startControlServer(config.home.controlSocket, node.operations, logControlFault(log))
    disposals.push(control.close)
    log.info('node.ready', { url: http.url })
    onReady({ url: http.url, channels: config.channels })
    // Gives back what the start has left behind: 9 of 93 MB (2026-11-21). Deprecated in the types, with nothing in its place.
    Bun.shrink()
    await Promise.all([node.serve(signal), logGuards(node.operations, log)])
  } catch (error) {
    fail(error)
  }
  // Each, whatever another fails at: a listener that stays open keeps a process that serves nothing.
  for (const dispose of disposals.reverse()) await dispose().catch(fail)
  log.info('node.stop', { upMs: Math.max(0, systemClock.now() - startedAt) })
  if (faults.length > 0) throw faults[0]
}

/** Said at the start, because tools refuse from then on and nobody may be there to see it. */
const logGuards = async (operations: Operations, log: NodeLog): Promise<void> => {
  if (log.level === 'silent') return
  const { sandbox, ruleFaults, retired } = await operations.status()
  for (const fault of ruleFaults ?? []) log.error('rules.tampered', { fault })
  for (const { rule, reason } of retired) log.warn('rules.retired', { rule, reason })
  if (sandbox.mode === 'shared-proc') log.warn('sandbox.weaker', { mode: sandbox.mode, weakness: sandbox.weakness })
  if (sandbox.mode === 'unavailable') log.warn('sandbox.unavailable', { reason: sandbox.reason, mend: sandbox.mend })
}
