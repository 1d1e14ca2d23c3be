/** Rules from the command line: proposed in words or as a file, and confirmed by a code. */
import { closeSync, constants, fstatSync, openSync, readSync } from 'node:fs'
import { basename, resolve } from 'node:path'
import { createInterface } from 'node:readline/promises'
import { parseConfirmationCode } from '../agent/confirmation-code.ts'
import type { Proposed } from '../agent/proposals.ts'
import { callerFolder } from '../config.ts'
import { SOURCE_BYTES_MAX } from '../constraint-language/limits.ts'
import type { RuleDraft } from '../operations.ts'
import { printableJson } from '../utils/escape-unsafe-characters.ts'
import { NodeError } from '../utils/node-error.ts'
import type { Invocation, RunCommand } from './command.types.ts'
import { withOperations } from './with-operations.ts'

export const runConstrainPropose: RunCommand = async (invocation) =>
  propose(invocation, { kind: 'words', words: invocation.positionals.join(' ') })

export const runConstrainConfirm: RunCommand = async (invocation) => {
  const [code = ''] = invocation.positionals
  return confirm(invocation, code)
}

/** Asks for the code at a terminal; a script runs it twice, the second time with `--yes CODE`. */
export const runConstrainAdd: RunCommand = async (invocation) => {
  const [path = ''] = invocation.positionals
  const { yes } = invocation.values
  return typeof yes === 'string' ? confirm(invocation, yes) : propose(invocation, readDraft(path))
}

const readDraft = (given: string): RuleDraft => {
  const path = resolve(callerFolder(), given)
  try {
    return { kind: 'file', name: basename(path, '.ts'), source: readRegularFile(path) }
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error)
    throw new NodeError('USAGE', `cannot read ${path}: ${reason}`, {
      hint: 'name a rule file, such as my-rule.ts',
      cause: error,
    })
  }
}

/** A pipe would be waited for, and a device read without end. */
const readRegularFile = (path: string): string => {
  const file = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK)
  try {
    if (!fstatSync(file).isFile()) throw new Error('it is not a regular file')
    const bytes = Buffer.alloc(SOURCE_BYTES_MAX + 1)
    const size = readSync(file, bytes)
    if (size > SOURCE_BYTES_MAX) throw new Error(`it has more than ${SOURCE_BYTES_MAX} bytes`)
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes.subarray(0, size))
  } finally {
    closeSync(file)
  }
}

const propose = async (invocation: Invocation, draft: RuleDraft): Promise<number> => {
  const { io, json } = invocation
  const proposed = await withOperations(invocation, (operations) => operations.proposeRule(draft))
  io.out(`${json ? printableJson(proposed) : proposed.words}\n`)
  if (!io.isTerminal || json) return 0
  return (await asksForCode(invocation, proposed)) ? confirm(invocation, proposed.code) : 1
}

const asksForCode = async ({ io, signal }: Invocation, { code }: Proposed): Promise<boolean> => {
  const terminal = createInterface({ input: io.stdin, output: process.stdout })
  try {
    const said = await terminal.question('code> ', { signal })
    if (parseConfirmationCode(said) === code) return true
    io.out('Nothing was added.\n')
    return false
  } finally {
    terminal.close()
  }
}

const confirm = async (invocation: Invocation, code: string): Promise<number> => {
  const { io, json } = invocation
  const said = await withOperations(invocation, (operations) =>
    operations.confirmRule(parseConfirmationCode(code) ?? code),
  )
  io.out(json ? `${printableJson({ added: said })}\n` : `${said}\n`)
  return 0
}
