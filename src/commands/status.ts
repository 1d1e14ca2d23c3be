import { describeStatus } from '../describe.ts'
import type { NodeStatus } from '../operations.ts'
import { printableJson } from '../utils/escape-unsafe-characters.ts'
import { NodeError } from '../utils/node-error.ts'
import type { Invocation, RunCommand } from './command.types.ts'
import { withOperations, withRecord } from './with-operations.ts'

/** Long enough for a node that starts; whoever asks for the status of one that hangs should not wait longer. */
const LOCK_WAIT_MS = 1000

export const runStatus: RunCommand = async (invocation) => {
  const status = await readStatus(invocation)
  invocation.io.out(`${invocation.json ? printableJson(status) : describeStatus(status)}\n`)
  return 0
}

/** Somebody holds the home and does not answer: then the record does. */
const readStatus = async (invocation: Invocation): Promise<NodeStatus> => {
  try {
    return await withOperations({ ...invocation, lockWaitMs: LOCK_WAIT_MS }, (operations) => operations.status())
  } catch (error) {
    if (!(error instanceof NodeError && error.code === 'HOME_LOCKED')) throw error
    return withRecord(invocation, (record) => record.status())
  }
}
