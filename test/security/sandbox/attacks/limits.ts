import { existsSync, readdirSync, statSync } from 'node:fs'
import { join } from 'node:path'
import type { SandboxLimits } from '../../../../src/agent/sandbox/sandbox.types.ts'
import { type BashResult, descendants } from '../../../../src/agent/sandbox/tests/sandbox-fixture.ts'
import type { Attack, BashOptions, Scene } from '../attack.types.ts'
import { read } from '../host-state.ts'
import { programScript } from '../probe-program.ts'

const MIB = 1024 * 1024

type Limited = {
  /** Smaller than those of every day, so that they are met soon. */
  readonly limits?: Partial<SandboxLimits>
  readonly timeoutMs?: number
  readonly alone?: boolean
  readonly finding: (result: BashResult, scene: Scene, peak: Peak) => string | null
}

/** The most that was seen at once of everything in the sandboxes of this stage. */
type Peak = { processes: number; bytes: number }

const limited = (
  name: string,
  script: (scene: Scene) => string,
  { finding, alone = false, ...options }: Limited,
): Attack => ({
  ...{ group: 'limits', name, alone },
  attempt: async (scene) => {
    const peak: Peak = { processes: 0, bytes: 0 }
    const sampler = setInterval(() => sample(scene.outside.workspace, peak), 25)
    try {
      const form: BashOptions = { ...options, mayDie: true }
      const result = await scene.bash(script(scene), form)
      return finding(result, scene, peak)
    } finally {
      clearInterval(sampler)
      await scene.bash(`chmod -R u+rwX .; rm -rf ./*`)
    }
  },
})

const sample = (workspace: string, peak: Peak): void => {
  // Not those of another node that this process may have started.
  const ours = descendants().filter((pid) => read(`/proc/${pid}/cmdline`).includes(workspace))
  const family = [...new Set(ours.flatMap((pid) => [pid, ...descendants(pid)]))]
  peak.processes = Math.max(peak.processes, family.length)
  const kibibytes = family.map((pid) => Number(/^RssAnon:\s+(\d+)/m.exec(read(`/proc/${pid}/status`))?.[1] ?? 0))
  peak.bytes = Math.max(peak.bytes, kibibytes.reduce((sum, each) => sum + each, 0) * 1024)
}

const endedBy = (wanted: BashResult['killedBy']) => (result: BashResult) =>
  result.killedBy === wanted ? null : `ended by ${result.killedBy}, ${result.exitCode}`
const first = (...faults: readonly (string | null)[]): string | null => faults.find((fault) => fault !== null) ?? null

const bytesIn = ({ hostFolder }: Scene): number =>
  readdirSync(hostFolder).reduce((sum, name) => sum + statSync(join(hostFolder, name)).size, 0)
const bytesAtMost = (bytesMax: number) => (_: BashResult, scene: Scene) =>
  bytesIn(scene) <= bytesMax ? null : `${bytesIn(scene)} bytes are there`

const PROCESSES_MAX = 64
/** What is there besides: the pool, the file worker, the victim, each with its bubblewrap. */
const OTHER_PROCESSES = 20
const fewProcesses = ({ processes }: Peak) =>
  processes > PROCESSES_MAX + OTHER_PROCESSES ? `${processes} processes at once` : null

