/**
 * What a command of the turn changed, told apart from what the file tools wrote. A file tool names its file to the rules
 * before it writes; a command writes where it likes, so whatever it changed is asked about afterwards. A file that still
 * has the stamp which the tool's write gave it was not touched by any command since.
 */
import { WORKSPACE_ROOT } from './permission-event.ts'
import type { PendingChange, WorkspaceRepo } from './workspace/workspace.types.ts'

export type WrittenFiles = {
  /** A file tool has written this absolute path. */
  readonly noteWrite: (path: string) => Promise<void>
  readonly noteCommand: () => void
  readonly hasCommandRun: () => boolean
  /** Those that are not as a file tool has left them. */
  readonly besidesTools: (changes: readonly PendingChange[]) => Promise<readonly PendingChange[]>
}

/** For one turn since it began or was resumed: what is found after a crash is committed apart from it. */
export const createWrittenFiles = ({ stampOf }: Pick<WorkspaceRepo, 'stampOf'>): WrittenFiles => {
  const stamps = new Map<string, string | null>()
  let commandRan = false
  return {
    noteWrite: async (path) => {
      const relative = path.slice(WORKSPACE_ROOT.length + 1)
      stamps.set(relative, await stampOf(relative))
    },
    noteCommand: () => {
      commandRan = true
    },
    hasCommandRun: () => commandRan,
    besidesTools: async (changes) => {
      const made: PendingChange[] = []
      for (const change of changes) {
        const stamp = stamps.get(change.path)
        if (stamp === undefined || stamp !== (await stampOf(change.path))) made.push(change)
      }
      return made
    },
  }
}
