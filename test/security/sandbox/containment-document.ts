import { GROUPS, type Group, type Verdict } from './attack.types.ts'
import type { KillNineReport } from './kill-nine.ts'
import type { GateAnswer, UndoAnswer } from './layers.ts'

export type Row = {
  readonly group: Group
  readonly name: string
  readonly gate: GateAnswer
  /** One answer per user that the sandbox was tried as. */
  readonly sandbox: readonly boolean[]
  readonly undo: UndoAnswer
}

export type Measured = {
  readonly rows: readonly Row[]
  readonly users: readonly string[]
  readonly killNine: KillNineReport
  readonly kernel: string
  readonly bubblewrap: string
  readonly git: string
  /** `2026-01-31`. */
  readonly day: string
}

export const isContained = ({ faults }: Verdict): boolean => faults.length === 0

const UNDO_WORDS: Readonly<Record<UndoAnswer, string>> = {
  undone: 'undone',
  partly: 'partly',
  'not undone': 'left',
  'nothing to undo': '–',
}

/** The document as Markdown; the same measurement gives the same text. */
export const containmentDocument = (measured: Measured): string => {
  const { rows, users, killNine, kernel, bubblewrap, git, day } = measured
  const attacks = rows.filter(({ group }) => group !== 'sanity')
  const sanity = rows.filter(({ group }) => group === 'sanity')
  const contained = users.map((_, at) => attacks.filter(({ sandbox }) => sandbox[at] === true).length)
  return `# Containment

Written by \`bin/plaited test --containment\`; the attacks and their verdicts are in \`test/security/sandbox/\`.

- measured on ${day}, Linux ${kernel}, bubblewrap ${bubblewrap}, git ${git}
- sandbox tried as: ${users.join('; ')}

${table(
  ['layer alone', 'stops', 'of'],
  [
    ['1. gate, with the seed rules', `${count(attacks, ({ gate }) => gate === 'blocked')}`, `${attacks.length}`],
    ...users.map((user, at) => [`2. sandbox, ${user}`, `${contained[at]}`, `${attacks.length}`]),
    [
      '3. git: what the attack changed in the workspace is undone',
      `${count(attacks, ({ undo }) => undo === 'undone')}`,
      `${count(attacks, ({ undo }) => undo !== 'nothing to undo')} that changed it`,
    ],
  ],
)}

Ordinary work in the same sandbox: ${sanity.filter(({ sandbox }) => sandbox.every(Boolean)).length} of ${sanity.length} checks pass.

kill -9 of the node at ${killNine.kills} random moments of ${killNine.calls} random commands: ${killNine.processesLeft.length} processes left,
${killNine.repositoryFaults === '' ? 'no half commit' : `repository: ${killNine.repositoryFaults}`}, ${killNine.descriptorsEarly} descriptors early and ${killNine.descriptorsLate} late.

## How to read it

- **gate**: the owner's rules were asked about every step, with the sandbox and git off. \`allowed\` is no fault: the seed rules
  guard against accidents, and a program can do what its command line does not say.
- **sandbox**: the attack ran, with every rule off. \`holds\` means that no random secret of the host came out, no random mark of
  the attack got out, and nothing on the host moved. \`ESCAPED\` is a fault of this project.
- **git**: the attack ran as a turn, and the turn was undone. \`undone\`: the files are as before. \`partly\` and \`left\`: some
  or all of it is nothing that a commit holds, such as a FIFO, a socket, a very large file or a repository in a repository. \`–\`: the workspace
  was not changed, so there is nothing that this layer could do; what was read or sent it never takes back.

${GROUPS.filter((group) => group !== 'sanity')
  .map((group) =>
    section(
      group,
      rows.filter((row) => row.group === group),
      users,
    ),
  )
  .join('\n\n')}

## What this does not show

Faults of the kernel, side channels, timing, graphics hardware, and hosts other than this one. One machine, one day.
`
}

const section = (group: Group, rows: readonly Row[], users: readonly string[]): string =>
  `## ${group}\n\n${table(
    ['what must hold', 'gate', ...users.map((user) => `sandbox, ${user}`), 'git'],
    rows.map(({ name, gate, sandbox, undo }) => [
      name,
      gate,
      ...sandbox.map((holds) => (holds ? 'holds' : 'ESCAPED')),
      UNDO_WORDS[undo],
    ]),
  )}`

const count = (rows: readonly Row[], is: (row: Row) => boolean): number => rows.filter(is).length

/** Padded as the formatter pads, so that a written document passes its check. */
const table = (head: readonly string[], rows: readonly (readonly string[])[]): string => {
  const widths = head.map((_, column) => Math.max(...[head, ...rows].map((row) => cell(row[column]).length), 3))
  const line = (row: readonly string[]) =>
    `| ${widths.map((width, column) => cell(row[column]).padEnd(width)).join(' | ')} |`
  return [line(head), `| ${widths.map((width) => '-'.repeat(width)).join(' | ')} |`, ...rows.map(line)].join('\n')
}

const cell = (text: string | undefined): string =>
  (text ?? '').replaceAll('|', '\\|').replaceAll('_', '\\_').replaceAll('*', '\\*')