export const LIMIT_ATTACKS: readonly Attack[] = [
  limited(
    'a fork bomb fills its own sandbox and ends with it',
    () => 'f() { f | f & }; f 2>/dev/null; while :; do :; done',
    {
      alone: true,
      limits: { processesMax: PROCESSES_MAX },
      timeoutMs: 250,
      finding: (result, _, peak) => first(endedBy('timeout')(result), fewProcesses(peak)),
    },
  ),
  limited(
    'a thousand sleepers are not started, and none is left',
    ({ mark }) => `for i in $(seq 1000); do bash -c 'exec -a ${mark} sleep 300' & done 2>/dev/null`,
    {
      alone: true,
      limits: { processesMax: PROCESSES_MAX },
      timeoutMs: 400,
      finding: (_, __, peak) => fewProcesses(peak),
    },
  ),
  limited(
    'threads count as processes',
    ({ mark }) =>
      programScript(
        mark,
        'const all = []; for (let n = 0; n < 120; n++) all.push(new Worker(URL.createObjectURL(new Blob(["setInterval(() => {}, 1e9)"]))));\nawait Bun.sleep(300); console.log("threads", readdirSync("/proc/self/task").length); process.exit(0)',
      ),
    {
      alone: true,
      limits: { processesMax: PROCESSES_MAX },
      timeoutMs: 3000,
      finding: ({ stdout }) => (Number(/threads (\d+)/.exec(stdout)?.[1] ?? 0) <= PROCESSES_MAX ? null : stdout),
    },
  ),
  limited(
    'memory of one process ends',
    ({ mark }) => programScript(mark, 'const all = []; for (;;) all.push(new Uint8Array(1 << 23).fill(1))'),
    {
      alone: true,
      limits: { treeBytesMax: 150 * MIB },
      finding: (result, _, { bytes }) =>
        first(endedBy('memory')(result), bytes > 800 * MIB ? `${bytes} bytes of memory` : null),
    },
  ),
  limited(
    'memory of many small processes ends',
    () =>
      'for i in 1 2 3 4 5 6 7 8; do ( x=$(head -c 30000000 /dev/zero | tr "\\0" x); while :; do sleep 1; done ) & done; wait',
    {
      alone: true,
      limits: { treeBytesMax: 150 * MIB },
      finding: endedBy('memory'),
    },
  ),
  limited(
    'the temporary folders are of a bounded size',
    () => 'for d in /tmp /dev/shm; do head -c 50000000 /dev/zero >$d/big; cat $d/big | wc -c; done',
    {
      limits: { temporaryBytesMax: 8 * MIB },
      finding: ({ stdout }) => {
        const sizes = (stdout.match(/^\d+$/gm) ?? []).map(Number)
        return sizes.length === 2 && sizes.every((size) => size <= 8 * MIB) ? null : `${sizes}`
      },
    },
  ),
  limited(
    'the disk of the host is not filled',
    () => 'for i in $(seq 100); do head -c 8000000 /dev/zero >big$i; done; sleep 300',
    {
      alone: true,
      limits: { diskGrowthBytesMax: 20 * MIB },
      finding: (result, scene) => first(endedBy('disk')(result), bytesAtMost(780 * MIB)(result, scene)),
    },
  ),
  limited('one file has a largest size', () => 'head -c 40000000 /dev/zero >big; head -c 40000000 /dev/zero >>big', {
    limits: { fileBytesMax: 4 * MIB },
    finding: bytesAtMost(4 * MIB),
  }),
  limited(
    'a file of holes is no larger either',
    () => 'truncate -s 1T hole; dd if=/dev/zero of=hole2 bs=1 count=1 seek=100G; truncate -s 5M hole3',
    {
      limits: { fileBytesMax: 4 * MIB },
      finding: bytesAtMost(4 * MIB),
    },
  ),
  limited(
    'no space is reserved in one call',
    () => 'fallocate -l 4G big; fallocate -l 4G /tmp/big; ls -l /tmp/big | cut -d" " -f5',
    {
      finding: bytesAtMost(0),
    },
  ),
  limited('files have a largest number', () => 'for i in {1..10000}; do : >f$i; done; sleep 300', {
    limits: { newFilesMax: 500 },
    finding: (result) => (result.killedBy === null ? `it ended by itself, ${result.exitCode}` : null),
  }),
  limited(
    'folders may be deep, and can be removed again',
    () => `for i in $(seq 40); do mkdir ${'d'.repeat(200)} && cd ${'d'.repeat(200)} || break; done; echo deep >file`,
    {
      finding: (_, { hostFolder }) => (existsSync(hostFolder) ? null : 'the folder is gone'),
    },
  ),
  limited(
    'open files have a largest number',
    () => 'n=0; while exec {fd}</dev/null; do n=$((n + 1)); [ $n -gt 5000 ] && break; done 2>/dev/null; echo opened $n',
    {
      limits: { openFilesMax: 128 },
      finding: ({ stdout }) => (Number(/opened (\d+)/.exec(stdout)?.[1] ?? 0) <= 128 ? null : stdout),
    },
  ),
  limited('a flood of output is cut and ended', () => 'yes secretive', {
    limits: { outputBytesMax: 50_000 },
    finding: (result) =>
      first(endedBy('output')(result), result.stdout.length <= 50_000 ? null : `${result.stdout.length}`),
  }),
  limited('a flood of errors without a line end is cut and ended', () => 'cat /dev/zero >&2', {
    limits: { outputBytesMax: 50_000 },
    finding: (result) =>
      first(endedBy('output')(result), result.stderr.length <= 50_000 ? null : `${result.stderr.length}`),
  }),
  limited('a sleeper ends when its time is over', ({ mark }) => `bash -c 'exec -a ${mark} sleep 300'`, {
    timeoutMs: 100,
    finding: endedBy('timeout'),
  }),
  limited('no more time can be had than the node allows', ({ mark }) => `bash -c 'exec -a ${mark} sleep 300'`, {
    limits: { wallMsMax: 100 },
    timeoutMs: 600_000,
    finding: endedBy('timeout'),
  }),
  limited('processor time ends', () => 'bash -c \'while :; do :; done\'; echo "ended $?"', {
    limits: { cpuSecondsMax: 1 },
    finding: ({ killedBy, stdout }) =>
      killedBy === null && /ended 1[35]\d/.test(stdout) ? null : `ended by ${killedBy}, ${stdout}`,
  }),
  limited(
    'a limit that was set cannot be raised again',
    () =>
      'ulimit -u 4096; ulimit -n 99999; ulimit -f unlimited; ulimit -d unlimited; ulimit -t unlimited; ulimit -Hu; ulimit -Hn; head -c 9000000 /dev/zero >big',
    {
      limits: { fileBytesMax: 4 * MIB, openFilesMax: 128, processesMax: PROCESSES_MAX },
      finding: (result, scene) =>
        first(bytesAtMost(4 * MIB)(result, scene), /^64\n128$/m.test(result.stdout) ? null : result.stdout),
    },
  ),
  limited(
    'a command of a huge number of words ends by itself',
    () => '/bin/true $(seq 400000); export BIG=$(head -c 300000 /dev/zero | tr "\\0" x); /bin/true; echo still',
    {
      finding: ({ stdout }) => (stdout.includes('still') ? null : 'it did not'),
    },
  ),
]
