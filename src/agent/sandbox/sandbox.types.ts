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
