/** The node as a service: HTTP, control socket and channels, until a signal. */
import type { Config, Secrets } from './config.ts'
import { createNode } from './node.ts'
import { startControlServer } from './server/control-server.ts'
import { startPublicServer } from './server/public-server.ts'

export const runService = async (
  { config, secrets }: { readonly config: Config; readonly secrets: Secrets },
  signal: AbortSignal,
  onReady: (ready: { readonly url: string }) => void,
): Promise<void> => {
  const node = await createNode({ config, secrets })
  const disposals: (() => Promise<void>)[] = [node.close]
  try {
    const http = startPublicServer(config)
    disposals.push(http.close)
    const control = startControlServer(config.home.controlSocket, node.operations)
    disposals.push(control.close)
    onReady({ url: http.url })
    await node.serve(signal)
  } finally {
    for (const dispose of disposals.reverse()) await dispose()
  }
}
