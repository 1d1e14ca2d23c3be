/** The running node's answer to what a person can ask of it. */

import type { PermittedCall, ToolOperation } from './agent/agent.types.ts'
import type { AgentParts } from './agent/agent-parts.types.ts'
import type { DecisionChain } from './agent/decision-chain.ts'
import type { Inbox } from './agent/inbox.ts'
import type { Journal } from './agent/journal.ts'
import type { CliChannel } from './channels/cli/cli.ts'
import type { Conversation } from './conversation.ts'
import type { NodeStatus, Operations, UndoReport } from './operations.ts'
import type { SandboxLanes } from './parts.ts'
import { NodeError } from './utils/node-error.ts'

export type OperationParts = Pick<AgentParts, 'clock' | 'ledger' | 'workspace'> & {
  readonly cli: CliChannel
  readonly conversation: Conversation
  readonly decisions: DecisionChain
  readonly inbox: Inbox
  readonly journal: Journal
  readonly lanes: SandboxLanes
  /** Takes back the newest turn; must not run beside a turn. */
  readonly undo: () => Promise<UndoReport>
  readonly operate: (operation: ToolOperation) => PermittedCall
  readonly describe: () => Pick<NodeStatus, 'home' | 'model' | 'scripted' | 'rules' | 'serving'>
}

/** Takes back the newest turn; the caller sees to it that no turn runs meanwhile. */
export const createUndo =
  ({ workspace, journal }: Pick<AgentParts, 'workspace' | 'journal'>) =>
  async (): Promise<UndoReport> => {
    const report = await workspace.undo()
    const payload = { undone: report.undone.sha }
    journal.append({ type: 'workspace.undo', turn: report.undone.turn, ref: report.commit.sha, payload })
    return report
  }

export const createOperations = (parts: OperationParts): Operations => {
  const { cli, clock, conversation, decisions, inbox, journal, lanes, ledger, workspace } = parts
  const startedAt = clock.now()
  return {
    status: async () => {
      const check = await lanes.check()
      const { queued, refused } = inbox.counts()
      return {
        ...parts.describe(),
        pid: process.pid,
        upSeconds: Math.round((clock.now() - startedAt) / 1000),
        sandbox: check.available ? { mode: 'full' } : { mode: 'unavailable', reason: check.reason, mend: check.mend },
        ratchet: 'advisory',
        runningTurn: conversation.runningTurn(),
        queued,
        strangers: refused,
        decisions: decisions.counts(),
        spentTodayMicros: ledger.spentToday(),
      }
    },
    stop: conversation.stop,
    say: (message, progress, remote) =>
      inbox.isOver(cli.name, message.messageId)
        ? Promise.reject(
            new NodeError('USAGE', `message ${message.messageId} was answered before`, {
              hint: 'give each message a new id',
            }),
          )
        : cli.say(message, progress, remote),
    undo: () => conversation.exclusive(parts.undo),
    log: async (limit) => workspace.log(limit),
    diff: (turn) => workspace.diff(turn),
    events: async ({ after, limit }) => journal.after(after, limit),
    execute: (operation, signal = new AbortController().signal) =>
      lanes.sandbox.run(parts.operate(operation), { signal }),
    auditDecisions: async () => decisions.verify(),
  }
}
