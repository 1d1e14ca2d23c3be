/** What the keeper adds for a rule and for a retirement: its files, and a message that people read in `git log`. */
import { createHash } from 'node:crypto'
import type { AppendPlan } from '../constraint-history/pending-append.ts'
import {
  type Retirement,
  type RuleRecord,
  recordFile,
  renderRecord,
  retirementFile,
  ruleFile,
} from '../constraint-history/rule-records.ts'
import { formatInstant } from '../utils/clock.ts'
import { escapeUnsafeCharacters } from '../utils/escape-unsafe-characters.ts'

export const sha256Of = (source: string): string => createHash('sha256').update(source).digest('hex')

export const planRule = (record: RuleRecord, source: string, parent: string | null): AppendPlan => ({
  v: 1,
  parent,
  at: record.at,
  message: messageOf(`add ${record.rule}`, record, record.intent),
  files: [
    { name: recordFile(record.rule), content: renderRecord(record) },
    { name: ruleFile(record.rule), content: source },
  ],
})

export const planRetirement = (retirement: Retirement, parent: string): AppendPlan => ({
  v: 1,
  parent,
  at: retirement.at,
  message: messageOf(`retire ${retirement.rule}`, retirement, retirement.reason),
  files: [{ name: retirementFile(retirement.rule), content: renderRecord(retirement) }],
})

/** The words stand quoted behind the facts, so that they cannot pose as one. */
const messageOf = (subject: string, { who, at, sha256 }: RuleRecord | Retirement, words: string): string => {
  const quoted = escapeUnsafeCharacters(words)
    .split('\n')
    .map((line) => `> ${line}`)
  const facts = [`asked by: ${oneLine(who)}`, `at: ${formatInstant(at)}`, `sha256: ${sha256}`]
  return `${[subject, '', ...facts, '', ...quoted].join('\n')}\n`
}

const oneLine = (text: string): string => escapeUnsafeCharacters(text).replaceAll(/\s+/g, ' ')
