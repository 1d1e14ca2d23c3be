import type { SandboxOutcome, ToolOperation } from '../agent.types.ts'

/** What the file worker can do: every tool but bash, and keeping the whole of a long output. */
export type FileOperation =
  | Exclude<ToolOperation, { kind: 'bash' }>
  | { readonly kind: 'keep'; readonly path: string; readonly content: string; readonly bytesMax: number }

export type FileRequest = { readonly id: number; readonly operation: FileOperation }

export type FileAnswer = Exclude<SandboxOutcome, { kind: 'process' }>

/** What a search of the worker answers. */
export type Found = Omit<Extract<SandboxOutcome, { kind: 'matches' }>, 'kind'>
