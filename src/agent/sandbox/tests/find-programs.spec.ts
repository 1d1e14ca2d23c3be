import { describe, expect, test } from 'bun:test'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { NodeError } from '../../../utils/node-error.ts'
import { isConfinedProgram, requireKernel, requireProgram } from '../find-programs.ts'

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

describe('a program of the sandbox', () => {
  const user = { uid: 12_345, gid: 12_345 }

  test('is one of the system that its user can run', () => {
    expect([isConfinedProgram('/usr/bin/env', user), isConfinedProgram('/usr/bin/env', null)]).toEqual([true, true])
  })

  test('is no folder, nothing that is missing, and nothing that the sandbox does not show', () => {
    const folder = mkdtempSync(join(tmpdir(), 'plaited-programs-'))
    writeFileSync(join(folder, 'git'), '', { mode: 0o755 })
    const paths = [
      '/usr/bin',
      '/usr/bin/no-such-program',
      '/usr/bin/env/x',
      '/usr/share/../../etc/x',
      join(folder, 'git'),
    ]
    const usable = paths.filter((path) => isConfinedProgram(path, null) || isConfinedProgram(path, user))
    rmSync(folder, { recursive: true })
    expect(usable).toEqual([])
  })
})
