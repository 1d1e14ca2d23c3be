/** A path of the host that a confined process sees. */
export type Bind = { readonly source: string; readonly target: string; readonly writable: boolean }

export type ConfinedRequest = {
  readonly argv: readonly string[]
  readonly binds: readonly Bind[]
  /** Added to the clean environment of the sandbox. */
  readonly environment: Readonly<Record<string, string>>
  readonly stdin: string | Uint8Array | null
  readonly cwd: string
  readonly timeoutMs: number
}

export type ConfinedResult = { readonly exitCode: number; readonly stdout: Uint8Array; readonly stderr: Uint8Array }

/**
 * Runs one of the node's own programs (git on the worktree) under the same confinement as a tool call: fresh namespaces,
 * no network, seccomp, clean environment, nothing visible but the toolchain, /workspace and the named binds.
 * Contract: rejects with `NodeError` SANDBOX_UNAVAILABLE or SANDBOX_FAILED; a non-zero exit is a result.
 */
export type RunConfined = (request: ConfinedRequest) => Promise<ConfinedResult>

/** Who a sandboxed process is on the host. */
export type SandboxUser = { readonly uid: number; readonly gid: number }

export type SandboxOptions = {
  /** Host path of the worktree; inside it is always /workspace. */
  readonly workspace: string
  /** Host path of the git dir that the file `.git` of the worktree names; visible read-only at the same path inside. */
  readonly gitDir: string
  /** Folder of our own for what the sandbox reads: its /etc, its filters, and copies of programs it could not reach. */
  readonly runtimeDir: string
  /** Whom to become when the node is root; null when it is not. */
  readonly dropTo: SandboxUser | null
  /** Default: `full`. */
  readonly mode?: SandboxMode
  readonly limits?: Partial<SandboxLimits>
}

/**
 * `full`: a fresh /proc that shows the sandbox's own processes. `shared-proc`, only where the owner asked for it: the host's
 * /proc, read-only, so that a command sees which processes run outside, and their command lines.
 */
export type SandboxMode = 'full' | 'shared-proc'

/** What one call may use. */
export type SandboxLimits = {
  /** Ceiling for the time that a call asks for. */
  readonly wallMsMax: number
  readonly cpuSecondsMax: number
  /** Heap of one process (RLIMIT_DATA). */
  readonly dataBytesMax: number
  /** Size of one written file (RLIMIT_FSIZE). */
  readonly fileBytesMax: number
  readonly processesMax: number
  readonly openFilesMax: number
  /** The end of each of stdout and stderr that is answered; a command that writes several times as much is killed. */
  readonly outputBytesMax: number
  /** Of all whole outputs that are kept in the workspace. */
  readonly keptOutputBytesMax: number
  /** Memory of all processes of a call together. */
  readonly treeBytesMax: number
  /** Below this much available memory of the machine the call is killed. */
  readonly machineMemoryBytesMin: number
  /** Each of /tmp and /dev/shm. */
  readonly temporaryBytesMax: number
  /** By how much a call may shrink the free space of the workspace's file system. */
  readonly diskGrowthBytesMax: number
  readonly diskFreeBytesMin: number
  readonly newFilesMax: number
  /** Of everything in the workspace. */
  readonly workspaceBytesMax: number
  readonly workspaceFilesMax: number
  /** Processors of a call together; only control groups can hold it. */
  readonly coresMax: number
}

/** What the self-test found; `reason` and `mend` are sentences for the owner. */
export type SandboxCheck =
  | {
      readonly available: true
      readonly mode: SandboxMode
      readonly bubblewrapVersion: string
      readonly user: SandboxUser
    }
  | { readonly available: false; readonly reason: string; readonly mend: string }
