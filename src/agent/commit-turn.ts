/** The end of a turn that may have changed the workspace: one commit, and a plain word about what is not in it. */
import { z } from 'zod'
import { NodeError } from '../utils/node-error.ts'
import type { AgentParts } from './agent-parts.types.ts'
import type { Journal } from './journal.ts'
import type { Turn, TurnEnding, TurnResult } from './turn.types.ts'

const started = z.object({ tool: z.string() })
const committed = z.object({ leftOut: z.array(z.string()).default([]) })

/** Whether the turn has begun a call that can change the workspace. */
export const mayHaveChanged = ({ journal, tools }: Pick<AgentParts, 'journal' | 'tools'>, turn: string): boolean =>
  journal
    .ofTurn(turn)
    .some((event) => event.type === 'tool.start' && !tools.find(started.parse(event.payload).tool)?.idempotent)

/** A commit that fails is told to the owner, never hidden. */
export const commitTurn = async (
  { journal, tools, workspace }: AgentParts,
  turn: Turn,
  { end, text }: TurnEnding,
): Promise<TurnResult> => {
  if (!mayHaveChanged({ journal, tools }, turn.id)) return { end, text, commit: null }
  try {
    const commit = await workspace.commitTurn({ id: turn.id, intent: turn.intent.text, reason: firstLine(text) })
    if (!commit) return { end, text, commit: null }
    const { sha, leftOut } = commit
    const newlyLeftOut = leftOut.filter((path) => !leftOutBefore(journal).has(path))
    journal.append({ type: 'workspace.commit', turn: turn.id, ref: sha, payload: { sha, leftOut } })
    turn.progress({ kind: 'commit', commit })
    const note = `Not under git, so not undone by undo: ${newlyLeftOut.join(', ')}.`
    return { end, text: newlyLeftOut.length > 0 ? `${text}\n\n${note}` : text, commit }
  } catch (error) {
    if (!(error instanceof NodeError)) throw error
    const note = `The changes of this turn are not committed: ${error.message}.${error.hint ? ` ${error.hint}.` : ''}`
    return { end, text: `${text}\n\n${note}`, commit: null }
  }
}

/** What the last commit left out was told then. */
const leftOutBefore = (journal: Journal): ReadonlySet<string> => {
  const last = journal.newest('workspace.commit')
  return new Set(last ? committed.parse(last.payload).leftOut : [])
}

const firstLine = (text: string): string => text.trimStart().split('\n', 1)[0] ?? ''
