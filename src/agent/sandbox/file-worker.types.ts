import type { SandboxOutcome, ToolOperation } from '../agent.types.ts'

/** What the file worker can do: every tool but bash. */
export type FileOperation = Exclude<ToolOperation, { kind: 'bash' }>

export type FileRequest = { readonly id: number; readonly operation: FileOperation }

export type FileAnswer = Exclude<SandboxOutcome, { kind: 'process' }>

/** What a search of the worker answers. */
export type Found = Omit<Extract<SandboxOutcome, { kind: 'matches' }>, 'kind'>
