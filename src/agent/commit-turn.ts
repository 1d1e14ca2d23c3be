/**
 * What a turn leaves in the workspace: one commit at its end, and a plain word about what is not in it. What is found
 * uncommitted when an interrupted turn goes on becomes a commit of its own, because the owner may have worked meanwhile.
 */
import { z } from 'zod'
import { NodeError } from '../utils/node-error.ts'
import { oneLine } from '../utils/one-line.ts'
import type { AgentParts } from './agent-parts.types.ts'
import type { Journal } from './journal.ts'
import { createReview } from './review-changes.ts'
import { describeFound, reviewFound } from './review-found.ts'
import type { Turn, TurnEnding, TurnResult } from './turn.types.ts'
import type { WrittenFiles } from './written-files.ts'

/** More commits than one turn can have: one for each start of the node, its own, and one of the owner's edits. */
const COMMITS_OF_TURN_MAX = 20
/** As the log shows commits. */
const SHORT_SHA_CHARS = 10

const started = z.object({ tool: z.string() })
const committed = z.object({ leftOut: z.array(z.string()).default([]) })

/** Whether the turn has begun a call that can change the workspace. */
export const mayHaveChanged = ({ journal, tools }: Pick<AgentParts, 'journal' | 'tools'>, turn: string): boolean =>
  journal
    .ofTurn(turn)
    .some((event) => event.type === 'tool.start' && !tools.find(started.parse(event.payload).tool)?.idempotent)

/**
 * Before an interrupted turn goes on: sets apart what is uncommitted, so that no undo takes it back. The turn ends here
 * when that fails, for its commit would hold work of the owner.
 */
export const commitFound = async (parts: AgentParts, turn: Turn): Promise<TurnResult | null> => {
  const isResumed = parts.journal.ofTurn(turn.id).some((event) => event.type === 'turn.resume')
  if (!isResumed || !mayHaveChanged(parts, turn.id)) return null
  try {
    await parts.workspace.commitFound(turn.id, (changes, setAside) => reviewFound(parts, turn, { changes, setAside }))
    return null
  } catch (error) {
    const text = `I was interrupted and did not go on: what I found after the restart is not committed: ${describe(error)}`
    return { end: 'crashed', text, commit: null }
  }
}

/** A commit that fails is told to the owner, never hidden. */
export const commitTurn = async (
  parts: AgentParts,
  turn: Turn,
  { end, text, written }: TurnEnding & { readonly written: WrittenFiles },
): Promise<TurnResult> => {
  const { journal, workspace } = parts
  if (!mayHaveChanged(parts, turn.id)) return { end, text, commit: null }
  const reply = [...describeFound(journal, turn.id), ...describeFoundCommits(parts, turn.id)].reduce(joinNotes, text)
  const { review, describe: describeReview } = createReview(parts, turn, written)
  try {
    const { commit, leftOut, putBack } = await workspace.commitTurn({
      id: turn.id,
      intent: turn.intent.text,
      reason: firstLine(text),
      review,
    })
    const told = leftOutBefore(journal)
    const newlyLeftOut = leftOut.filter((path) => !told.has(path))
    const notes = [...describeReview(putBack)]
    if (commit || newlyLeftOut.length > 0 || notes.length > 0) {
      const payload = { sha: commit?.sha ?? null, leftOut, notes }
      journal.append({ type: 'workspace.commit', turn: turn.id, ref: commit?.sha ?? turn.id, payload })
    }
    if (commit) turn.progress({ kind: 'commit', commit })
    if (newlyLeftOut.length > 0)
      notes.push(`Not under git, so not undone by undo: ${newlyLeftOut.map(oneLine).join(', ')}.`)
    return { end, text: notes.reduce(joinNotes, reply), commit }
  } catch (error) {
    const note = `The changes of this turn are not committed: ${describe(error)}`
    return { end, text: joinNotes(reply, note), commit: null }
  }
}

/** Read from the record, so that it is said also when a later crash interrupted the turn again. */
const describeFoundCommits = ({ workspace }: AgentParts, turn: string): readonly string[] => {
  const found = workspace.log(COMMITS_OF_TURN_MAX).filter((commit) => commit.kind === 'owner' && commit.turn === turn)
  if (found.length === 0) return []
  const shas = found.map(({ sha }) => sha.slice(0, SHORT_SHA_CHARS)).toReversed()
  return [`Changes found after the restart are commit ${shas.join(' and ')}, apart from this turn: undo leaves them.`]
}

/** What is left out was told when it was first seen. */
const leftOutBefore = (journal: Journal): ReadonlySet<string> => {
  const last = journal.newest('workspace.commit')
  return new Set(last ? committed.parse(last.payload).leftOut : [])
}

const describe = (error: unknown): string => {
  if (!(error instanceof NodeError)) throw error
  return `${error.message}.${error.hint ? ` ${error.hint}.` : ''}`
}

const joinNotes = (text: string, note: string): string => `${text}\n\n${note}`

const firstLine = (text: string): string => text.trimStart().split('\n', 1)[0] ?? ''
