/**
 * The file tools, as a process inside the sandbox: one operation per frame on stdin, one answer per frame on stdout, in
 * order. It never runs anything of the workspace, so one process may serve many calls. It starts as plain source files under
 * the bound Bun; besides itself it needs only `frames.ts` and the folder `worker/`.
 */
import type { FileAnswer, FileOperation } from './file-worker.types.ts'
import { ANSWER_BYTES_MAX, encodeFrame, REQUEST_BYTES_MAX, readFrames } from './frames.ts'
import { globFiles } from './worker/glob-files.ts'
import { grepFiles } from './worker/grep-files.ts'
import { keepOutput } from './worker/keep-output.ts'
import { parseRequest } from './worker/parse-request.ts'
import { Refusal } from './worker/refusal.ts'
import { replaceText } from './worker/replace-text.ts'
import { showLines } from './worker/show-lines.ts'
import { createSpareFile } from './worker/spare-file.ts'
import { readText, writeBytes, writeText } from './worker/text-file.ts'
import { openWorkspaceRoot, type WorkspaceRoot } from './worker/workspace-root.ts'

const workspace = openWorkspaceRoot()
const spare = createSpareFile(workspace)

const perform = async (root: WorkspaceRoot, operation: FileOperation): Promise<FileAnswer> => {
  switch (operation.kind) {
    case 'read':
      return { kind: 'text', ...showLines(readText(root, operation.path), operation) }
    case 'write':
      writeText(root, operation.path, operation.content, { spare })
      return done(`wrote ${Buffer.byteLength(operation.content)} bytes`)
    case 'store': {
      const bytes = Buffer.from(operation.base64, 'base64')
      writeBytes(root, operation.path, bytes)
      return done(`wrote ${bytes.length} bytes`)
    }
    case 'edit': {
      const { text, count } = replaceText(readText(root, operation.path), operation)
      writeText(root, operation.path, text, { spare })
      return done(`replaced ${count} ${count === 1 ? 'occurrence' : 'occurrences'}`)
    }
    case 'keep':
      keepOutput(root, operation)
      return done('kept')
    case 'glob':
      return { kind: 'matches', ...globFiles(root, operation) }
    case 'grep':
      return { kind: 'matches', ...(await grepFiles(root, operation)) }
  }
}

const done = (text: string): FileAnswer => ({ kind: 'text', text, truncated: false })

/** A refusal and an error of the file system (no space, an unreadable disk) are answers; a fault of the program ends it. */
const answer = async (root: WorkspaceRoot, operation: FileOperation): Promise<FileAnswer> => {
  try {
    return await perform(root, operation)
  } catch (error) {
    if (error instanceof Refusal || (error instanceof Error && 'syscall' in error))
      return { kind: 'failed', message: `${operation.path}: ${error.message}` }
    throw error
  }
}

const output = Bun.stdout.writer()
spare.prepare()
for await (const document of readFrames(Bun.stdin.stream(), REQUEST_BYTES_MAX)) {
  const { id, operation } = parseRequest(document)
  output.write(encodeFrame({ id, ...(await answer(workspace, operation)) }, ANSWER_BYTES_MAX))
  await output.flush()
  spare.prepare() // once the answer has left
}
