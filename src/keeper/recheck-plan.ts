/** Whether a plan that an earlier keeper signed would be signed today: language and rules may have changed meanwhile. */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { parseFileName, parseRetirement, parseRuleRecord, recordFile } from '../constraint-history/rule-records.ts'
import type { Recheck } from './complete-append.ts'
import { sha256Of } from './plan-append.ts'
import { readRuleSource } from './read-rules.ts'
import type { AcceptRule } from './rule-book.ts'

type Place = { readonly folder: string; readonly seeds: string; readonly accept: AcceptRule }

const NO_RULE = 'it is neither one rule nor one retirement'

export const createRecheck =
  (place: Place): Recheck =>
  ({ parent, files: [first, second] }) => {
    const [one, other] = [first, second].map((file) => parseFileName(file?.name ?? ''))
    if (first === undefined || !one) return NO_RULE
    if (second === undefined)
      return one.part === 'retirement' ? retirementFault(place, first.content, { ...one, parent }) : NO_RULE
    const { name } = one
    const isRule = first.name === recordFile(name) && other?.part === 'rule' && other.name === name
    return isRule ? ruleFault(place, name, { record: first.content, source: second.content }) : NO_RULE
  }

const retirementFault = (
  { folder }: Place,
  content: string,
  { name, parent }: { readonly name: string; readonly parent: string | null },
): string | null => {
  const retirement = parseRetirement(content)
  const source = parent === null ? null : readRuleSource(folder, parent, name)
  const fits = source !== null && retirement?.rule === name && retirement.sha256 === sha256Of(source)
  return fits ? null : `the retirement is not of the rule ${name}`
}

const ruleFault = (
  { seeds, accept }: Place,
  name: string,
  { record, source }: { readonly record: string; readonly source: string },
): string | null => {
  const parsed = parseRuleRecord(record)
  if (parsed?.rule !== name || parsed.sha256 !== sha256Of(source)) return `the record is not of the rule ${name}`
  if (isShipped(join(seeds, `${name}.ts`), source)) return null // taken in as it is, as at first
  const judged = accept({ name, source, examples: parsed.examples })
  return judged.ok ? null : judged.reason
}

const isShipped = (path: string, source: string): boolean => {
  try {
    return readFileSync(path, 'utf8') === source
  } catch {
    return false // plaited ships no rule of that name
  }
}
