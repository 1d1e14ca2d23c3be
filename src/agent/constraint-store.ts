/**
 * The owner's rules on disk: `HOME/data/constraints/*.ts`, read as text and never run. A start with an empty home copies
 * the seeds. One file that cannot be read or is illegal makes the whole set unusable: a rule must never be lost quietly.
 */
import { createHash } from 'node:crypto'
import {
  chmodSync,
  copyFileSync,
  existsSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
} from 'node:fs'
import { join } from 'node:path'
import { SOURCE_BYTES_MAX } from '../constraint-language/limits.ts'
import { parseRuleFile } from '../constraint-language/parse-rule-file.ts'
import type { Rule } from '../constraint-language/rule.types.ts'
import { diskFault, onDisk } from '../utils/disk-fault.ts'
import { NodeError } from '../utils/node-error.ts'
import { permissionFields } from './permission-fields.ts'
import { hasDecisions } from './persistence.ts'

const RULE_FILE_NAME = /^([a-z0-9-]{1,64})\.ts$/
/** Rule files that a home may hold. */
const RULE_FILES_MAX = 10_000

export type RuleSet = {
  readonly rules: readonly Rule[]
  /** sha256 over names and texts: recorded with each decision. */
  readonly hash: string
}

/**
 * Copies the shipped rules into a home that has none yet; a folder that exists is never touched.
 * @throws {NodeError} RULES_UNREADABLE when the home's state holds decisions: its own rules are lost then.
 */
export const installSeedRules = (folder: string, seeds: string, { state }: { readonly state: string }): void => {
  if (existsSync(folder)) return
  // In this order: another command may install the rules and decide by them meanwhile.
  if (hasDecisions(state) && !existsSync(folder)) {
    throw new NodeError('RULES_UNREADABLE', `${folder} is gone, and this home has decided by its rules before`, {
      hint: 'restore the folder from a backup; to begin with the shipped rules, copy constraints-seed of plaited there',
    })
  }
  const staging = onDisk(folder, () => mkdtempSync(`${folder}.`))
  try {
    for (const name of readdirSync(seeds)) copyFileSync(join(seeds, name), join(staging, name))
    chmodSync(staging, 0o755)
    renameSync(staging, folder)
  } catch (error) {
    rmSync(staging, { recursive: true, force: true })
    // Another command that started at the same time may have installed them.
    if (!existsSync(folder)) throw diskFault(error, folder)
  }
}

/** @throws {NodeError} RULES_UNREADABLE or RULE_ILLEGAL, naming file, line, reason and fix. */
export const loadRules = (folder: string): RuleSet => {
  const names = listRuleFiles(folder)
  const hash = createHash('sha256')
  const rules: Rule[] = []
  for (const name of names) {
    const path = join(folder, name)
    const source = readRuleFile(path)
    hash.update(`${name}\0${source.length}\0${source}`)
    const parsed = parseRuleFile({ file: name.slice(0, -'.ts'.length), source, fields: permissionFields })
    if (!parsed.ok) {
      const [fault] = parsed.faults
      throw new NodeError(
        'RULE_ILLEGAL',
        `${path}:${fault?.line ?? 1}:${fault?.column ?? 0}: ${fault?.message ?? 'is not a rule'}`,
        {
          hint: `${fault?.fix ?? 'see skills/behavioral-core'}; no tool runs until every rule file is legal`,
        },
      )
    }
    rules.push(...parsed.rules)
  }
  return { rules, hash: hash.digest('hex') }
}

const listRuleFiles = (folder: string): readonly string[] => {
  const names = attempt(folder, () => readdirSync(folder))
    .filter((name) => name !== '.git')
    .sort()
  const foreign = names.find((name) => !RULE_FILE_NAME.test(name))
  if (foreign !== undefined) {
    throw new NodeError('RULE_ILLEGAL', `${join(folder, foreign)} is not a rule file`, {
      hint: 'rule files are named with a-z, 0-9 and -, and end in .ts; move this one elsewhere',
    })
  }
  if (names.length === 0) {
    throw new NodeError('RULES_UNREADABLE', `${folder} holds no rules`, {
      hint: 'restore the folder from a backup, or remove the empty folder so that the shipped rules are installed',
    })
  }
  if (names.length > RULE_FILES_MAX) {
    throw new NodeError('RULES_UNREADABLE', `${folder} holds more than ${RULE_FILES_MAX} files`, {
      hint: 'merge rules into fewer files',
    })
  }
  return names
}

const readRuleFile = (path: string): string =>
  attempt(path, () => {
    // A pipe would be waited for, a device read without end.
    const found = statSync(path)
    if (!found.isFile()) throw new Error('it is not a regular file')
    if (found.size > SOURCE_BYTES_MAX) throw new Error(`it is over ${SOURCE_BYTES_MAX} bytes`)
    return new TextDecoder('utf-8', { fatal: true }).decode(readFileSync(path))
  })

const attempt = <T>(path: string, read: () => T): T => {
  try {
    return read()
  } catch (error) {
    throw new NodeError(
      'RULES_UNREADABLE',
      `cannot read ${path}: ${error instanceof Error ? error.message : String(error)}`,
      {
        hint: 'make it a readable UTF-8 text file; no tool runs until every rule can be read',
        cause: error,
      },
    )
  }
}
