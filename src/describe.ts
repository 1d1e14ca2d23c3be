/** Node state in words, for a terminal and for a chat alike. */

import type { Budget, GrantedExtension, PeriodBudget } from './agent/ledger.types.ts'
import type { OpenQuestion } from './agent/questions.ts'
import type { RecordedCommit, WorkspaceRepo } from './agent/workspace/workspace.types.ts'
import type { StopReport } from './conversation.types.ts'
import type { NodeStatus, UndoReport } from './operations.ts'
import { formatInstant } from './utils/clock.ts'
import { escapeUnsafeCharacters } from './utils/escape-unsafe-characters.ts'
import { formatMicros } from './utils/micros.ts'

const SHORT_SHA = 10

export const shortSha = (sha: string): string => sha.slice(0, SHORT_SHA)

export const describeStatus = (status: NodeStatus): string => {
  const { turn, lastError } = status
  return [
    `node      ${describeNode(status)}`,
    `home      ${status.home}`,
    `model     ${status.model}${status.scripted ? ' (a script answers, no AI model)' : ''}`,
    `sandbox   ${describeSandbox(status.sandbox)}`,
    `history   ${GIT_NAMES[status.git]}`,
    `rules     ${status.rules} (${status.ratchet === 'enforced' ? 'kept by another user' : 'advisory: on one user account that user can edit the files; the signed history tells'})`,
    ...status.retired.map(({ rule, at, reason }) => `retired   ${rule} at ${describeTime(at)}: ${reason}`),
    ...(status.ruleFaults ?? []).map((fault) => `FAULT     no tool runs: ${fault}`),
    ...(status.signingFault === null ? [] : [`FAULT     decisions are not signed: ${status.signingFault}`]),
    ...(status.frozen ? ["frozen    two STOPs: no turn runs until 'resume'"] : []),
    `turn      ${turn ? describeTurn(turn) : 'none running'}; ${status.queued} queued`,
    `decisions ${status.decisions.allowed} allowed, ${status.decisions.blocked} blocked`,
    `spent     ${describePeriod(status.budget.day)} today, ${describePeriod(status.budget.month)} this month`,
    ...status.channels.map(describeChannel),
    ...(status.strangers > 0 ? [`strangers ${describeStrangers(status.strangers)}`] : []),
    ...(status.abandoned > 0 ? [`given up  ${status.abandoned} parts of replies; 'plaited events' says which`] : []),
    ...(lastError ? [`error     ${describeTime(lastError.at)} UTC: ${escapeUnsafeCharacters(lastError.message)}`] : []),
  ].join('\n')
}

/** What keeps the history of the workspace, in words. */
export const GIT_NAMES: Readonly<Record<NodeStatus['git'], string>> = {
  git: 'kept by the git of this machine',
  'isomorphic-git': 'kept by isomorphic-git: this machine has no git, or it had to be ended (until the next start)',
  unknown: 'unknown while the node is silent',
}

const describeStrangers = (count: number): string =>
  `${count} message${count === 1 ? '' : 's'} from strangers, unanswered`

const describeChannel = ({ name, state, since, reason, mend }: NodeStatus['channels'][number]): string => {
  const fault = reason === null ? '' : ` since ${describeTime(since)} UTC: ${escapeUnsafeCharacters(reason)}`
  return `channel   ${name}: ${state === 'new' ? 'not heard of yet' : state}${fault}${mend === null ? '' : ` (${mend})`}`
}

const describeNode = ({ state, pid, upSeconds }: NodeStatus): string => {
  if (state === 'serving') return `running (pid ${pid}, up ${upSeconds} s)`
  return state === 'stopped' ? 'not running' : 'in use by a process that does not answer; this is what its record says'
}

const describeSandbox = (sandbox: NodeStatus['sandbox']): string => {
  if (sandbox.mode === 'unavailable') return `unavailable, tools refuse: ${sandbox.reason}; ${sandbox.mend}`
  if (sandbox.mode === 'shared-proc') return `WEAKER, as PLAITED_SANDBOX=shared-proc asks: ${sandbox.weakness}`
  return sandbox.mode === 'full' ? 'full' : 'unknown while the node is silent'
}

const describeTurn = ({ id, since, steps, doing, tool }: NonNullable<NodeStatus['turn']>): string => {
  const work = { model: 'asks the model', tool: `runs ${tool}`, node: 'is at work' }[doing]
  return `${id} since ${describeTime(since)} UTC, step ${steps}, ${work}`
}

const describePeriod = ({ spentMicros, capMicros, limitMicros }: PeriodBudget): string => {
  const extended = limitMicros > capMicros ? ` (raised from ${formatMicros(capMicros)})` : ''
  return `${formatMicros(spentMicros)} of ${formatMicros(limitMicros)} USD${extended}`
}

