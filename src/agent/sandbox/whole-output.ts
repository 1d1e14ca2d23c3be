/**
 * Long output, kept whole where the command's own file tools can look through it: a model reads the end of what a command
 * printed, and greps the rest. The folder is in the workspace and in no commit (git's own exclude names it). The file worker
 * writes, as the sandbox's user and beneath the workspace without following a link, so that a command that puts a link in
 * the place of the folder gains nothing.
 */
import { NodeError } from '../../utils/node-error.ts'
import { WORKSPACE_INSIDE } from './bubblewrap-arguments.ts'
import type { FileWorker } from './file-worker.ts'

const LINE_FEED = 10
/** A model is shown this many characters of a stream (run-call.ts), and a character has at least one byte. */
const SHOWN_BYTES_MAX = 25_000

export type CommandOutput = { readonly stdout: Uint8Array; readonly stderr: Uint8Array }

export const isLong = ({ stdout, stderr }: CommandOutput): boolean =>
  stdout.length > SHOWN_BYTES_MAX || stderr.length > SHOWN_BYTES_MAX

/** Keeps it and says where, in a sentence for the model. A command that has run is not undone by what fails here. */
export const keepWhole = async (
  files: Pick<FileWorker, 'run'>,
  output: CommandOutput,
  {
    name,
    bytesMax,
    wasEnded,
    signal,
  }: {
    readonly name: string
    readonly bytesMax: number
    /** The command did not end by itself: it would have printed more. */
    readonly wasEnded: boolean
    readonly signal: AbortSignal
  },
): Promise<string> => {
  const path = `${WORKSPACE_INSIDE}/.plaited/out/${name}.txt`
  const answer = await files.run({ kind: 'keep', path, content: toText(output), bytesMax }, { signal }).catch(asRefusal)
  const what = wasEnded ? 'What it printed until it was ended' : 'All of the output'
  if (answer.kind === 'text') return `${what} is in ${path}: grep it, or read the part you need.`
  const why = answer.kind === 'failed' ? answer.message : answer.kind
  return `The whole output could not be kept: ${why}. Send it to a file of your own.`
}

const asRefusal = (error: unknown): { readonly kind: 'failed'; readonly message: string } => {
  if (error instanceof NodeError) return { kind: 'failed', message: error.message }
  throw error
}

const toText = ({ stdout, stderr }: CommandOutput): string => {
  const decode = (bytes: Uint8Array) => new TextDecoder().decode(bytes)
  if (stderr.length === 0) return decode(stdout)
  if (stdout.length === 0) return decode(stderr)
  const first = decode(stdout)
  return `--- stdout ---\n${first}${first.endsWith('\n') ? '' : '\n'}--- stderr ---\n${decode(stderr)}`
}

/** The end of a stream, where a command says how it went, from the start of a line where there is one. */
export const tailOf = (bytes: Uint8Array, bytesMax: number): Uint8Array => {
  if (bytes.length <= bytesMax) return bytes
  const tail = bytes.subarray(bytes.length - bytesMax)
  const line = tail.indexOf(LINE_FEED) + 1
  return line > 0 && line < tail.length ? tail.subarray(line) : tail
}
