import { accessSync, constants, realpathSync, statSync } from 'node:fs'
import { NodeError } from '../../utils/node-error.ts'
import { firstUnreachable, READ, SEARCH } from './reachability.ts'
import type { SandboxUser } from './sandbox.types.ts'
import type { SeccompArchitecture } from './seccomp-filter.ts'

/** Not the caller's PATH: a program found there would run outside of everything that this folder builds. bin/plaited, too. */
export const PROGRAM_FOLDERS = ['/usr/bin', '/usr/local/bin', '/bin']

/** @throws {NodeError} SANDBOX_UNAVAILABLE when no folder of the system has the program. */
export const requireProgram = (name: string, debianPackage: string): string => {
  const found = PROGRAM_FOLDERS.map((folder) => `${folder}/${name}`).find(isProgram)
  if (found !== undefined) return found
  throw new NodeError(
    'SANDBOX_UNAVAILABLE',
    `${debianPackage} is not installed (no program ${name} in ${PROGRAM_FOLDERS.join(', ')})`,
    { hint: `apt-get install ${debianPackage}` },
  )
}

/** Whether the sandbox, which shows no other programs than the system's, has a program that its user can run. */
export const isConfinedProgram = (path: string, user: SandboxUser | null): boolean => {
  try {
    if (!isProgram(path)) return false
    const isShown = [path, realpathSync(path)].every((place) => /^\/(usr|bin)\//.test(place))
    if (user === null) accessSync(path, constants.R_OK | constants.X_OK) // it is the caller's own
    return isShown && (user === null || firstUnreachable(path, user, READ | SEARCH) === null)
  } catch {
    return false // a folder on the way cannot be entered, or it went away
  }
}

const isProgram = (path: string): boolean => {
  const found = statSync(path, { throwIfNoEntry: false })
  return found?.isFile() === true && (found.mode & 0o111) !== 0
}

/**
 * Imported on use: the package throws while loading when its binary was not installed, and the node must still start.
 * @throws {NodeError} SANDBOX_UNAVAILABLE
 */
export const requireRipgrep = async (): Promise<string> => {
  try {
    const { rgPath } = await import('@vscode/ripgrep')
    return realpathSync(rgPath)
  } catch (cause) {
    throw new NodeError('SANDBOX_UNAVAILABLE', 'the ripgrep binary of @vscode/ripgrep is missing', {
      hint: "run 'bin/plaited' again, which installs the dependencies",
      cause,
    })
  }
}

/** openat2, by which the file tools stay beneath the workspace. Everything else that is used is older. */
const KERNEL_MIN = { major: 5, minor: 6 }

/** @param release as `uname -r` prints it. @throws {NodeError} SANDBOX_UNAVAILABLE on a kernel that is too old. */
export const requireKernel = (release: string): void => {
  const [major = 0, minor = 0] = release.split('.').map((part) => Number.parseInt(part, 10))
  if (major > KERNEL_MIN.major || (major === KERNEL_MIN.major && minor >= KERNEL_MIN.minor)) return
  throw new NodeError(
    'SANDBOX_UNAVAILABLE',
    `the kernel is too old: it is ${release}, and openat2 needs ${KERNEL_MIN.major}.${KERNEL_MIN.minor}`,
    { hint: "boot a newer kernel (apt-get install linux-image-amd64 on Debian); in a container it is the host's" },
  )
}

/** @throws {NodeError} SANDBOX_UNAVAILABLE where no filter exists for this machine. */
export const requireArchitecture = (): SeccompArchitecture => {
  if (process.platform === 'linux' && (process.arch === 'x64' || process.arch === 'arm64')) return process.arch
  throw new NodeError('SANDBOX_UNAVAILABLE', `no sandbox exists for ${process.platform} on ${process.arch}`, {
    hint: 'run the node on Linux, x86-64 or aarch64; a virtual machine or a container will do',
  })
}
