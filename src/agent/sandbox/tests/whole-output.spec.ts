import { describe, expect, test } from 'bun:test'
import { NodeError } from '../../../utils/node-error.ts'
import type { FileAnswer, FileOperation } from '../file-worker.types.ts'
import { isLong, keepWhole, tailOf } from '../whole-output.ts'

const bytes = (text: string) => new Uint8Array(Buffer.from(text))
const keep = async (output: { stdout: string; stderr: string }, answer: () => Promise<FileAnswer>) => {
  const asked: FileOperation[] = []
  const run = (operation: FileOperation) => {
    asked.push(operation)
    return answer()
  }
  const { signal } = new AbortController()
  const options = { name: '7', bytesMax: 1000, wasEnded: false, signal }
  const note = await keepWhole({ run }, { stdout: bytes(output.stdout), stderr: bytes(output.stderr) }, options)
  return { note, asked }
}
const kept = () => Promise.resolve<FileAnswer>({ kind: 'text', text: 'kept', truncated: false })

describe('output that is too long to show', () => {
  test('is what a model would not see all of', () => {
    expect(isLong({ stdout: bytes('x'.repeat(25_000)), stderr: bytes('') })).toBe(false)
    expect(isLong({ stdout: bytes('x'.repeat(25_001)), stderr: bytes('') })).toBe(true)
    expect(isLong({ stdout: bytes(''), stderr: bytes('x'.repeat(25_001)) })).toBe(true)
  })

  test('is kept under the number of its decision, both streams told apart', async () => {
    const { note, asked } = await keep({ stdout: 'a', stderr: 'b' }, kept)
    const path = '/workspace/.plaited/out/7.txt'
    expect(note).toContain(path)
    expect(asked).toEqual([{ kind: 'keep', path, content: '--- stdout ---\na\n--- stderr ---\nb', bytesMax: 1000 }])
    expect((await keep({ stdout: '', stderr: 'b\n' }, kept)).asked).toMatchObject([{ content: 'b\n' }])
  })

  test('that cannot be kept is told, and the command still counts as run', async () => {
    const refused = await keep({ stdout: 'a', stderr: '' }, async () => ({ kind: 'failed', message: 'a link' }))
    expect(refused.note).toContain('could not be kept: a link')
    const died = await keep({ stdout: 'a', stderr: '' }, () =>
      Promise.reject(new NodeError('SANDBOX_FAILED', 'the file worker ended')),
    )
    expect(died.note).toContain('could not be kept: the file worker ended')
  })
})

test('of a stream the end is shown, from the start of a line where there is one', () => {
  const end = (text: string, bytesMax: number) => Buffer.from(tailOf(bytes(text), bytesMax)).toString('utf8')
  expect(end('one\ntwo\n', 8)).toBe('one\ntwo\n')
  expect(end('one\ntwo\n', 6)).toBe('two\n')
  expect(end('onetwo', 3)).toBe('two')
  expect(end('onetwo\n', 3)).toBe('wo\n')
})
