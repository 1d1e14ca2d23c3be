/** Going back and forth in the history of the workspace; must not run beside a turn. */
import type { AgentParts } from './agent/agent-parts.types.ts'
import type { LastingEffects } from './agent/lasting-effects.ts'
import { resolveWorkspacePath, WORKSPACE_ROOT } from './agent/permission-event.ts'
import type { UndoResult } from './agent/workspace/workspace.types.ts'
import type { Operations } from './operations.ts'
import { NodeError } from './utils/node-error.ts'

export type WorkspaceHistory = Pick<Operations, 'undo' | 'redo' | 'restore'>

export const createWorkspaceHistory = ({
  workspace,
  journal,
  lastingEffects,
}: Pick<AgentParts, 'workspace' | 'journal'> & { readonly lastingEffects: LastingEffects }): WorkspaceHistory => {
  const note = (type: 'workspace.undo' | 'workspace.redo', { undone, commit }: UndoResult): void =>
    journal.append({ type, turn: undone.turn, ref: commit.sha, payload: { undone: undone.sha } })
  return {
    undo: async (turn) => {
      const result = await workspace.undo(turn)
      note('workspace.undo', result)
      const undone = result.undone.turn
      return { ...result, lasting: undone === null ? [] : lastingEffects(undone) }
    },
    redo: async () => {
      const result = await workspace.redo()
      note('workspace.redo', result)
      return { ...result, lasting: [] }
    },
    restore: async ({ path, turn }) => {
      const result = await workspace.restore(relativePath(path), turn)
      journal.append({ type: 'workspace.restore', turn, ref: result.commit.sha, payload: { sha: result.commit.sha } })
      return result
    },
  }
}

const relativePath = (path: string): string => {
  const whole = resolveWorkspacePath(path)
  if (whole.startsWith(`${WORKSPACE_ROOT}/`)) return whole.slice(WORKSPACE_ROOT.length + 1)
  throw new NodeError('USAGE', `${JSON.stringify(path)} is not a file of the workspace`, {
    hint: 'name it as the agent sees it: notes/a.md or /workspace/notes/a.md',
  })
}
