import { join } from 'node:path'
import { isRoot } from '../../run-plaited.ts'
import type { Verdict } from './attack.types.ts'

/** Nobody's id on the host, and not the one that a root node becomes in its sandbox. */
export const ORDINARY_USER = 10_002
/** Words that start a command as that user. */
export const BECOME_ORDINARY_USER = [
  'setpriv',
  `--reuid=${ORDINARY_USER}`,
  `--regid=${ORDINARY_USER}`,
  '--clear-groups',
  '--inh-caps=-all',
  '--',
]
const SUITE = join(import.meta.dir, 'ordinary-user-main.ts')

/** Why what is started by the file cannot be run as an ordinary user besides, or null. */
export const whyNoOrdinaryUser = (file: string = SUITE): string | null => {
  if (!isRoot) return 'the tests run as an ordinary user already'
  for (const path of [process.execPath, file]) {
    const { exitCode } = Bun.spawnSync([...BECOME_ORDINARY_USER, 'test', '-r', path], {
      env: { PATH: '/usr/bin:/bin' },
    })
    if (exitCode !== 0) return `an ordinary user cannot read ${path}`
  }
  return null
}

/** Runs the whole suite in a process of another user; its node and its sandbox then have the same uid. */
export const runSuiteAsOrdinaryUser = async (): Promise<readonly Verdict[]> => {
  const child = Bun.spawn([...BECOME_ORDINARY_USER, process.execPath, '--no-install', '--no-env-file', SUITE], {
    cwd: '/',
    env: { PATH: '/usr/local/bin:/usr/bin:/bin', HOME: '/nonexistent', LANG: 'C.UTF-8' },
    stdin: 'ignore',
    stdout: 'pipe',
    stderr: 'pipe',
  })
  const [stdout, stderr, exitCode] = await Promise.all([child.stdout.text(), child.stderr.text(), child.exited])
  if (exitCode !== 0) throw new Error(`the suite ended with ${exitCode}: ${stderr}`)
  return JSON.parse(stdout) as readonly Verdict[]
}
