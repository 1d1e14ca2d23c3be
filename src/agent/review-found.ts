/**
 * What an interrupted turn left, looked at before it becomes a commit apart from the turn. It is judged like what a command
 * wrote, and told; it may as well be work of the owner's, so nothing of it is put back.
 */
import { z } from 'zod'
import type { Journal } from './journal.ts'
import { type ChangeParts, groupByRule, judgeChanges, showPaths } from './judge-changes.ts'
import { bashTool } from './tools/bash-tool.ts'
import type { Turn } from './turn.types.ts'
import type { PendingChange } from './workspace/workspace.types.ts'

const started = z.object({ tool: z.string() })
const noted = z.object({ notes: z.array(z.string()) })

/** What is to be told is recorded before the commit, so that no crash between the two loses it. */
export const reviewFound = (
  parts: ChangeParts,
  turn: Turn,
  { changes, setAside }: { readonly changes: readonly PendingChange[]; readonly setAside: readonly string[] },
): void => {
  const { journal } = parts
  const blockers = judgeChanges(parts, turn, { changes, byCommands: hasRunCommand(journal, turn.id) })
  if (blockers.size + setAside.length === 0) return
  const notes = groupByRule([...blockers.keys()], blockers).map(
    ([rule, list]) =>
      `Found after the restart, against a rule: ${list} (${rule}). A command of mine or you changed it, so I left it as it is.`,
  )
  if (setAside.length > 0) notes.push(`Moved away before the restart, for a rule: see ${showPaths(setAside)}.`)
  journal.append({ type: 'workspace.found', turn: turn.id, payload: { notes } })
}

/** Sentences for the reply, each once, also when a crash before the commit had it recorded twice. */
export const describeFound = (journal: Journal, turn: string): readonly string[] => {
  const found = journal.ofTurn(turn).filter(({ type }) => type === 'workspace.found')
  return [...new Set(found.flatMap(({ payload }) => noted.parse(payload).notes))]
}

const hasRunCommand = (journal: Journal, turn: string): boolean =>
  journal
    .ofTurn(turn)
    .some(({ type, payload }) => type === 'tool.start' && started.parse(payload).tool === bashTool.name)