/** What is spent, the caps, and who raised them. */
export const describeBudget = ({ day, month, callCapMicros, turnCapMicros }: Budget): string =>
  [
    `today       ${describePeriod(day)}`,
    ...day.extensions.map(describeExtension),
    `this month  ${describePeriod(month)}`,
    ...month.extensions.map(describeExtension),
    `caps        ${formatMicros(callCapMicros)} USD for a call, ${formatMicros(turnCapMicros)} USD for a turn`,
  ].join('\n')

const describeExtension = ({ at, micros, grantedBy }: GrantedExtension): string =>
  `            +${formatMicros(micros)} USD at ${describeTime(at)} UTC by ${grantedBy}`

/** `2027-01-15 08:00`, in UTC. */
const describeTime = (at: number): string => formatInstant(at).slice(0, 16).replace('T', ' ')

/** Turns named in one report of an undo. */
const LOST_SHOWN_MAX = 5

/** An undo, or the redo of one. */
export const describeUndo = ({ undone, commit, diffStat, lost, lasting }: UndoReport): string => {
  const shown = lost.slice(0, LOST_SHOWN_MAX).map((passed) => `"${passed.subject}" (${shortSha(passed.sha)})`)
  const more = lost.length > shown.length ? ` and ${lost.length - shown.length} more` : ''
  const done = commit.kind === 'redo' ? 'Done again' : 'Undone'
  const subject = undone.subject.replace(/^revert: /, commit.kind === 'redo' ? '' : '$&')
  return [
    ...(lost.length > 0 ? [`Passed over, because the history no longer holds them: ${shown.join(', ')}${more}.`] : []),
    `${done}: "${subject}" (${shortSha(undone.sha)}), as commit ${shortSha(commit.sha)}.`,
    diffStat.trimEnd(),
    ...(lasting.length > 0 ? [`Not undone, because it left the workspace: ${lasting.join(', ')}.`] : []),
  ]
    .filter((line) => line !== '')
    .join('\n')
}

/** A file that was brought back. */
export const describeRestore = ({ commit, diffStat }: Awaited<ReturnType<WorkspaceRepo['restore']>>): string =>
  `Restored ${commit.files.map(({ path }) => path).join(', ')}, as commit ${shortSha(commit.sha)}. 'undo' takes it back.\n${diffStat.trimEnd()}`

/** Characters of a diff in a chat: three messages of a channel that takes 1,000 in one. */
const DIFF_SHOWN_MAX = 2_800

/** What a turn changed, for a chat: the command of the same name shows the whole. */
export const describeDiff = (turn: string | null, diff: string): string => {
  if (diff === '') return turn ? `No turn ${turn} changed anything.` : 'No turn has changed anything yet.'
  const shown = escapeUnsafeCharacters(diff)
  if (shown.length <= DIFF_SHOWN_MAX) return shown.trimEnd()
  const lineEnd = shown.lastIndexOf('\n', DIFF_SHOWN_MAX)
  const cut = shown.slice(0, lineEnd > 0 ? lineEnd : DIFF_SHOWN_MAX)
  return `${cut}\n... ${shown.length - cut.length} more characters: 'plaited diff${turn ? ` ${turn}` : ''}' shows them.`
}

export const describeLog = (commits: readonly RecordedCommit[]): string => {
  if (commits.length === 0) return 'No turn has changed anything yet.'
  const takenBackBy = new Map(commits.map(({ sha, undoneBy }) => [sha, undoneBy]))
  return commits
    .map(({ sha, at, kind, turn, subject }) => {
      const line = `${shortSha(sha)}  ${describeTime(at)}  ${kind.padEnd(7)}  ${turn ?? '-'}  ${subject}`
      return kind === 'turn' || kind === 'restore' ? `${line}${describeFate(sha, takenBackBy)}` : line
    })
    .join('\n')
}

/** `  undone by A, redone by B`: what takes a commit back is newer, so it is among those that are shown. */
const describeFate = (sha: string, takenBackBy: ReadonlyMap<string, string | null>): string => {
  const links: string[] = []
  for (let by = takenBackBy.get(sha); by; by = takenBackBy.get(by))
    links.push(`${links.length % 2 === 0 ? 'undone' : 'redone'} by ${shortSha(by)}`)
  return links.length === 0 ? '' : `  ${links.join(', ')}`
}

/** What a message that waited is answered with when a STOP dismisses it. */
export const NOT_BEGUN = 'Not done: you said stop before I began it. Say it again if you still want it.'

export const describeStop = ({ stopped, dismissed, frozen }: StopReport): string =>
  [
    stopped ? 'Stopped the running turn.' : 'Nothing was running.',
    ...(dismissed > 0 ? [`${dismissed} waiting message${dismissed === 1 ? ' was' : 's were'} dismissed.`] : []),
    ...(frozen ? ["Frozen: I do nothing until you say 'resume'."] : []),
  ].join(' ')

export const describeQuestions = (open: readonly OpenQuestion[]): string =>
  open.length === 0
    ? 'I have asked you nothing that is still open.'
    : open.map(({ at, summary }) => `${describeTime(at)}  ${summary}`).join('\n')
