import { describeLog } from '../describe.ts'
import { printableJson } from '../utils/escape-unsafe-characters.ts'
import type { RunCommand } from './command.types.ts'
import { parseCount } from './parse-count.ts'
import { withRecord } from './with-operations.ts'

const LIMIT_DEFAULT = 50
const LIMIT_MAX = 10_000

export const runLog: RunCommand = (invocation) => {
  const limit = parseCount(invocation.values['limit'], {
    option: '--limit',
    fallback: LIMIT_DEFAULT,
    min: 1,
    max: LIMIT_MAX,
  })
  return withRecord(invocation, async (record) => {
    const commits = await record.log(limit)
    invocation.io.out(`${invocation.json ? printableJson({ commits }) : describeLog(commits)}\n`)
    return 0
  })
}
