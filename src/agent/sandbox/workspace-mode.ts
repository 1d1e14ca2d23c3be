import { NodeError } from '../../utils/node-error.ts'
import { reopenFolder } from '../../utils/reopen-folder.ts'
import type { SandboxHost } from './bubblewrap-arguments.ts'

/**
 * Takes back what a command did to the mode of the workspace itself. A command can do that only where it has the node's uid:
 * under a root node the folder is root's, and shared by its group.
 * @throws {NodeError} SANDBOX_UNAVAILABLE when the mode cannot be set.
 */
export const restoreWorkspaceMode = ({ workspace, drop }: Pick<SandboxHost, 'workspace' | 'drop'>): void => {
  if (drop !== null) return
  try {
    reopenFolder(workspace)
  } catch (cause) {
    throw new NodeError('SANDBOX_UNAVAILABLE', `the workspace ${workspace} is closed, and cannot be opened again`, {
      hint: `chmod u+rwx,go-w ${workspace}`,
      cause,
    })
  }
}
