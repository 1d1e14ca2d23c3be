/** Where a node keeps everything: one folder, made on first use, with nothing in it that other users may read. */
import {
  accessSync,
  chmodSync,
  chownSync,
  closeSync,
  constants,
  existsSync,
  mkdirSync,
  openSync,
  readFileSync,
  realpathSync,
  statSync,
} from 'node:fs'
import { dirname, join } from 'node:path'
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

/** What a workspace holds instead of a git folder: the path of one in `gitDir`, of 4 KiB at most, and its name. */
const GIT_FILE = /^gitdir: (\/.*)\/data\/git\/workspace\.git\n?$/
const GIT_FILE_BYTES_MAX = 5000

/**
 * Makes what is missing of the home, which belongs to one user: what another one made in it, root too, would lock the
 * first out. `data` and `run` are closed to other users; a sandbox that runs as another user may
 * walk through `data` to its runtime and the git dir, and nobody else may.
 * @throws {NodeError} HOME_UNUSABLE, or DISK_FULL.
 */
export const prepareHome = (home: Home, sandboxGroup: number | null): void =>
  onDisk(home.root, () => {
    requireOwn(home)
    requireOutside(home)
    // Others list nothing of it; the sandbox's own user, when there is one, must walk through.
    makeFolder(home.root, sandboxGroup === null ? 0o700 : 0o711)
    for (const folder of [home.data, home.run, home.gitParent]) makeFolder(folder, 0o700)
    for (const folder of [home.data, home.gitParent]) {
      if (sandboxGroup !== null) shareWith(folder, sandboxGroup)
      chmodSync(folder, sandboxGroup === null ? 0o700 : 0o710) // also a folder that was there, from a backup
    }
    if (sandboxGroup === null) reopenFolder(home.workspace) // commands have this uid, and may have closed it
    chmodSync(home.run, 0o700) // what holds the control socket is its only wall
    for (const folder of [home.data, home.run]) accessSync(folder, constants.W_OK)
    for (const file of [home.state, home.lease]) closeSync(openSync(file, 'a', 0o600))
  })

const requireOwn = ({ root, data, state }: Home): void => {
  // Root could write into any folder, also one whose owner has begun a home with no more than a config.env.
  const signs = process.getuid?.() === 0 ? [state, data, root] : [state, data]
  const owner = signs.map((path) => statSync(path, { throwIfNoEntry: false })?.uid).find((uid) => uid !== undefined)
  if (owner === undefined || owner === process.getuid?.()) return
  throw new NodeError('HOME_UNUSABLE', `${root} is the home of user ${owner}, and this is user ${process.getuid?.()}`, {
    hint: `run it as that user: sudo -u '#${owner}' plaited ..., or name another folder with --home`,
  })
}

/** A workspace is committed and shown to commands as a whole: no keys or records of another home may lie there. */
const requireOutside = ({ root }: Home): void => {
  for (let folder = root; folder !== dirname(folder); folder = dirname(folder)) {
    const outer = [dirname(folder), homeOfHistory(folder)].map(homePaths).find((home) => isWorkspaceOf(home, folder))
    if (outer === undefined) continue
    const place = folder === root ? 'is' : 'lies in'
    throw new NodeError('HOME_UNUSABLE', `${root} ${place} the workspace of another home, ${outer.root}`, {
      hint: `that home would commit its data and show it to commands: name a folder outside of ${folder} with --home`,
    })
  }
}

/** The home may have a link in the place of its workspace. */
const isWorkspaceOf = ({ workspace, state }: Home, folder: string): boolean =>
  existsSync(state) && existsSync(workspace) && realpathSync(workspace) === folder

/** By the `.git` file of a workspace; the folder itself when it has none, which is no home's workspace then. */
const homeOfHistory = (folder: string): string => {
  const file = join(folder, '.git')
  const found = statSync(file, { throwIfNoEntry: false })
  const [, root] =
    found?.isFile() && found.size < GIT_FILE_BYTES_MAX ? (GIT_FILE.exec(readFileSync(file, 'utf8')) ?? []) : []
  return root ?? folder
}

const makeFolder = (path: string, mode: number): void => {
  try {
    mkdirSync(path, { recursive: true, mode })
  } catch (error) {
    // What a file system of the kernel's own, such as /proc, says to a new folder.
    if (!(error instanceof Error && 'code' in error && error.code === 'ENOENT')) throw error
    throw new NodeError('HOME_UNUSABLE', `cannot use ${dirname(path)}: no folder can be made in it`, {
      hint: 'name a folder on a disk with --home, or in PLAITED_HOME',
      cause: error,
    })
  }
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
