import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { launcher, run } from '../../../run-plaited.ts'
import type { Attack } from '../attack.types.ts'
import { read } from '../host-state.ts'
import { randomWord } from '../outside.ts'
import { programScript } from '../probe-program.ts'

const TIMEOUT_MS = 20_000

/** Every descriptor and every terminal that a process might find. */
const TERMINALS = `
const terminals = [0, 1, 2]
for (const path of ['/dev/tty', '/dev/console', '/dev/pts/0', '/dev/pts/1', '/dev/pts/2', '/dev/tty0', '/dev/tty1', '/dev/ttyS0', '/proc/1/fd/0', '/proc/1/fd/1']) {
  try { terminals.push(openSync(path, 'r+')) } catch {}
}`

const typing = (mark: string, request: string) => `${TERMINALS}
for (const terminal of terminals) for (const letter of '\\n: ${mark}\\n') call([16, 29], terminal, ${request}, new Uint8Array([letter.charCodeAt(0)]))`

const SCRIPTS: Readonly<Record<string, (mark: string) => string>> = {
  'nothing is typed into the terminal of the node (TIOCSTI)': (mark) => programScript(mark, typing(mark, '0x5412')),
  'nor with high bits set that only a careless filter compares': (mark) =>
    programScript(mark, typing(mark, '0x100005412n')),
  'nor by the selection of a console (TIOCLINUX)': (mark) =>
    programScript(
      mark,
      `${TERMINALS}\nfor (const terminal of terminals) for (const what of [2, 3, 11, 15]) call([16, 29], terminal, 0x541c, new Uint8Array([what, 1, 0, 1, 0, 9, 0, 9, 0, 0, 0]))`,
    ),
  'the terminal of the node has no path inside': (mark) =>
    `for t in /dev/tty /dev/console /dev/pts/[0-9]* /dev/ttyS0 /proc/[0-9]*/fd/0; do echo ${mark} >$t; timeout 0.2 cat <$t & done; ls -l /dev/pts /proc/self/fd; wait`,
  'no terminal can be taken over': (mark) =>
    programScript(
      mark,
      `${TERMINALS}
    call([112, 157]); for (const terminal of terminals) { call([16, 29], terminal, 0x540e, 1); call([16, 29], terminal, 0x5410, ints(process.pid)); call([16, 29], terminal, 0x5414, new Uint8Array(8)); writeFileSync(terminal, '${mark}') }
    call([153, 58]); call([16, 29], 0, 0x541d)`,
    ),
}

/** What a terminal showed, and what was waiting in it for the program that reads it next. */
export type Session = { readonly shown: string; readonly typed: string }

/** Runs a shell command at a terminal of its own, as a person does, and then reads what was typed for the next one. */
export const runAtTerminal = async (command: string): Promise<Session> => {
  const desk = mkdtempSync(join(tmpdir(), 'plaited-terminal-'))
  try {
    writeFileSync(join(desk, 'session'), `${command}\nstty -icanon -echo min 0 time 1\nhead -c 4096 >typed\n`)
    const { stdout } = await run(['script', '-qfec', 'sh ./session', '/dev/null'], { cwd: desk })
    if (!existsSync(join(desk, 'typed'))) throw new Error(`the terminal was not read: ${stdout.slice(0, 300)}`)
    return { shown: stdout, typed: read(join(desk, 'typed')) }
  } finally {
    rmSync(desk, { recursive: true })
  }
}

/** What of the session an attack with that mark did, or null. */
export const terminalFault = ({ shown, typed }: Session, mark: string): string | null => {
  if (typed.includes(mark)) return 'it typed into the terminal'
  return shown.includes(mark) ? 'it wrote to the terminal' : null
}

/**
 * The node is started at a terminal and runs every attack, one after the other. What they print goes into a file, so that
 * whatever the terminal shows or has waiting afterwards was put there past it.
 */
const attackTerminal = async (spareHome: string) => {
  const marks = new Map(Object.keys(SCRIPTS).map((name) => [name, randomWord('mark')]))
  const scripts = [...marks].map(([name, mark]) => `${SCRIPTS[name]?.(mark)}\necho "tried ${mark}"`)
  const inner = join(spareHome, 'attacks.sh')
  writeFileSync(inner, `exec >/workspace/out 2>&1\n${scripts.map((script) => `(\n${script}\n)`).join('\n')}`)
  const session = await runAtTerminal(
    `${launcher} sandbox exec --home ${spareHome} -- bash -c "$(cat ${inner})" </dev/tty`,
  )
  return { session, marks, out: read(join(spareHome, 'workspace/out')) }
}

export const TERMINAL_ATTACKS: readonly Attack[] = Object.entries(SCRIPTS).map(([name, script]) => ({
  group: 'terminal',
  name,
  attempt: async ({ spareHome, once, note, mark: own }) => {
    note({ kind: 'bash', command: script(own), timeoutMs: TIMEOUT_MS })
    const { session, marks, out } = await once('terminal', () => attackTerminal(spareHome))
    const mark = marks.get(name) ?? ''
    if (!out.includes(`tried ${mark}`)) throw new Error(`the program did not run: ${session.shown.slice(0, 300)}`)
    return terminalFault(session, mark)
  },
}))
