import { NodeError } from '../../utils/node-error.ts'
import { oneLine } from '../../utils/one-line.ts'
import type { Applied } from './engine.types.ts'

const CONFLICTS_SHOWN_MAX = 20

type Subject = { readonly what: string; readonly verb: string; readonly sha: string }

/**
 * The change that was made, or why there is none. `what` begins a sentence: `the turn t1 (fix: a)`; `verb` goes on with it:
 * `undone`.
 * @throws {NodeError} WORKSPACE_CONFLICT, WORKSPACE_UNUSABLE, FILE_UNKNOWN, NOTHING_TO_RESTORE or GIT_FAILED; the worktree
 * is then as it was.
 */
export const requireApplied = (applied: Applied, subject: Subject): Extract<Applied, { outcome: 'done' }> => {
  if (applied.outcome === 'done') return applied
  throw toNodeError(applied, subject)
}

type Refused = Exclude<Applied, { outcome: 'done' }>

const toNodeError = ({ outcome, details }: Refused, { what, verb, sha }: Subject): NodeError => {
  switch (outcome) {
    case 'not-in-history':
      return new NodeError('WORKSPACE_UNUSABLE', `${what} is no longer part of the history of main`, {
        hint: `its commit was ${sha}; git log in the workspace shows what main holds`,
      })
    case 'conflict': {
      const paths = details.filter((path) => path !== '').map(oneLine)
      const more = paths.length > CONFLICTS_SHOWN_MAX ? ` and ${paths.length - CONFLICTS_SHOWN_MAX} more` : ''
      const shown = `${paths.slice(0, CONFLICTS_SHOWN_MAX).join(', ')}${more}`
      return new NodeError('WORKSPACE_CONFLICT', `${what} cannot be ${verb}: later changes overlap in ${shown}`, {
        hint: `nothing was touched; change by hand: ${shown}`,
      })
    }
    case 'in-the-way':
      return new NodeError(
        'WORKSPACE_CONFLICT',
        `${what} cannot be ${verb}: files are in the way or cannot be changed`,
        { hint: `nothing was touched; mend this and try again: ${details.join(' ')}` },
      )
    case 'put-back':
      return new NodeError('GIT_FAILED', `${what} was not ${verb}: files could not be written and were put back`, {
        hint: `make them writable for the sandbox, or free some space: ${details.join(' ')}`,
      })
    case 'no-file':
      return new NodeError('FILE_UNKNOWN', `${what} did not exist after that turn`, {
        hint: "'plaited diff TURN' shows what the turn changed; folders are restored file by file",
      })
    case 'same':
      return new NodeError('NOTHING_TO_RESTORE', `${what} is already as it was after that turn`)
  }
}
