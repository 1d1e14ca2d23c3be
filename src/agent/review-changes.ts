/**
 * What a turn changed is looked at before it is committed: the rules about files also hold for what commands wrote, and
 * the owner is told what went against them and what escapes the history.
 */
import { oneLine } from '../utils/one-line.ts'
import { type Blockers, type ChangeParts, groupByRule, judgeChanges, showPaths } from './judge-changes.ts'
import type { Turn } from './turn.types.ts'
import type { PutBack, WorkspaceRepo } from './workspace/workspace.types.ts'
import type { WrittenFiles } from './written-files.ts'

export type Review = {
  /** As `WorkspaceRepo.commitTurn` asks it. */
  readonly review: Parameters<WorkspaceRepo['commitTurn']>[0]['review']
  /** Sentences for the reply, once the turn is committed. */
  readonly describe: (putBack: PutBack) => readonly string[]
}

export const createReview = (parts: ChangeParts, turn: Turn, written: WrittenFiles): Review => {
  let blockers: Blockers = new Map()
  let ignoreFiles: readonly string[] = []
  let added: ReadonlySet<string> = new Set()
  return {
    review: async (changes) => {
      const made = await written.besidesTools(changes)
      blockers = judgeChanges(parts, turn, { changes: made, byCommands: written.hasCommandRun() })
      added = new Set(changes.filter(({ change }) => change === 'added').map(({ path }) => path))
      ignoreFiles = changes.map(({ path }) => path).filter((path) => isIgnoreFile(path) && !blockers.has(path))
      return new Set(blockers.keys())
    },
    describe: ({ paths, kept, aside, expired }) => {
      const byRule = (given: readonly string[]) => groupByRule(given, blockers)
      return [
        ...byRule(paths.filter((path) => !added.has(path))).map(
          ([rule, list]) => `A command changed what a rule protects, so I put it back: ${list} (${rule}).`,
        ),
        ...byRule(paths.filter((path) => added.has(path))).map(
          ([rule, list]) => `A command made what a rule forbids, so I moved it away: ${list} (${rule}).`,
        ),
        ...(aside === null ? [] : [`If it was you: what stood there is in ${oneLine(aside)}.`]),
        ...(expired.length === 0 ? [] : [`To make room I removed the oldest such folders: ${showPaths(expired)}.`]),
        ...byRule(kept).map(
          ([rule, list]) =>
            `A command changed what a rule protects, and I could not put it back, because no commit holds it or it is locked: ${list} (${rule}).`,
        ),
        ...(ignoreFiles.length > 0
          ? [`This turn changed ${showPaths(ignoreFiles)}: undo does not bring back files that git is told to ignore.`]
          : []),
      ]
    },
  }
}

const isIgnoreFile = (path: string): boolean => path === '.gitignore' || path.endsWith('/.gitignore')
