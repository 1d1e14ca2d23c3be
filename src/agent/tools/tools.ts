/** The tools of the agent, and how a model's call becomes a prepared one. */
import { z } from 'zod'
import type { ToolOperation } from '../agent.types.ts'
import type { ToolDefinition } from '../model/model.types.ts'
import { bashTool } from './bash-tool.ts'
import { editTool, globTool, grepTool, readTool, writeTool } from './file-tools.ts'
import { payTool } from './pay-tool.ts'
import { proposeRuleTool } from './propose-rule-tool.ts'
import type { CallAction, PermissionQuestion, PreparedCall, Tool } from './tool.types.ts'

export type Prepared =
  { readonly ok: true; readonly call: PreparedCall } | { readonly ok: false; readonly message: string }

type ReadyTool = {
  readonly definition: ToolDefinition
  readonly idempotent: boolean
  readonly prepare: (input: unknown) => Prepared
}

/** Closes over the tool's own input type, so that a list of different tools needs no casts. */
const ready = <Input>(tool: Tool<Input>): ReadyTool => {
  const { $schema: _, ...schema } = z.toJSONSchema(tool.input, { io: 'input' })
  return {
    definition: { name: tool.name, description: tool.description, inputSchema: { ...schema, type: 'object' } },
    idempotent: tool.idempotent,
    prepare: (input) => {
      const parsed = tool.input.safeParse(input)
      return parsed.success
        ? { ok: true, call: tool.prepare(parsed.data) }
        : { ok: false, message: `The input of ${tool.name} is wrong. ${z.prettifyError(parsed.error)}` }
    },
  }
}

export type ToolSet = {
  /** In a fixed order: the request prefix must be byte-stable for the cache. */
  readonly definitions: readonly ToolDefinition[]
  readonly find: (name: string) => Omit<ReadyTool, 'definition'> | null
}

export const createToolSet = (): ToolSet => {
  const tools = [
    ready(readTool),
    ready(writeTool),
    ready(editTool),
    ready(bashTool),
    ready(globTool),
    ready(grepTool),
    ready(payTool),
    ready(proposeRuleTool),
  ]
  const byName = new Map(tools.map((tool) => [tool.definition.name, tool]))
  return { definitions: tools.map((tool) => tool.definition), find: (name) => byName.get(name) ?? null }
}

/** What the gate is asked about a call that no sandbox runs. */
export const questionForAction = (action: Exclude<CallAction, { kind: 'sandbox' }>): PermissionQuestion =>
  action.kind === 'payment'
    ? { type: 'permission:payment:send', input: action.input }
    : {
        type: 'permission:constraint:add',
        input: { name: action.spec.name, source: 'agent', eventTypes: [action.spec.event] },
      }

/** What the gate is asked about an operation. */
export const questionFor = (operation: ToolOperation): PermissionQuestion => {
  switch (operation.kind) {
    case 'read':
    case 'glob':
    case 'grep':
      return { type: 'permission:file:read', input: { path: operation.path } }
    case 'write':
      return {
        type: 'permission:file:write',
        input: { path: operation.path, op: 'write', bytes: Buffer.byteLength(operation.content) },
      }
    case 'store':
      return {
        type: 'permission:file:write',
        input: { path: operation.path, op: 'write', bytes: Buffer.byteLength(operation.base64, 'base64') },
      }
    case 'edit':
      return { type: 'permission:file:write', input: { path: operation.path, op: 'edit' } }
    case 'bash':
      return { type: 'permission:bash:exec', input: { cmd: operation.command, timeoutMs: operation.timeoutMs } }
  }
}
