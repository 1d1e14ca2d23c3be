/** What both kinds of control request share: bodies that are JSON, and faults with their code and hint. */
import { z } from 'zod'
import { describeIssues } from '../utils/describe-issues.ts'
import { NodeError, type NodeErrorCode } from '../utils/node-error.ts'

/** @throws {NodeError} USAGE when the body is not JSON. */
export const readBody = async (request: Request): Promise<unknown> => {
  const text = await request.text()
  try {
    return JSON.parse(text)
  } catch (error) {
    throw new NodeError('USAGE', 'the body is not JSON', { cause: error })
  }
}

export type Fault = { readonly code: NodeErrorCode; readonly message: string; readonly hint: string | null }

export const faultOf = (error: unknown): Fault => {
  if (error instanceof NodeError) return { code: error.code, message: error.message, hint: error.hint }
  if (error instanceof z.ZodError) return { code: 'USAGE', message: describeIssues(error), hint: null }
  return { code: 'INTERNAL', message: error instanceof Error ? error.message : String(error), hint: null }
}
