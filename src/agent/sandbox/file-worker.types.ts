import type { ToolOperation } from '../agent.types.ts'

/** What the file worker can do: every tool but bash. */
export type FileOperation = Exclude<ToolOperation, { kind: 'bash' }>

export type FileRequest = { readonly id: number; readonly operation: FileOperation }

export type FileAnswer =
  | { readonly kind: 'text'; readonly text: string; readonly truncated: boolean }
  | { readonly kind: 'failed'; readonly message: string }
