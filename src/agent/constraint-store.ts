/**
 * The owner's rules on disk: `HOME/data/constraints/*.ts`, read as text and never run. A start with an empty home copies
 * the seeds. One file that cannot be read or is illegal makes the whole set unusable: a rule must never be lost quietly.
 * Beside a rule lies its record, and that of its retirement, which alone takes it out of force (`constraint-history/`).
 */
import { createHash } from 'node:crypto'
import {
  chmodSync,
  copyFileSync,
  lstatSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
} from 'node:fs'
import { join } from 'node:path'
import { readUncommitted } from '../constraint-history/pending-append.ts'
import { placeFaultOf } from '../constraint-history/place-fault.ts'
import { readFilesAt } from '../constraint-history/read-files-at.ts'
import {
  parseFileName,
  parseRetirement,
  parseRuleRecord,
  RECORD_BYTES_MAX,
  type Retirement,
  type RuleRecord,
  recordFile,
  retirementFile,
} from '../constraint-history/rule-records.ts'
import { SOURCE_BYTES_MAX } from '../constraint-language/limits.ts'
import { parseRuleFile } from '../constraint-language/parse-rule-file.ts'
import type { Rule } from '../constraint-language/rule.types.ts'
import { diskFault, onDisk } from '../utils/disk-fault.ts'
import { NodeError } from '../utils/node-error.ts'
import { runSteps, runStepsGently, type Steps } from '../utils/steps.ts'
import { permissionFields } from './permission-fields.ts'
import { hasHadRules } from './persistence.ts'

/** Rule files that a home may hold. */
const RULE_FILES_MAX = 10_000
/** Files between two pauses of a gentle load: a few milliseconds. */
const FILES_PER_PAUSE = 16

export type RuleSet = {
  readonly rules: readonly Rule[]
  /** sha256 over names and texts: recorded with each decision. */
  readonly hash: string
  /** sha256 of each file's text, by its name without the ending. */
  readonly fileHashes: Readonly<Record<string, string>>
  /** Files that read `confirmed`: only what their rules block may be asked about. */
  readonly asking: ReadonlySet<string>
  /** Commit of the rules' repository that the files are from; null where they have none. */
  readonly head: string | null
}

/**
 * Copies the shipped rules into a home that never had any. What lies in the place of the folder is never touched, and a home
 * whose state knows of rules gets no others in their place: that they are gone is for the audit to tell.
 */
export const installSeedRules = (folder: string, seeds: string, { state }: { readonly state: string }): void => {
  if (isThere(folder) || hasHadRules(state)) return
  const staging = onDisk(folder, () => mkdtempSync(`${folder}.`))
  try {
    for (const name of readdirSync(seeds)) copyFileSync(join(seeds, name), join(staging, name))
    chmodSync(staging, 0o755)
    renameSync(staging, folder)
  } catch (error) {
    rmSync(staging, { recursive: true, force: true })
    // Another command that started at the same time may have installed them.
    if (!isThere(folder)) throw diskFault(error, folder)
  }
}

/** A link that leads nowhere is something, too. */
const isThere = (path: string): boolean => lstatSync(path, { throwIfNoEntry: false }) !== undefined

/** @throws {NodeError} RULES_UNREADABLE or RULE_ILLEGAL, naming file, line, reason and fix. */
export const loadRules = (folder: string): RuleSet => runSteps(loadSteps(folder))

/** As `loadRules`, while the process answers others: a thousand rules take a third of a second. */
export const loadRulesGently = (folder: string): Promise<RuleSet> => runStepsGently(loadSteps(folder))

/**
 * The rules as they were at a commit of their history; null when that commit is not there.
 * @throws {NodeError} RULE_ILLEGAL when the language has changed since.
 */
export const loadRulesAt = (folder: string, commit: string): RuleSet | null => {
  const files = readFilesAt(folder, commit)
  if (files === null) return null
  const names = rulesInForce([...files.keys()])
  const read = (name: string) => files.get(name) ?? ''
  return { ...runSteps(parseSteps(names, { folder, read })), head: commit }
}

const loadSteps = function* (folder: string): Steps<RuleSet> {
  const read = (name: string) => readText(join(folder, name), SOURCE_BYTES_MAX)
  return yield* parseSteps(listRuleFiles(folder), { folder, read })
}

