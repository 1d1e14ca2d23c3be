import { expect, test } from 'bun:test'
import { z } from 'zod'
import { describeIssues } from '../describe-issues.ts'

test('everything that is wrong is said on one line, each with its place', () => {
  const schema = z.object({ type: z.string(), detail: z.object({ path: z.string() }) })
  const words = describeIssues(schema.safeParse({ detail: { path: 7 } }).error ?? { issues: [] })
  expect(words).toMatch(/^type: .+; detail\.path: .+$/)
  expect(describeIssues(z.string().safeParse(7).error ?? { issues: [] })).toMatch(/^Invalid input/)
})
