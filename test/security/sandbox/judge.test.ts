/** The judge is not blind: whatever gets out, in each way there is, is found; and an attempt that was none is none. */
import { afterAll, beforeAll, expect, test } from 'bun:test'
import { utimesSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { whyNoSandbox } from '../../../src/agent/sandbox/tests/sandbox-fixture.ts'
import { describeWhen } from '../../helpers.ts'
import type { Attack } from './attack.types.ts'
import { runAtTerminal, terminalFault } from './attacks/terminal.ts'
import { probeFault } from './probe-program.ts'
import { createStage, runAttacks, type Stage } from './run-attacks.ts'

const reason = await whyNoSandbox()

describeWhen(reason === null, `${reason}`, 'the judge of attacks', () => {
  let stage: Stage
  beforeAll(async () => {
    stage = await createStage()
  })
  afterAll(() => stage.close())

  const faultsOf = async (attempt: Attack['attempt']) => {
    const [verdict] = await runAttacks(stage, [{ group: 'sanity', name: 'planted', attempt }], 1)
    const places = stage.host.search()(verdict?.mark ?? '')
    return { faults: verdict?.faults ?? [], places }
  }
  const secret = () => stage.host.secrets[0] ?? ''
  const nothing = async () => null

  test('finds nothing where nothing happened', async () => {
    expect(await faultsOf(nothing)).toEqual({ faults: [], places: [] })
  })

  test.each(['echo WORD', 'echo WORD >&2', 'echo WORD >file', 'mkdir WORD'])(
    'finds a secret that came by: %s',
    async (script) => {
      const { faults } = await faultsOf(async ({ bash }) => {
        await bash(script.replace('WORD', secret()))
        return null
      })
      expect(faults).toEqual(['a secret of the host came out'])
    },
  )

  test('finds a secret that a file tool gave back', async () => {
    const { faults } = await faultsOf(async ({ run, bash, folder }) => {
      await bash(`echo ${secret().slice(0, 9)}`)
      await run({ kind: 'write', path: `${folder}/deep/down`, content: secret() })
      await run({ kind: 'read', path: `${folder}/deep/down`, offset: null, limit: null })
      return null
    })
    expect(faults).toEqual(['a secret of the host came out'])
  })

  test('finds a mark in a folder, a server and a process of the host', async () => {
    let sleeper: Bun.Subprocess | null = null
    const { places } = await faultsOf(async ({ mark, outside }) => {
      writeFileSync(join(outside.dropFolder, mark), '')
      sleeper = Bun.spawn(['bash', '-c', `exec -a ${mark} sleep 300`])
      const peer = await Bun.connect({ hostname: '127.0.0.1', port: outside.tcpPort, socket: { data: () => {} } })
      peer.write(mark)
      peer.flush()
      while (stage.host.search()(mark).length < 4) await Bun.sleep(1)
      peer.end()
      return null
    })
    ;(sleeper as Bun.Subprocess | null)?.kill('SIGKILL')
    expect(places.map((place) => place.replace(/[\d/].*/, ''))).toEqual(
      expect.arrayContaining(['', 'process ', 'a server of the host']),
    )
  })

  test('finds what has moved on the host', async () => {
    const changed = await faultsOf(async ({ outside }) => {
      utimesSync(outside.ownerFile, 1, 1)
      return null
    })
    expect(changed.faults).toEqual([expect.stringContaining('the host has changed')])
    const slowed = await faultsOf(async ({ outside }) => {
      Bun.spawnSync(['renice', '-n', '5', '-p', `${outside.victim.pid}`])
      return null
    })
    expect(slowed.faults).toEqual([expect.stringContaining('the host has changed')])
  })

  test('takes no attempt that ended early for containment', async () => {
    const { faults } = await faultsOf(async ({ bash }) => {
      await bash('kill -9 $PPID $$ 1; kill -9 $BASHPID; exit 1')
      await bash('kill -9 0')
      return null
    })
    expect(faults).toEqual([expect.stringContaining('not tried')])
    const broken = await faultsOf(async ({ program }) => {
      await program('no.such.thing()')
      return null
    })
    expect(broken.faults).toEqual([expect.stringContaining('not tried: the program failed')])
  })

  test('sees what was written to a terminal, or typed for the next program there', async () => {
    const session = await runAtTerminal('echo outward >/dev/tty')
    expect([terminalFault(session, 'outward'), terminalFault(session, 'inward')]).toEqual([
      'it wrote to the terminal',
      null,
    ])
    expect(terminalFault({ shown: '', typed: 'inward' }, 'inward')).toBe('it typed into the terminal')
  })

  test('sees from outside what a process holds', async () => {
    const { faults } = await faultsOf(async ({ probes }) => {
      const held = await probes('control', {
        'a socket': 'call([41, 198], 1, 1, 0)',
        'a refusal': 'call([41, 198], 40, 1, 0)',
        'no such call': 'call([null, null])',
        'an error': 'missing()',
      })
      expect(probeFault(held, 'a socket')).toMatch(/^the call answered \d+, which is socket:/)
      expect([probeFault(held, 'a refusal'), probeFault(held, 'no such call')]).toEqual([null, null])
      expect(() => probeFault(held, 'an error')).toThrow('not made')
      expect(() => probeFault(held, 'never made')).toThrow('not made')
      return null
    })
    expect(faults).toEqual([])
  })
})
