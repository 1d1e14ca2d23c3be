/** Node state in words, for a terminal and for a chat alike. */
import type { LoggedCommit, NodeStatus, UndoReport } from './operations.ts'
import { formatInstant } from './utils/clock.ts'
import { formatMicros } from './utils/micros.ts'

const SHORT_SHA = 10

export const shortSha = (sha: string): string => sha.slice(0, SHORT_SHA)

export const describeStatus = (status: NodeStatus): string => {
  const { sandbox } = status
  return [
    `home      ${status.home}`,
    `model     ${status.model}${status.scripted ? ' (a script answers, no AI model)' : ''}`,
    `sandbox   ${sandbox.mode === 'full' ? 'full' : `unavailable, tools refuse: ${sandbox.reason}; ${sandbox.mend}`}`,
    `rules     ${status.rules} (on one user account the ratchet is advisory: that user can edit the files)`,
    `turn      ${status.runningTurn ?? 'none running'}; ${status.queued} queued`,
    `decisions ${status.decisions.allowed} allowed, ${status.decisions.blocked} blocked`,
    `spent     ${formatMicros(status.spentTodayMicros)} USD today`,
    ...(status.strangers > 0 ? [`strangers ${status.strangers} messages refused`] : []),
  ].join('\n')
}

export const describeUndo = ({ undone, commit, diffStat }: UndoReport): string =>
  `Undone: "${undone.subject}" (${shortSha(undone.sha)}), as commit ${shortSha(commit.sha)}.\n${diffStat.trimEnd()}`

export const describeLog = (commits: readonly LoggedCommit[]): string => {
  if (commits.length === 0) return 'No turn has changed anything yet.'
  return commits
    .map(({ sha, at, kind, turn, subject, undoneBy }) => {
      const time = formatInstant(at).slice(0, 16).replace('T', ' ')
      const undone = undoneBy ? `  undone by ${shortSha(undoneBy)}` : ''
      return `${shortSha(sha)}  ${time}  ${kind.padEnd(5)}  ${turn ?? '-'}  ${subject}${undone}`
    })
    .join('\n')
}
