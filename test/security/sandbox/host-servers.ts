import { chmodSync } from 'node:fs'
import { join } from 'node:path'
import { TEST_USER } from '../../../src/agent/sandbox/tests/sandbox-fixture.ts'
import type { Treasures } from './victim-main.ts'

/** Servers of the host that greet whoever connects with a secret, and note in `heard` what they are told. */
export const startServers = async ({
  heard,
  socketPath,
  secret,
}: {
  readonly heard: string[]
  readonly socketPath: string
  readonly secret: string
}) => {
  const socket = {
    open: (peer: Bun.Socket) => void peer.write(secret),
    data: (peer: Bun.Socket, bytes: Buffer) => {
      heard.push(bytes.toString('latin1'))
      peer.end()
    },
  }
  const tcp = Bun.listen({ hostname: '0.0.0.0', port: 0, socket })
  const local = Bun.listen({ unix: socketPath, socket })
  chmodSync(socketPath, 0o777)
  const udp = await Bun.udpSocket({
    hostname: '0.0.0.0',
    port: 0,
    socket: { data: (_, bytes) => void heard.push(bytes.toString('latin1')) },
  })
  return {
    socketPath,
    tcpPort: tcp.port,
    udpPort: udp.port,
    close: () => {
      tcp.stop(true)
      local.stop(true)
      udp.close()
    },
  }
}

/** A process of the sandbox's user on the host, with things worth having. */
export const startVictim = async ({
  environment,
  argument,
  memory,
}: {
  readonly environment: string
  readonly argument: string
  readonly memory: string
}) => {
  const drop =
    TEST_USER === null
      ? []
      : ['setpriv', `--reuid=${TEST_USER.uid}`, `--regid=${TEST_USER.gid}`, '--clear-groups', '--inh-caps=-all', '--']
  const child = Bun.spawn(
    [...drop, process.execPath, '--no-install', join(import.meta.dir, 'victim-main.ts'), argument],
    {
      cwd: '/',
      env: { PATH: '/usr/bin:/bin', HOME: '/tmp', VICTIM_SECRET: environment },
      stdin: 'pipe',
      stdout: 'pipe',
      stderr: 'inherit',
    },
  )
  child.stdin.write(`${memory}\n`)
  await child.stdin.flush()
  const reader = child.stdout.getReader()
  let text = ''
  while (!text.includes('\n')) {
    const { value, done } = await reader.read()
    if (done) throw new Error('the victim could not start')
    text += new TextDecoder().decode(value)
  }
  return {
    pid: child.pid,
    treasures: JSON.parse(text) as Treasures,
    end: async () => {
      await child.stdin.end()
      await child.exited
    },
  }
}
