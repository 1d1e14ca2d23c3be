/** The node as a service: HTTP, control socket and channels, until a signal. */
import type { Config, Secrets } from './config.ts'
import { startPublicServer } from './server/public-server.ts'

export const runService = async (
  { config, secrets }: { readonly config: Config; readonly secrets: Secrets },
  signal: AbortSignal,
  onReady: (ready: { readonly url: string }) => void,
): Promise<void> => {
  const disposals: (() => Promise<void>)[] = []
  try {
    // Health first: whoever waits for the start to answer need not wait for rules, workspace and sandbox.
    const http = startPublicServer(config)
    disposals.push(http.close)
    const [{ createNode }, { startControlServer }] = await Promise.all([
      import('./node.ts'),
      import('./server/control-server.ts'),
    ])
    const node = await createNode({ config, secrets })
    disposals.push(node.close)
    const control = startControlServer(config.home.controlSocket, node.operations)
    disposals.push(control.close)
    onReady({ url: http.url })
    await node.serve(signal)
  } finally {
    for (const dispose of disposals.reverse()) await dispose()
  }
}
