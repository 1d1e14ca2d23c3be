/**
 * What a turn changed is looked at before it is committed: the rules about files also hold for what commands wrote, and
 * the owner is told what went against them and what escapes the history.
 */
import { oneLine } from '../utils/one-line.ts'
import type { AgentParts } from './agent-parts.types.ts'
import type { Blocker } from './rule-engine.ts'
import type { Turn } from './turn.types.ts'
import type { PendingChange, PutBack, WorkspaceRepo } from './workspace/workspace.types.ts'
import type { WrittenFiles } from './written-files.ts'

/** Paths that one sentence of the reply names. */
const PATHS_SHOWN_MAX = 20

const OPERATIONS = { added: 'create', modified: 'overwrite', deleted: 'delete' } as const

export type Review = {
  /** As `WorkspaceRepo.commitTurn` asks it. */
  readonly review: Parameters<WorkspaceRepo['commitTurn']>[0]['review']
  /** Sentences for the reply, once the turn is committed. */
  readonly describe: (putBack: PutBack) => readonly string[]
}

export const createReview = ({ gate }: Pick<AgentParts, 'gate'>, turn: Turn, written: WrittenFiles): Review => {
  const blockers = new Map<string, readonly Blocker[]>()
  let ignoreFiles: readonly string[] = []
  return {
    review: async (changes) => {
      const made = await written.byCommands(changes)
      const context = { turn: turn.id, channel: turn.intent.channel, senderId: turn.intent.senderId }
      const blocked = gate.permitWrites(made.map(toQuestion), context)
      for (const [index, by] of blocked) {
        const path = made[index]?.path
        if (path !== undefined) blockers.set(path, by)
      }
      ignoreFiles = changes.map(({ path }) => path).filter((path) => isIgnoreFile(path) && !blockers.has(path))
      return new Set(blockers.keys())
    },
    describe: ({ paths, kept }) => {
      const byRule = (given: readonly string[]) => groupByRule(given, blockers)
      return [
        ...byRule(paths).map(
          ([rule, list]) => `A command changed what a rule protects, so I put it back: ${list} (${rule}).`,
        ),
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

const toQuestion = ({ path, change, bytes, executable }: PendingChange) =>
  ({ path, op: OPERATIONS[change], bytes, exec: executable, via: 'bash' }) as const

const isIgnoreFile = (path: string): boolean => path === '.gitignore' || path.endsWith('/.gitignore')

const groupByRule = (
  paths: readonly string[],
  blockers: ReadonlyMap<string, readonly Blocker[]>,
): readonly (readonly [rule: string, paths: string])[] => {
  const ruleOf = (path: string) => (blockers.get(path) ?? []).map(({ by, sentence }) => `${by}: ${sentence}`).join('; ')
  return [...Map.groupBy(paths, ruleOf)].map(([rule, group]) => [rule, showPaths(group)] as const)
}

const showPaths = (paths: readonly string[]): string => {
  const more = paths.length > PATHS_SHOWN_MAX ? ` and ${paths.length - PATHS_SHOWN_MAX} more` : ''
  return `${paths.toSorted().slice(0, PATHS_SHOWN_MAX).map(oneLine).join(', ')}${more}`
}
