import { expect, test } from 'bun:test'
import { describeWhen } from '../../../test/helpers.ts'
import { examinePort } from '../examine-port.ts'

const PLACE = { variable: 'GATEWAY_PORT', host: '127.0.0.1' }
const occupy = () => Bun.listen({ hostname: '127.0.0.1', port: 0, socket: { data: () => {} } })

test('a free port is fine, and free afterwards', () => {
  const listener = occupy()
  const { port } = listener
  listener.stop(true)
  for (let look = 0; look < 2; look++)
    expect(examinePort({ ...PLACE, port }, null)).toMatchObject({ name: 'GATEWAY_PORT', state: 'ok', mend: null })
  expect(examinePort({ ...PLACE, port: 0 }, null)).toMatchObject({ state: 'ok', mend: null })
})

test('a port that is taken is a fault that says whom to ask, unless the node of this home has it', () => {
  using listener = occupy()
  const place = { ...PLACE, port: listener.port }
  const taken = { state: 'fail', mend: expect.stringMatching(new RegExp(`sport = :${listener.port}.* GATEWAY_PORT`)) }
  expect(examinePort(place, null)).toMatchObject(taken)
  const other = Bun.spawn(['sleep', '60'])
  const foreign = examinePort(place, other.pid)
  other.kill('SIGKILL')
  expect(foreign).toMatchObject(taken)
  expect(examinePort(place, process.pid)).toMatchObject({ state: 'ok', detail: expect.stringContaining('this node') })
})

test('an address that this machine does not have is named', () => {
  const place = { variable: 'PLAITED_PORT', host: '192.0.2.1', port: 3000 }
  expect(examinePort(place, null)).toMatchObject({ state: 'fail', mend: expect.stringContaining('PLAITED_HOST') })
})

const isRoot = process.getuid?.() === 0
const firstFreePort = Number(await Bun.file('/proc/sys/net/ipv4/ip_unprivileged_port_start').text())

describeWhen(isRoot && firstFreePort > 80, 'only root can be someone else here', 'an ordinary user', () => {
  test('is told which port it may not listen on', () => {
    const script = `import { examinePort } from '${import.meta.dir}/../examine-port.ts'
      console.log(JSON.stringify(examinePort({ variable: 'GATEWAY_PORT', host: '127.0.0.1', port: 80 }, null)))`
    const { stdout } = Bun.spawnSync([process.execPath, '-e', script], { uid: 54321, gid: 54321, env: {} })
    expect(JSON.parse(stdout.toString())).toMatchObject({
      state: 'fail',
      mend: 'set GATEWAY_PORT to a port above 1023',
    })
  })
})