const parseSteps = function* (
  names: readonly string[],
  { folder, read }: { readonly folder: string; readonly read: (name: string) => string },
): Steps<RuleSet> {
  const hash = createHash('sha256')
  const rules: Rule[] = []
  const fileHashes: Record<string, string> = {}
  const asking = new Set<string>()
  for (const [index, name] of names.entries()) {
    if (index % FILES_PER_PAUSE === FILES_PER_PAUSE - 1) yield
    const path = join(folder, name)
    const source = read(name)
    hash.update(`${name}\0${source.length}\0${source}`)
    if (/\bconfirmed\b/.test(source)) asking.add(name.slice(0, -'.ts'.length))
    fileHashes[name.slice(0, -'.ts'.length)] = createHash('sha256').update(source).digest('hex')
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
  return { rules, hash: hash.digest('hex'), fileHashes, asking, head: null }
}

/** How a rule came to be, and how it ended; null for what has no record. */
export type RuleHistory = { readonly record: RuleRecord | null; readonly retirement: Retirement | null }

/**
 * What the folder tells about each rule file, retired ones included, by its name. Whether that is what was signed is the
 * audit's to say. @throws {NodeError} as `loadRules`.
 */
export const readRuleHistories = (folder: string): ReadonlyMap<string, RuleHistory> => {
  const names = new Set(committedOf(folder, listFiles(folder)))
  const read = <T>(file: string, parse: (json: string) => T): T | null =>
    names.has(file) ? parse(readText(join(folder, file), RECORD_BYTES_MAX)) : null
  const rules = [...names].flatMap((file) => parseFileName(file) ?? []).filter(({ part }) => part === 'rule')
  return new Map(
    rules.map(({ name }) => [
      name,
      { record: read(recordFile(name), parseRuleRecord), retirement: read(retirementFile(name), parseRetirement) },
    ]),
  )
}

/** Those in force. */
const listRuleFiles = (folder: string): readonly string[] => {
  const files = listFiles(folder)
  const rules = files.filter((file) => parseFileName(file)?.part === 'rule')
  if (rules.length === 0) {
    throw new NodeError('RULES_UNREADABLE', `${folder} holds no rules`, {
      hint: 'restore the folder from a backup; in a new home, remove it, so that the shipped rules are installed',
    })
  }
  if (rules.length > RULE_FILES_MAX) {
    throw new NodeError('RULES_UNREADABLE', `${folder} holds more than ${RULE_FILES_MAX} rule files`, {
      hint: 'merge rules into fewer files',
    })
  }
  return rulesInForce(committedOf(folder, files))
}

/** Without what the keeper is adding: a rule holds, and a retirement counts, once it is committed. `files` were read before. */
const committedOf = (folder: string, files: readonly string[]): readonly string[] => {
  const uncommitted = readUncommitted(folder)
  return files.filter((file) => !uncommitted.has(file))
}

const rulesInForce = (files: readonly string[]): readonly string[] => {
  const present = new Set(files)
  return files.filter((file) => {
    const parsed = parseFileName(file)
    return parsed?.part === 'rule' && !present.has(retirementFile(parsed.name))
  })
}

const listFiles = (folder: string): readonly string[] => {
  const place = placeFaultOf(folder)
  if (place !== null) throw new NodeError('RULES_UNREADABLE', place.what, { hint: place.mend })
  const names = attempt(folder, () => readdirSync(folder))
    .filter((name) => name !== '.git')
    .sort()
  const foreign = names.find((name) => parseFileName(name) === null)
  if (foreign !== undefined) {
    throw new NodeError('RULE_ILLEGAL', `${join(folder, foreign)} is not a rule file`, {
      hint: 'rule files are named with a-z, 0-9 and -, and end in .ts; move this one elsewhere',
    })
  }
  return names
}

const readText = (path: string, bytesMax: number): string =>
  attempt(path, () => {
    // A pipe would be waited for, a device read without end.
    const found = statSync(path)
    if (!found.isFile()) throw new Error('it is not a regular file')
    if (found.size > bytesMax) throw new Error(`it is over ${bytesMax} bytes`)
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
