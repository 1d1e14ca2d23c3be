import { readObject } from '../constraint-history/git-objects.ts'
import { gitDirOf } from '../constraint-history/repository.ts'
import { ruleFile } from '../constraint-history/rule-records.ts'
import { parseCommit } from '../constraint-history/signed-commit.ts'
import { treeOf } from './complete-append.ts'

const MS_PER_SECOND = 1000

/** When the newest commits were made, newest first: a keeper that starts anew must not begin counting anew. */
export const readAppendTimes = (folder: string, head: string | null, countMax: number): readonly number[] => {
  const times: number[] = []
  for (let id = head; id !== null && times.length < countMax;) {
    const bytes = readObject(gitDirOf(folder), 'commit', id)
    const commit = bytes && parseCommit(bytes)
    if (!commit) break // the audit tells
    times.push(commit.atSeconds * MS_PER_SECOND)
    id = commit.parents[0] ?? null
  }
  return times
}

/** A rule as it was signed; null when the history holds none of that name. */
export const readRuleSource = (folder: string, head: string, name: string): string | null => {
  const id = treeOf(folder, head).get(ruleFile(name))
  return id === undefined ? null : (readObject(gitDirOf(folder), 'blob', id)?.toString() ?? null)
}
