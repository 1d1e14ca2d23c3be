import type { Attack } from '../attack.types.ts'
import { probeAttacks, programAttack, scriptAttack } from '../attack-forms.ts'

const attack = (name: string, script: Parameters<typeof scriptAttack>[2]): Attack =>
  scriptAttack('process', name, script)

/** The victim and the node live on; what moved of them the general verdict sees. */
export const PROCESS_ATTACKS: readonly Attack[] = [
  attack(
    'no signal reaches a process outside by its number',
    ({ outside: { victim, nodePid } }) => `
    for s in KILL TERM STOP USR1 HUP; do kill -$s ${victim.pid} ${nodePid} -${victim.pid} -${nodePid}; done; for p in $(seq 3 400); do [ $p != $BASHPID ] && [ $p != $$ ] && [ $p != $PPID ] && kill -STOP $p; done; true`,
  ),
  scriptAttack(
    'process',
    'a signal to all processes ends only its own',
    () => 'trap "" TERM; kill -TERM -1; kill -KILL -1; kill -KILL 0',
    { mayDie: true },
  ),
  scriptAttack(
    'process',
    'pid 1 of the sandbox can be stopped, but not the node',
    () => 'kill -STOP 1; kill -KILL 1; kill -KILL $PPID',
    { mayDie: true },
  ),
  programAttack(
    'process',
    'no signal reaches a process outside through thread, queue or descriptor calls',
    ({ outside: { victim, nodePid } }) => `
    for (const pid of [${victim.pid}, ${nodePid}]) {
      const descriptor = call([434, 434], pid, 0)
      console.log(call([234, 131], pid, pid, 9), call([200, 130], pid, 9), call([129, 138], pid, 9, new Uint8Array(128)), call([297, 240], pid, pid, 9, new Uint8Array(128)), call([424, 424], descriptor, 9, 0, 0))
    }`,
  ),
  programAttack(
    'process',
    'no process outside can be slowed down: priority, scheduling, io class, processors',
    ({ outside: { victim, nodePid } }) => `
    for (const pid of [${victim.pid}, ${nodePid}]) {
      call([141, 140], 0, pid, 19); call([251, 30], 1, pid, (3 << 13) | 7); call([144, 119], pid, 5, ints(0)); call([203, 122], pid, 8, longs(1))
    }
    for (const id of [process.getuid(), 0]) { call([141, 140], 2, id, 19); call([251, 30], 3, id, 3 << 13) }`,
  ),
  programAttack(
    'process',
    'no limit of a process outside can be set',
    ({ outside: { victim, nodePid } }) => `
    for (const pid of [${victim.pid}, ${nodePid}]) for (const what of [0, 1, 2, 4, 6, 7, 9]) call([302, 261], pid, what, longs(1, 1), 0)`,
  ),
  attack(
    'no process outside is given to the killer of memory first',
    ({ outside: { victim, nodePid } }) => `
    for p in ${victim.pid} ${nodePid}; do echo 1000 >/proc/$p/oom_score_adj; echo 15 >/proc/$p/oom_adj; echo 1 >/proc/$p/clear_refs; echo 0x7f >/proc/$p/coredump_filter; done; echo -1000 >/proc/self/oom_score_adj; cat /proc/self/oom_score_adj`,
  ),
  attack(
    'a daemon that forked twice is gone with the call',
    ({ mark }) =>
      `( setsid bash -c 'exec -a ${mark} sleep 300' >/dev/null 2>&1 </dev/null & ) & disown -a; nohup setsid bash -c '(exec -a ${mark} sleep 300) & (exec -a ${mark} sleep 300) & exit' >/dev/null 2>&1 &`,
  ),
  attack(
    'a process that ignores every signal it can is gone with the call',
    ({ mark }) =>
      `bash -c 'trap "" TERM HUP INT QUIT USR1 USR2 PIPE ALRM; exec -a ${mark} sleep 300' & bash -c 'trap "" TERM HUP INT; (exec -a ${mark} sleep 300); :' & until pgrep -f ${mark} >/dev/null; do :; done`,
  ),
  attack(
    'a stopped process is gone with the call',
    ({ mark }) =>
      `bash -c 'exec -a ${mark} sleep 300' & kill -STOP $!; bash -c 'exec -a ${mark} sleep 300 & kill -STOP $!' & wait $!`,
  ),
  {
    group: 'process',
    name: 'what ignores its end is gone when the time is over',
    attempt: async ({ bash, mark }) => {
      const { killedBy } = await bash(`trap '' TERM HUP INT; (exec -a ${mark} sleep 300) & while :; do wait; done`, {
        timeoutMs: 150,
        mayDie: true,
      })
      return killedBy === 'timeout' ? null : `ended by ${killedBy}`
    },
  },
  {
    group: 'process',
    name: 'nothing is written to the workspace after the call is over',
    attempt: async ({ bash }) => {
      await bash(
        'for i in 1 2 3 4; do setsid bash -c "while :; do date +%N >beat$i; done" & done; until [ -s beat4 ]; do :; done',
      )
      const { stdout } = await bash(
        'for i in 1 2 3 4; do cat beat$i; done; for n in $(seq 3000); do :; done; echo then; for i in 1 2 3 4; do cat beat$i; done',
      )
      const [before, after = ''] = stdout.split('then\n')
      return before === after.replace(/tried .*\n$/, '') ? null : 'something still writes'
    },
  },
  ...probeAttacks('process', {
    'ptrace attaches to nothing':
      'Math.max(...[1, process.ppid].map((pid) => call([101, 117], 16, pid, 0, 0)), call([101, 117], 0x4206, 1, 0, 0))',
    'process_vm_readv reads no other memory':
      'call([310, 270], 1, longs(ptr(new Uint8Array(8)), 8), 1, longs(0x400000, 8), 1, 0)',
    'process_vm_writev writes no other memory':
      'call([311, 271], 1, longs(ptr(new Uint8Array(8)), 8), 1, longs(0x400000, 8), 1, 0)',
    'pidfd_getfd takes no descriptor of another process': 'call([438, 438], call([434, 434], 1, 0), 0, 0)',
    'kcmp compares no kernel pointers': 'call([312, 272], 1, process.ppid, 0, 0, 0) ',
    'process_madvise touches no other memory': 'call([440, 440], call([434, 434], 1, 0), longs(0, 4096), 1, 20, 0)',
    'move_pages and migrate_pages move no memory':
      'Math.max(call([279, 239], 0, 1, longs(0), ints(0), ints(0), 2), call([256, 238], 0, 8, longs(1), longs(1)))',
  }),
]
