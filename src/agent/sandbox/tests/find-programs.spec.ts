import { describe, expect, test } from 'bun:test'
import { NodeError } from '../../../utils/node-error.ts'
import { requireKernel, requireProgram } from '../find-programs.ts'

const faultOf = (run: () => unknown): NodeError | null => {
  try {
    run()
    return null
  } catch (error) {
    if (error instanceof NodeError) return error
    throw error
  }
}

describe('what the host must have', () => {
  test.each(['5.6.0', '5.15.0-119-generic', '6.1.0-28-amd64', '10.0'])('Linux %s is new enough', (release) => {
    expect(faultOf(() => requireKernel(release))).toBeNull()
  })

  test.each(['5.5.19', '4.19.0-27-amd64', '3.10.0-1160.el7.x86_64', ''])(
    'Linux %s is too old, and says so',
    (release) => {
      expect(faultOf(() => requireKernel(release))).toMatchObject({
        code: 'SANDBOX_UNAVAILABLE',
        message: expect.stringContaining('too old'),
        hint: expect.stringContaining('newer kernel'),
      })
    },
  )

  test('a program that is missing is refused with the command that installs it', () => {
    expect(faultOf(() => requireProgram('no-such-program', 'bubblewrap'))).toMatchObject({
      code: 'SANDBOX_UNAVAILABLE',
      hint: 'apt-get install bubblewrap',
    })
  })
})
