/**
 * Measures every attack against each layer alone and writes the result as a document; its argument is the document's path.
 * Ends with 1 when something escaped, when ordinary work failed, or when a killed node left something.
 */
import { mkdirSync } from 'node:fs'
import { release } from 'node:os'
import { dirname, resolve } from 'node:path'
import { systemClock } from '../../../src/utils/clock.ts'
import { projectRoot } from '../../helpers.ts'
import { isRoot } from '../../run-plaited.ts'
import type { Verdict } from './attack.types.ts'
import { ATTACKS } from './attacks.ts'
import { containmentDocument, isContained, type Measured } from './containment-document.ts'
import { killNine } from './kill-nine.ts'
import { createGateJudge, judgeUndo } from './layers.ts'
import { runSuiteAsOrdinaryUser, whyNoOrdinaryUser } from './ordinary-user.ts'
import { runSuite } from './run-suite.ts'

/** What the owner was promised to hold. */
const KILL_NINE = { calls: 200, kills: 40 }

const say = (text: string) => process.stdout.write(`${text}\n`)
const versionOf = (program: string): string =>
  /[\d.]+/.exec(Bun.spawnSync([program, '--version']).stdout.toString())?.[0] ?? 'unknown'

const path = Bun.argv[2] ?? 'docs/containment.md'
const runs: { readonly user: string; readonly verdicts: readonly Verdict[] }[] = [
  { user: isRoot ? 'root with its uid dropped' : 'an ordinary user', verdicts: await runSuite() },
]
const reason = whyNoOrdinaryUser()
if (reason === null) runs.push({ user: 'an ordinary user', verdicts: await runSuiteAsOrdinaryUser() })
else if (isRoot) say(`skipped: the sandbox of an ordinary user: ${reason}`)

const gate = createGateJudge()
const undo = await judgeUndo(ATTACKS)
const measured: Measured = {
  rows: ATTACKS.map(({ group, name }, at) => ({
    ...{ group, name },
    gate: gate(runs[0]?.verdicts[at]?.operations ?? []),
    sandbox: runs.map(({ verdicts }) => verdicts[at] !== undefined && isContained(verdicts[at])),
    undo: undo[at] ?? 'not undone',
  })),
  users: runs.map(({ user }) => user),
  killNine: await killNine(KILL_NINE),
  kernel: release(),
  bubblewrap: versionOf('bwrap'),
  git: versionOf('git'),
  day: new Date(systemClock.now()).toISOString().slice(0, 10),
}

const target = resolve(projectRoot, path)
mkdirSync(dirname(target), { recursive: true })
await Bun.write(target, containmentDocument(measured))
Bun.spawnSync([process.execPath, 'fmt', '--no-script', target], { cwd: projectRoot })

const escaped = runs.flatMap(({ user, verdicts }) =>
  verdicts.filter((verdict) => !isContained(verdict)).map((verdict) => ({ user, ...verdict })),
)
for (const { user, group, name, faults } of escaped)
  say(`ESCAPED (${user}) ${group}: ${name}\n  ${faults.join('\n  ')}`)
const { processesLeft, repositoryFaults } = measured.killNine
if (processesLeft.length > 0 || repositoryFaults !== '')
  say(`kill -9 left: ${[...processesLeft, repositoryFaults].join('; ')}`)
say(`${measured.rows.length} rows for ${measured.users.join(' and ')}, ${escaped.length} faults: ${path}`)
process.exitCode = escaped.length > 0 || processesLeft.length > 0 || repositoryFaults !== '' ? 1 : 0
