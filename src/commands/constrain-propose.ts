/** Rules from the command line: proposed in words or as a file, and confirmed or declined by a code. */
import { closeSync, constants, fstatSync, openSync, readSync } from 'node:fs'
import { basename, resolve } from 'node:path'
import { createInterface } from 'node:readline/promises'
import { parseConfirmationCode } from '../agent/confirmation-code.ts'
import { callerFolder } from '../config.ts'
import { SOURCE_BYTES_MAX } from '../constraint-language/limits.ts'
import { parseAnswer } from '../control-words.ts'
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

export const runConstrainDecline: RunCommand = async (invocation) => {
  const [codeOrName = ''] = invocation.positionals
  return decline(invocation, codeOrName)
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
  if (json) return 0
  if (!io.isTerminal) {
    const { code } = proposed
    io.out(`To answer here: plaited constrain confirm ${code}, or plaited constrain decline ${code}\n`)
    return 0
  }
  const said = await askForCode(invocation)
  if (parseConfirmationCode(said) === proposed.code) return confirm(invocation, proposed.code)
  if (parseAnswer(said) === 'no') await decline(invocation, proposed.code)
  else io.out(`Nothing was added; it waits for its code, or for: plaited constrain decline ${proposed.code}\n`)
  return 1
}

const askForCode = async ({ io, signal }: Invocation): Promise<string> => {
  const terminal = createInterface({ input: io.stdin, output: process.stdout })
  try {
    return await terminal.question('code> ', { signal })
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

const decline = async (invocation: Invocation, codeOrName: string): Promise<number> => {
  const { io, json } = invocation
  const name = await withOperations(invocation, (operations) =>
    operations.declineRule(parseConfirmationCode(codeOrName) ?? codeOrName),
  )
  io.out(json ? `${printableJson({ declined: name })}\n` : `Declined: ${name} is not added.\n`)
  return 0
}
