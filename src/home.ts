/** Where a node keeps everything: one folder, made on first use, with nothing in it that other users may read. */
import { accessSync, chmodSync, chownSync, closeSync, constants, mkdirSync, openSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { onDisk } from './utils/disk-fault.ts'
import { NodeError } from './utils/node-error.ts'
import { reopenFolder } from './utils/reopen-folder.ts'

export type Home = {
  readonly root: string
  readonly data: string
  readonly state: string
  readonly lease: string
  readonly constraints: string
  readonly gitParent: string
  readonly gitDir: string
  readonly runtime: string
  readonly workspace: string
  readonly run: string
  readonly controlSocket: string
  readonly configFile: string
}

export const homePaths = (root: string): Home => ({
  root,
  data: join(root, 'data'),
  state: join(root, 'data', 'events.sqlite'),
  lease: join(root, 'data', 'lease.sqlite'),
  constraints: join(root, 'data', 'constraints'),
  gitParent: join(root, 'data', 'git'),
  gitDir: join(root, 'data', 'git', 'workspace.git'),
  runtime: join(root, 'data', 'runtime'),
  workspace: join(root, 'workspace'),
  run: join(root, 'run'),
  controlSocket: join(root, 'run', 'node.sock'),
  configFile: join(root, 'config.env'),
})

/**
 * Makes what is missing of the home, which belongs to one user: what another one made in it, root too, would lock the
 * first out. `data` and `run` are closed to other users; a sandbox that runs as another user may
 * walk through `data` to its runtime and the git dir, and nobody else may.
 * @throws {NodeError} HOME_UNUSABLE, or DISK_FULL.
 */
export const prepareHome = (home: Home, sandboxGroup: number | null): void =>
  onDisk(home.root, () => {
    requireOwn(home)
    // Others list nothing of it; the sandbox's own user, when there is one, must walk through.
    mkdirSync(home.root, { recursive: true, mode: sandboxGroup === null ? 0o700 : 0o711 })
    for (const folder of [home.data, home.run, home.gitParent]) mkdirSync(folder, { recursive: true, mode: 0o700 })
    for (const folder of [home.data, home.gitParent]) {
      if (sandboxGroup !== null) shareWith(folder, sandboxGroup)
      chmodSync(folder, sandboxGroup === null ? 0o700 : 0o710) // also a folder that was there, from a backup
    }
    if (sandboxGroup === null) reopenFolder(home.workspace) // commands have this uid, and may have closed it
    chmodSync(home.run, 0o700) // what holds the control socket is its only wall
    for (const folder of [home.data, home.run]) accessSync(folder, constants.W_OK)
    for (const file of [home.state, home.lease]) closeSync(openSync(file, 'a', 0o600))
  })

const requireOwn = ({ root, state }: Home): void => {
  const owner = statSync(state, { throwIfNoEntry: false })?.uid
  if (owner === undefined || owner === process.getuid?.()) return
  throw new NodeError('HOME_UNUSABLE', `${root} is the home of user ${owner}, and this is user ${process.getuid?.()}`, {
    hint: `run it as that user: sudo -u '#${owner}' plaited ..., or name another folder with --home`,
  })
}

/** In a container that maps few ids, the kernel does not know the others. */
const shareWith = (folder: string, group: number): void => {
  try {
    chownSync(folder, -1, group)
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && error.code === 'EINVAL')) throw error
    throw new NodeError('HOME_UNUSABLE', `the group ${group} of PLAITED_SANDBOX_UID is not mapped in this container`, {
      hint: 'map more ids into it (/etc/subuid and /etc/subgid), or run the node in it as an ordinary user',
      cause: error,
    })
  }
}
