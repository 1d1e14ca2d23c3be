import { existsSync, lstatSync, readlinkSync, realpathSync } from 'node:fs'
import { release } from 'node:os'
import { NodeError } from '../../utils/node-error.ts'
import type { RootEntry, SandboxHost } from './bubblewrap-arguments.ts'
import { requireArchitecture, requireKernel, requireProgram, requireRipgrep } from './find-programs.ts'
import { createPipeMaker } from './output-pipe.ts'
import { writePrivateEtc } from './private-etc.ts'
import { requireReadable, requireWorkspace } from './reachability.ts'
import { reachableProgram, reachableWorker } from './reachable-programs.ts'
import { ensureReadableFolder, putFile } from './runtime-files.ts'
import type { SandboxOptions, SandboxUser } from './sandbox.types.ts'
import { SANDBOX_LIMITS } from './sandbox-limits.ts'
import { seccompFilter } from './seccomp-filter.ts'

/**
 * Finds the programs, writes what the sandbox reads, and checks that its user can reach all of it.
 * @throws {NodeError} SANDBOX_UNAVAILABLE, WORKSPACE_UNUSABLE
 */
export const prepareHost = async (options: SandboxOptions): Promise<SandboxHost> => {
  try {
    return await prepare(options)
  } catch (error) {
    if (error instanceof NodeError) throw error
    const what = error instanceof Error ? error.message : String(error)
    throw new NodeError('SANDBOX_UNAVAILABLE', `cannot prepare ${options.runtimeDir}: ${what}`, {
      hint: 'make this folder writable for the node, and free some space on its disk',
      cause: error,
    })
  }
}

const prepare = async (options: SandboxOptions): Promise<SandboxHost> => {
  const { workspace, gitDir, runtimeDir, dropTo, mode = 'full', limits } = options
  const user = sandboxUser(dropTo)
  const bubblewrapPath = requireProgram('bwrap', 'bubblewrap')
  requireProgram('bash', 'bash')
  const drop = dropTo === null ? null : { to: dropTo, setprivPath: requireProgram('setpriv', 'util-linux') }
  const architecture = requireArchitecture()
  requireKernel(release())
  requireWorkspace(workspace, dropTo)

  const etcDir = `${runtimeDir}/etc`
  const filterPaths = { bash: `${runtimeDir}/seccomp-bash.bpf`, files: `${runtimeDir}/seccomp-files.bpf` }
  await ensureReadableFolder(runtimeDir)
  requireReadable(runtimeDir, dropTo)
  await writePrivateEtc(etcDir, { user, gitDir })
  await putFile(filterPaths.bash, seccompFilter(architecture, 'bash'))
  await putFile(filterPaths.files, seccompFilter(architecture, 'files'))

  return {
    workspace,
    gitDir,
    etcDir,
    bunPath: await reachableProgram(realpathSync(process.execPath), `${runtimeDir}/bin/bun`, dropTo),
    ripgrepPath: await reachableProgram(await requireRipgrep(), `${runtimeDir}/bin/rg`, dropTo),
    workerDir: await reachableWorker(`${runtimeDir}/worker`, dropTo),
    filterPaths,
    rootEntries: ['/bin', '/sbin', '/lib', '/lib64'].flatMap(rootEntry),
    hasAlternatives: existsSync('/etc/alternatives'),
    bubblewrapPath,
    drop,
    mode,
    limits: { ...SANDBOX_LIMITS, ...limits },
    makePipe: createPipeMaker(dropTo),
    mark: `plaited-${crypto.randomUUID()}`,
  }
}

/** @throws {NodeError} SANDBOX_UNAVAILABLE when the node is root and nobody was named to become, or the reverse. */
export const sandboxUser = (dropTo: SandboxUser | null): SandboxUser => {
  const own = { uid: process.getuid?.() ?? 0, gid: process.getgid?.() ?? 0 }
  if ((own.uid === 0) !== (dropTo !== null) || dropTo?.uid === 0 || dropTo?.gid === 0)
    throw new NodeError('SANDBOX_UNAVAILABLE', 'commands never run as root', {
      hint: 'as root set PLAITED_SANDBOX_UID to an ordinary user such as 10001:10000; as anyone else leave it unset',
    })
  return dropTo ?? own
}

/** `/bin -> usr/bin` where the system has merged them, a folder of its own elsewhere; aarch64 has no /lib64. */
const rootEntry = (path: string): RootEntry[] => {
  const found = lstatSync(path, { throwIfNoEntry: false })
  if (found === undefined) return []
  return [{ path, linkTo: found.isSymbolicLink() ? readlinkSync(path) : null }]
}
