import { z } from 'zod'
import { COMMAND_CHARACTERS_MAX } from '../permission-vocabulary.ts'
import type { Tool } from './tool.types.ts'

/** Wall time of a command when the model names none, and the most it may ask for. */
const TIMEOUT_MS_DEFAULT = 120_000
const TIMEOUT_MS_MAX = 600_000
/** Characters of the command shown in its one-line summary. */
const SUMMARY_CHARACTERS_MAX = 120

const input = z.strictObject({
  command: z.string().min(1).max(COMMAND_CHARACTERS_MAX),
  timeout: z.int().positive().max(TIMEOUT_MS_MAX).optional().describe('milliseconds'),
})

export const bashTool: Tool<z.output<typeof input>> = {
  name: 'bash',
  description:
    'Runs a bash command in /workspace, without network, in a fresh sandbox: nothing but files in /workspace outlives the call. Of long output you see the end, and where all of it is kept.',
  input,
  idempotent: false,
  prepare: ({ command, timeout }) => ({
    summary: `bash ${command.length > SUMMARY_CHARACTERS_MAX ? `${command.slice(0, SUMMARY_CHARACTERS_MAX)}...` : command}`,
    action: { kind: 'sandbox', operation: { kind: 'bash', command, timeoutMs: timeout ?? TIMEOUT_MS_DEFAULT } },
  }),
}
