import type { GitEngine } from './engine.types.ts'
import type { WorkspaceCommit } from './workspace.types.ts'

/**
 * The newest of the candidates that `main` holds, or null. The record keeps every commit for ever, but the owner's own git
 * may amend or reset what the node committed: such a commit cannot be taken back any more, is named, and does not stand in
 * the way of older ones. `lost` are the newer ones that main does not hold.
 */
export const findUndoable = async (
  engine: GitEngine,
  { candidates, main }: { readonly candidates: readonly WorkspaceCommit[]; readonly main: string },
): Promise<{ readonly found: WorkspaceCommit | null; readonly lost: readonly WorkspaceCommit[] }> => {
  const held = await engine.heldBy(
    main,
    candidates.map(({ sha }) => sha),
  )
  const at = candidates.findIndex(({ sha }) => held.has(sha))
  return at === -1
    ? { found: null, lost: candidates }
    : { found: candidates[at] ?? null, lost: candidates.slice(0, at) }
}
