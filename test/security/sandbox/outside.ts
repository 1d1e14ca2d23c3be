/**
 * The outside of the sandbox, as an attack would like to have it: secrets in files, processes, memory and sockets, doors
 * that anyone may write through, and servers that note what reaches them. No secret is held back by file modes: everything
 * here is open to the sandbox's user, so that only the sandbox stands in between.
 */
import { randomBytes } from 'node:crypto'
import { chmodSync, closeSync, existsSync, mkdirSync, openSync, rmSync, writeFileSync } from 'node:fs'
import { networkInterfaces } from 'node:os'
import { join } from 'node:path'
import { startServers, startVictim } from './host-servers.ts'
import { observeHost, searchHost } from './host-state.ts'
import type { Treasures } from './victim-main.ts'

/** 96 bits: never met by chance. */
export const randomWord = (prefix: string): string => `${prefix}${randomBytes(12).toString('hex')}`

/** What an attack may know of the host: it has been there before. */
export type Outside = {
  readonly ownerFile: string
  readonly database: string
  readonly configFile: string
  readonly temporaryFiles: readonly string[]
  readonly repository: string
  /** Anyone may create files here. */
  readonly dropFolder: string
  readonly socketPath: string
  readonly abstractName: string
  readonly tcpPort: number
  readonly udpPort: number
  /** Addresses of this host besides loopback. */
  readonly addresses: readonly string[]
  readonly victim: Treasures & { readonly pid: number }
  readonly nodePid: number
  readonly workspace: string
  readonly gitDir: string
  /** The names of the secret's files, to look for. */
  readonly secretName: string
}

export type Host = {
  readonly outside: Outside
  /** Every word that must not come out. */
  readonly secrets: readonly string[]
  /** Looks at the whole host once; then says where a mark is outside, empty when it is nowhere. */
  readonly search: () => (mark: string) => readonly string[]
  /** Everything that no attack may move, as text to compare. */
  readonly observe: () => string
  readonly close: () => Promise<void>
}

type Place = { readonly root: string; readonly workspace: string; readonly gitDir: string }

export const createHost = async ({ root, workspace, gitDir }: Place): Promise<Host> => {
  const secrets: string[] = []
  const secret = () => {
    const word = randomWord('secret')
    secrets.push(word)
    return word
  }
  const put = (path: string, content: string) => {
    mkdirSync(join(path, '..'), { recursive: true })
    writeFileSync(path, content, { mode: 0o644 })
    return path
  }
  const secretName = randomWord('hidden')
  const ownerFile = put(join(root, 'owner', secretName), secret())
  const database = put(join(root, 'data', 'secrets.sqlite'), secret())
  const configFile = put(join(root, 'owner', 'config.env'), `ANTHROPIC_API_KEY=${secret()}\n`)
  const temporaryFiles = ['/tmp', '/var/tmp', '/dev/shm']
    .filter(existsSync)
    .map((folder) => put(join(folder, secretName), secret()))
  const repository = createRepository(join(root, 'other'), secret())
  const dropFolder = join(root, 'drop')
  mkdirSync(dropFolder)
  chmodSync(dropFolder, 0o1777)
  const heldDescriptor = openSync(ownerFile, 'r')
  const environmentName = 'PLAITED_TEST_SECRET'
  Bun.env[environmentName] = secret()

  const heard: string[] = []
  const servers = await startServers({ heard, socketPath: join(dropFolder, 'socket'), secret: secret() })
  const victim = await startVictim({ environment: secret(), argument: secret(), memory: secret() })

  const watched = [root, gitDir, join(root, 'owner'), join(root, 'data'), join(root, 'other'), dropFolder]
  return {
    outside: {
      ...{ ownerFile, database, configFile, temporaryFiles, repository, dropFolder, secretName, workspace, gitDir },
      ...{ socketPath: servers.socketPath, tcpPort: servers.tcpPort, udpPort: servers.udpPort },
      addresses: Object.values(networkInterfaces()).flatMap((all) =>
        (all ?? []).filter(({ internal }) => !internal).map(({ address }) => address),
      ),
      abstractName: victim.treasures.abstractName,
      victim: { ...victim.treasures, pid: victim.pid },
      nodePid: process.pid,
    },
    secrets,
    search: () => searchHost({ heard, watched }),
    observe: () => JSON.stringify(observeHost({ watched, workspace, victimPid: victim.pid }), null, 1),
    close: async () => {
      delete Bun.env[environmentName]
      closeSync(heldDescriptor)
      for (const path of temporaryFiles) rmSync(path, { force: true })
      servers.close()
      await victim.end()
    },
  }
}

const createRepository = (path: string, secret: string): string => {
  mkdirSync(path)
  const git = (...words: string[]) =>
    Bun.spawnSync(['git', '-C', path, '-c', 'user.name=a', '-c', 'user.email=a@localhost', ...words], {
      env: { PATH: '/usr/bin:/bin', HOME: path },
    })
  git('init', '--quiet')
  git('commit', '--quiet', '--allow-empty', '-m', secret)
  return path
}
