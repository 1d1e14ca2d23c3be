/**
 * kill -9 of a whole node at random moments while it runs random commands, again and again on the same home. Looked at from
 * outside: which processes are left, whether the repository is whole, and how many descriptors a node has after many calls.
 */
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { projectRoot } from '../../helpers.ts'
import { temporaryHome } from '../../run-plaited.ts'
import type { ChildLine, KillNinePlan } from './kill-nine-child.ts'

export type KillNineReport = {
  readonly calls: number
  readonly kills: number
  /** Command lines of what was still there when there was time enough to go. */
  readonly processesLeft: readonly string[]
  /** What git has against the repository after the last restart. */
  readonly repositoryFaults: string
  readonly descriptorsEarly: number
  readonly descriptorsLate: number
}

const CHILD = join(projectRoot, 'test/security/sandbox/kill-nine-child.ts')
/** Moments within a call: longer than most take, so that starts, ends and commits are met as well. */
const DELAY_MS_MAX = 60
/** A process of a dead node is gone in a moment; this only ends a test that fails. */
const GONE_LOOKS_MAX = 400
const GONE_LOOK_MS = 25

const COMMANDS = [
  'echo x >> log.txt',
  'for i in 1 2 3 4 5 6 7 8; do echo $i > n$i; done; rm -f n3',
  'mkdir -p a/b/c; date > a/b/c/$RANDOM; ls -R',
  'seq 20000 | sort -r | tail -1; sleep 0.02 & wait',
  '(setsid sleep 300 &) ; trap "" TERM; sleep 0.03; echo late > late.txt',
  'bun -e "console.log(1 + 1)"; git status --short | wc -l',
  'head -c 300000 /dev/urandom > big.bin; chmod 750 big.bin; mv big.bin big2.bin',
]

export const killNine = async ({
  calls,
  kills,
}: {
  readonly calls: number
  readonly kills: number
}): Promise<KillNineReport> => {
  using home = temporaryHome()
  const perRun = Math.ceil(calls / (kills + 1))
  const processesLeft: string[] = []
  for (let run = 0; run < kills; run++) {
    await killOnce({ home: home.path, commands: randomCommands(`${run}`, perRun) })
    processesLeft.push(...(await leftOf(home.path)))
  }
  // Starts once more, picks up what was left, goes through its calls and ends by itself.
  const last = start({ home: home.path, commands: randomCommands('last', perRun) })
  const [stdout, stderr, exitCode] = await Promise.all([last.stdout.text(), last.stderr.text(), last.exited])
  if (exitCode !== 0) throw new Error(`the last start ended with ${exitCode}: ${stderr}`)
  const said = stdout
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as ChildLine)
  const counts = said.find((line) => 'descriptorsLate' in line)
  if (counts === undefined || !('descriptorsLate' in counts)) throw new Error('the child did not count')
  processesLeft.push(...(await leftOf(home.path)))
  const { descriptorsEarly, descriptorsLate } = counts
  const repositoryFaults = examineRepository(home.path)
  return { calls: perRun * (kills + 1), kills, processesLeft, repositoryFaults, descriptorsEarly, descriptorsLate }
}

const randomBelow = (limit: number): number => Math.floor(Math.random() * limit)

const randomCommands = (run: string, count: number): KillNinePlan['commands'] =>
  Array.from({ length: count }, (_, at) => ({
    id: `${run}-${at}`,
    command: COMMANDS[randomBelow(COMMANDS.length)] ?? 'true',
  }))

const start = (plan: KillNinePlan) =>
  Bun.spawn([process.execPath, '--no-install', '--no-env-file', CHILD, JSON.stringify(plan)], {
    cwd: '/',
    env: { PATH: '/usr/local/bin:/usr/bin:/bin' },
    stdin: 'ignore',
    stdout: 'pipe',
    stderr: 'pipe',
  })

/** Ends the node a random moment after it began a random one of its commands. */
const killOnce = async (plan: KillNinePlan): Promise<void> => {
  const child = start(plan)
  const target = randomBelow(plan.commands.length)
  const lines = child.stdout.pipeThrough(new TextDecoderStream())
  let text = ''
  for await (const chunk of lines) {
    text += chunk
    if (!text.includes(`{"begun":${target}}`)) continue
    await Bun.sleep(randomBelow(DELAY_MS_MAX))
    break
  }
  child.kill('SIGKILL')
  const [stderr] = await Promise.all([child.stderr.text(), child.exited])
  if (stderr !== '') throw new Error(`the node said ${stderr}`)
}

const leftOf = async (home: string): Promise<readonly string[]> => {
  for (let look = 0; look < GONE_LOOKS_MAX; look++) {
    if (processesWith(home).length === 0) return []
    await Bun.sleep(GONE_LOOK_MS)
  }
  return processesWith(home)
}

const processesWith = (word: string): readonly string[] =>
  readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .map(commandOf)
    .filter((command) => command.includes(word))

const commandOf = (pid: string): string => {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'utf8').replaceAll('\0', ' ')
  } catch {
    return '' // gone meanwhile
  }
}

const examineRepository = (home: string): string => {
  const git = (...args: string[]) => {
    const run = Bun.spawnSync(['git', '-c', 'safe.directory=*', '-C', join(home, 'workspace'), ...args])
    return `${run.stdout}${run.stderr}`
  }
  const locks = readdirSync(join(home, 'data/git/workspace.git'), { recursive: true, encoding: 'utf8' }).filter(
    (name) => name.endsWith('.lock'),
  )
  return [git('status', '--porcelain'), git('fsck', '--strict', '--full', '--no-dangling', '--no-progress'), ...locks]
    .join('')
    .trim()
}
