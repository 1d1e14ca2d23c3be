/** The file tools, with the parameter names that models were trained on. */
import { z } from 'zod'
import { resolveWorkspacePath, WORKSPACE_ROOT } from '../permission-event.ts'
import { PATH_BYTES_MAX } from '../permission-vocabulary.ts'
import type { Tool } from './tool.types.ts'

/** Characters that one call may write: the file worker's frame holds 8 MiB (sandbox/limits). */
const CONTENT_CHARACTERS_MAX = 2_000_000

const filePath = z.string().min(1).max(PATH_BYTES_MAX).describe('path in the workspace, relative or under /workspace')
const content = z.string().max(CONTENT_CHARACTERS_MAX)

const short = (path: string): string =>
  resolveWorkspacePath(path).startsWith(`${WORKSPACE_ROOT}/`)
    ? resolveWorkspacePath(path).slice(WORKSPACE_ROOT.length + 1)
    : path

const tool = <Input>(definition: Tool<Input>): Tool<Input> => definition

export const readTool = tool({
  name: 'read',
  description:
    'Reads a text file. Lines are not numbered; offset is the first line (from 1), limit the number of lines.',
  input: z.strictObject({
    file_path: filePath,
    offset: z.int().positive().optional(),
    limit: z.int().positive().optional(),
  }),
  idempotent: true,
  prepare: ({ file_path, offset, limit }) => ({
    summary: `read ${short(file_path)}`,
    action: {
      kind: 'sandbox',
      operation: { kind: 'read', path: resolveWorkspacePath(file_path), offset: offset ?? null, limit: limit ?? null },
    },
  }),
})

export const writeTool = tool({
  name: 'write',
  description: 'Writes a text file, replacing it when it exists; parent folders are made.',
  input: z.strictObject({ file_path: filePath, content }),
  idempotent: false,
  prepare: ({ file_path, content: text }) => ({
    summary: `write ${short(file_path)} (${Buffer.byteLength(text)} bytes)`,
    action: { kind: 'sandbox', operation: { kind: 'write', path: resolveWorkspacePath(file_path), content: text } },
  }),
})

export const editTool = tool({
  name: 'edit',
  description:
    'Replaces old_string by new_string in a file. old_string must occur exactly once unless replace_all is true.',
  input: z.strictObject({
    file_path: filePath,
    old_string: content.min(1),
    new_string: content,
    replace_all: z.boolean().optional(),
  }),
  idempotent: false,
  prepare: ({ file_path, old_string, new_string, replace_all }) => ({
    summary: `edit ${short(file_path)}`,
    action: {
      kind: 'sandbox',
      operation: {
        kind: 'edit',
        path: resolveWorkspacePath(file_path),
        oldString: old_string,
        newString: new_string,
        replaceAll: replace_all ?? false,
      },
    },
  }),
})

export const globTool = tool({
  name: 'glob',
  description: 'Lists files whose path matches a glob pattern such as **/*.ts, sorted, at most 1000.',
  input: z.strictObject({ pattern: z.string().min(1).max(PATH_BYTES_MAX), path: filePath.optional() }),
  idempotent: true,
  prepare: ({ pattern, path }) => ({
    summary: `glob ${pattern}${path ? ` in ${short(path)}` : ''}`,
    action: { kind: 'sandbox', operation: { kind: 'glob', pattern, path: resolveWorkspacePath(path ?? '.') } },
  }),
})

export const grepTool = tool({
  name: 'grep',
  description:
    'Searches file contents for a regular expression (ripgrep); glob narrows the files. At most 100 matches.',
  input: z.strictObject({
    pattern: z.string().min(1).max(PATH_BYTES_MAX),
    path: filePath.optional(),
    glob: z.string().max(PATH_BYTES_MAX).optional(),
  }),
  idempotent: true,
  prepare: ({ pattern, path, glob }) => ({
    summary: `grep ${pattern}${path ? ` in ${short(path)}` : ''}`,
    action: {
      kind: 'sandbox',
      operation: { kind: 'grep', pattern, path: resolveWorkspacePath(path ?? '.'), glob: glob ?? null },
    },
  }),
})
