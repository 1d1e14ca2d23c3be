/** The weaker sandbox is the owner's word only, and is shown wherever one looks; limits are the owner's too. */
import { describe, expect, test } from 'bun:test'
import { parseSandboxLimits } from '../src/agent/sandbox/sandbox-limits.ts'
import { plaited, startPlaited, temporaryHome } from './run-plaited.ts'

describe('PLAITED_SANDBOX=shared-proc', () => {
  const environment = { PLAITED_SANDBOX: 'shared-proc' }

  test('is shown by status, doctor and start', async () => {
    using home = temporaryHome()
    const at = ['--home', home.path]
    const [status, document, doctor] = [
      await plaited(['status', ...at], { environment }),
      await plaited(['status', '--json', ...at], { environment }),
      await plaited(['doctor', ...at], { environment }),
    ]
    expect(status.stdout).toMatch(/^sandbox {3}WEAKER, as PLAITED_SANDBOX=shared-proc asks: commands see/m)
    expect(JSON.parse(document.stdout)).toMatchObject({
      sandbox: { mode: 'shared-proc', weakness: expect.any(String) },
    })
    expect(doctor.stdout).toMatch(/^warn {2}sandbox {8}WEAKER.*\n +mend: .*systempaths=unconfined/m)
    const { child, ready } = await startPlaited(at, environment)
    child.kill('SIGTERM')
    await child.exited
    expect(ready).toMatchObject({ sandbox: 'shared-proc' })
    expect(await child.stderr.text()).toContain('"sandbox.weaker"')
  })

  test('is never what a node takes by itself', async () => {
    using home = temporaryHome()
    const { stdout } = await plaited(['status', '--json', '--home', home.path])
    expect(JSON.parse(stdout)).toMatchObject({ sandbox: { mode: 'full' } })
  })

  test.each(['none', 'landlock', 'FULL', 'shared'])('%s is an error that names the two that exist', async (mode) => {
    using home = temporaryHome()
    const options = { environment: { PLAITED_SANDBOX: mode } }
    const refused = await plaited(['status', '--home', home.path], options)
    expect(refused.exitCode).toBe(78)
    expect(refused.stderr).toContain('PLAITED_SANDBOX must be full or shared-proc')
  })
})

describe('PLAITED_SANDBOX_LIMITS', () => {
  test('holds for the next call, which is told what it met', async () => {
    using home = temporaryHome()
    const exec = (limits: string, script: string) =>
      plaited(['sandbox', 'exec', '--home', home.path, '--json', '--', 'bash', '-c', script], {
        environment: { PLAITED_SANDBOX_LIMITS: limits },
      })
    const slow = await exec('wall=1s', 'sleep 300')
    expect(JSON.parse(slow.stdout)).toMatchObject({ killedBy: 'timeout', notes: [expect.stringContaining('1s')] })
    const large = await exec('file=16MiB', 'head -c 20000000 /dev/zero >big')
    expect(JSON.parse(large.stdout)).toMatchObject({ notes: [expect.stringContaining('16MiB')] })
  })

  test('is listed in the words in which it is set', async () => {
    using home = temporaryHome()
    const environment = { PLAITED_SANDBOX_LIMITS: 'memory=3GiB' }
    const { stdout } = await plaited(['sandbox', 'limits', '--home', home.path], { environment })
    const listed = [...stdout.matchAll(/^(\S+) +(\S+) /gm)].map(([, name, value]) => `${name}=${value}`)
    expect(listed).toContain('memory=3GiB')
    expect(parseSandboxLimits(listed.join())).toMatchObject({ ok: true, limits: { treeBytesMax: 3 * 1024 ** 3 } })
  })
})
