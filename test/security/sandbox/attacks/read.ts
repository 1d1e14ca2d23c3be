import type { Attack } from '../attack.types.ts'
import { programAttack, scriptAttack } from '../attack-forms.ts'

const read = (name: string, script: Parameters<typeof scriptAttack>[2]): Attack => scriptAttack('read', name, script)

/** Ways to a secret of the host. The general verdict sees whether one came. */
export const READ_ATTACKS: readonly Attack[] = [
  read(
    "a file of the owner's home has no path",
    ({ outside }) => `cat ${outside.ownerFile}; head -c 99 ${outside.ownerFile}`,
  ),
  read(
    "the node's database has no path",
    ({ outside }) => `cat ${outside.database} ${outside.workspace}/../data/*.sqlite; ls -R ${outside.workspace}/..`,
  ),
  read(
    'the file with the keys has no path',
    ({ outside }) => `cat ${outside.configFile}; source ${outside.configFile}; echo "$ANTHROPIC_API_KEY"`,
  ),
  read(
    'dots lead no further than the root of the sandbox',
    ({ outside }) =>
      `cat /workspace/..${outside.ownerFile} ../../../../../../..${outside.ownerFile}; cd ..; cd ..; cd ..; cat .${outside.ownerFile} ../owner/*`,
  ),
  read(
    'a link reads nothing that its target does not',
    ({ outside }) =>
      `ln -s ${outside.ownerFile} out; ln -s / root; ln -s /proc/1/root one; cat out root${outside.ownerFile} one${outside.ownerFile}`,
  ),
  read(
    'the temporary folders are not those of the host',
    ({ outside }) =>
      `cat ${outside.temporaryFiles.join(' ')}; cat /tmp/${outside.secretName} /dev/shm/${outside.secretName}; ls -A /tmp /var/tmp /dev/shm`,
  ),
  read(
    'no root or folder in /proc is that of the host',
    ({ outside }) =>
      `for p in /proc/[0-9]* /proc/self /proc/thread-self; do cat $p/root${outside.ownerFile} $p/cwd/../owner/* $p/cwd/../data/*; done`,
  ),
  read(
    'no process outside has an environment or a command line in /proc',
    ({ outside }) =>
      `for p in 1 ${outside.victim.pid} ${outside.nodePid} $(seq 40); do tr '\\0' '\\n' </proc/$p/environ; tr '\\0' '\\n' </proc/$p/cmdline; done`,
  ),
  read(
    "the node's environment is not handed down",
    () => "env; export -p; declare -p; tr '\\0' '\\n' </proc/$$/environ",
  ),
  read(
    'no descriptor of the node is inherited',
    () => `
    for fd in /proc/self/fd/* /proc/1/fd/* /proc/$$/fd/*; do timeout 0.05 head -c 4096 <$fd; done
    for n in $(seq 3 255); do timeout 0.05 head -c 4096 <&$n; done`,
  ),
  read(
    'a search of the whole tree meets no secret',
    ({ outside }) => `
    find / -xdev -name '${outside.secretName}*' -exec cat {} +; find / -path /usr -prune -o -path /proc -prune -o -type f -newer /etc/passwd -size -64k -exec grep -a secret {} + | head -c 100000`,
  ),
  read(
    'no other repository is within the reach of git',
    ({ outside }) => `
    git --git-dir=${outside.repository}/.git log; git -C ${outside.repository} log; git clone ${outside.repository} copied && git -C copied log
    git -c alternates=x fetch ${outside.repository}; git -c core.worktree=/ -c safe.directory='*' show HEAD`,
  ),
  read(
    'no disk or memory of the machine is a device inside',
    () => `
    ls -lR /dev; for d in /dev/sd? /dev/vd? /dev/xvd? /dev/nvme* /dev/mem /dev/kmem /dev/port /dev/mapper/* /dev/dm-*; do dd if=$d bs=1M count=8 | strings | grep -a secret; done`,
  ),
  read(
    'an archive program follows no path that the shell could not',
    ({ outside }) =>
      `tar chf all.tar ${outside.ownerFile}; tar cf two.tar -C / .${outside.ownerFile}; tar xOf all.tar; tar xOf two.tar; cp -rL ${outside.workspace}/.. copy`,
  ),
  {
    group: 'read',
    name: 'a call leaves nothing in memory or in the temporary folders for the next one',
    attempt: async ({ bash, mark }) => {
      await bash(
        `for f in /tmp/n /tmp/home/n /dev/shm/n /var/tmp/n /run/n; do echo ${mark} >$f; done; exec -a x env LEFT=${mark} true`,
      )
      const { stdout } = await bash(
        `cat /tmp/n /tmp/home/n /dev/shm/n /var/tmp/n /run/n; echo "$LEFT"; cat /proc/[0-9]*/environ; ls -A /tmp/home`,
      )
      return stdout.replaceAll(`tried ${mark}`, '').includes(mark) ? 'the next call read it' : null
    },
  },
  programAttack(
    'read',
    'shared memory and message queues of the host cannot be attached',
    ({ outside: { victim } }) => `
    const { symbols: ipc } = dlopen('libc.so.6', { shmat: { args: ['i32', 'ptr', 'i32'], returns: 'ptr' } })
    for (const id of [${victim.sharedMemoryId}, ...Array(64).keys()]) {
      const address = ipc.shmat(id, null, 0o10000)
      if (address !== null && Number(address) > 0 && Number(address) < 2 ** 47) console.log(Buffer.from(toArrayBuffer(address, 0, 4096)).toString('latin1'))
    }
    for (const id of [${victim.messageQueueId}, ...Array(64).keys()]) {
      const message = new Uint8Array(512)
      call([70, 188], id, message, 500, 0, 0o4000 | 0o20000)
      console.log(Buffer.from(message).toString('latin1'))
    }
    console.log(readFileSync('/proc/sysvipc/shm', 'latin1'), readFileSync('/proc/sysvipc/msg', 'latin1'))`,
  ),
  programAttack(
    'read',
    "the memory of another process cannot be read, by any of the kernel's ways",
    ({ outside: { victim, nodePid } }) => `
    const pages = (pid) => { try { return readFileSync('/proc/' + pid + '/maps', 'latin1').split('\\n') } catch { return [] } }
    for (const pid of [${victim.pid}, ${nodePid}, 1, ...Array(64).keys()].filter((pid) => pid !== process.pid)) {
      for (const line of pages(pid)) {
        const [, from, to] = /^(\\w+)-(\\w+) rw/.exec(line) ?? []
        if (!from || line.includes('bash')) continue
        const size = Math.min(parseInt(to, 16) - parseInt(from, 16), 1 << 20)
        const into = new Uint8Array(size)
        call([310, 270], pid, new BigUint64Array([BigInt(ptr(into)), BigInt(size)]), 1, new BigUint64Array([BigInt('0x' + from), BigInt(size)]), 1)
        const text = Buffer.from(into).toString('latin1')
        console.log(text.match(/secret\\w{24}/g))
      }
      call([101, 117], 16, pid)
      try { console.log(readFileSync('/proc/' + pid + '/mem', 'latin1').length) } catch {}
    }`,
  ),
  programAttack(
    'read',
    'a key of the host is not found in the keyrings',
    ({ outside: { victim } }) => `
    for (const ring of [-1, -2, -3, -4, -5]) {
      const key = call([250, 219], 10, ring, 'user', '${victim.keyDescription}', 0)
      const into = new Uint8Array(256)
      if (key > 0) call([250, 219], 11, key, into, 256)
      console.log(key, Buffer.from(into).toString('latin1'))
    }
    console.log(call([249, 218], 'user', '${victim.keyDescription}', 0, -4))`,
  ),
]
