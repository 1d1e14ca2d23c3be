import { closeSync, constants, fstatSync, readlinkSync } from 'node:fs'
import type { Found } from '../file-worker.types.ts'
import { Refusal } from './refusal.ts'
import type { WorkspaceRoot } from './workspace-root.ts'

const RIPGREP = '/opt/plaited/bin/rg'

export const MATCHES_MAX = 100
/** Longer lines are cut: they are generated, and one alone could fill the context. */
export const LINE_CHARACTERS_MAX = 500
const OUTPUT_BYTES_MAX = 1024 * 1024
const TIMEOUT_MS = 10_000

const FLAGS = [
  '--no-config',
  '--no-follow',
  '--no-heading',
  '--line-number',
  '--null', // ends the path, which may hold a colon
  '--no-messages', // they name files, and quote ignore files, that rules may forbid to show
  '--color=never',
  '--hidden',
  `--max-count=${MATCHES_MAX}`, // of one file
  `--max-columns=${LINE_CHARACTERS_MAX}`,
  '--max-columns-preview',
]

/** The last glob wins. In the output a path with a line break could not be told from its last part. */
const NEVER_SEARCHED = ['--glob=!.git', '--glob=!*\n*', '--glob=!/.plaited/out', '--glob=!/.plaited/aside']

type Match = { readonly path: string; readonly line: number; readonly text: string }

/**
 * Lines that match a regular expression (ripgrep's), sorted by path and line, ignoring what .gitignore names. Ripgrep
 * gets the opened folder as its working directory, or the opened file on stdin, never a path it would resolve anew.
 * @throws {Refusal}
 */
export const grepFiles = async (
  root: WorkspaceRoot,
  { pattern, path, glob }: { readonly pattern: string; readonly path: string; readonly glob: string | null },
): Promise<Found> => {
  const descriptor = root.open(path, constants.O_RDONLY)
  try {
    const kind = fstatSync(descriptor)
    if (!kind.isFile() && !kind.isDirectory()) throw new Refusal('it is neither a file nor a folder')
    const globs = glob === null ? [] : [`--glob=${glob}`]
    const output = await runRipgrep(
      [...FLAGS, ...globs, ...NEVER_SEARCHED, `--regexp=${pattern}`, '--', kind.isFile() ? '-' : './'],
      kind.isFile() ? { stdin: descriptor, cwd: '/' } : { stdin: null, cwd: folderOf(descriptor) },
    )
    const toWorkspacePath = (found: string) => (kind.isFile() ? path : `${path}/${found.replace(/^\.\//, '')}`)
    return toFound(parseMatches(output.bytes, toWorkspacePath), output.cut)
  } finally {
    closeSync(descriptor)
  }
}

/** By number: in the child that changes into it, `self` is the child. A shared /proc numbers processes as the host does. */
const folderOf = (descriptor: number): string => `/proc/${readlinkSync('/proc/self')}/fd/${descriptor}`

const runRipgrep = async (
  flags: readonly string[],
  { stdin, cwd }: { readonly stdin: number | null; readonly cwd: string },
): Promise<{ readonly bytes: Buffer; readonly cut: boolean }> => {
  const ripgrep = Bun.spawn([RIPGREP, '--with-filename', ...flags], {
    stdin,
    stdout: 'pipe',
    stderr: 'pipe',
    cwd,
    env: {},
  })
  let timedOut = false
  const timer = setTimeout(() => {
    timedOut = true
    ripgrep.kill('SIGKILL')
  }, TIMEOUT_MS)
  try {
    const errors = new Response(ripgrep.stderr).text()
    const chunks: Uint8Array[] = []
    let length = 0
    for await (const chunk of ripgrep.stdout) {
      if (length < OUTPUT_BYTES_MAX) chunks.push(chunk)
      length += chunk.length
      if (length >= OUTPUT_BYTES_MAX) ripgrep.kill('SIGKILL')
    }
    const exitCode = await ripgrep.exited
    if (timedOut) throw new Refusal(`the search took longer than ${TIMEOUT_MS / 1000} s; use a narrower path`)
    // 2 without a word means that single files could not be read; then what was found counts.
    const complaint = exitCode === 2 && length === 0 ? (await errors).trim() : ''
    if (complaint !== '') throw new Refusal(complaint.slice(0, 1000))
    return { bytes: Buffer.concat(chunks), cut: length >= OUTPUT_BYTES_MAX }
  } finally {
    clearTimeout(timer)
  }
}

/** Lines without the separator are ripgrep's remarks on binary files. */
const parseMatches = (output: Buffer, toWorkspacePath: (found: string) => string): Match[] =>
  [...output.toString('utf8').matchAll(/([^\0\n]*)\0(\d+):([^\n]*)/g)].map(([, found = '', line = '', text = '']) => ({
    path: toWorkspacePath(found),
    line: Number(line),
    text: text.replace(/\r$/, ''),
  }))

const toFound = (matches: Match[], cut: boolean): Found => {
  // Ripgrep searches in parallel, so its order differs from run to run.
  matches.sort((a, b) => (a.path < b.path ? -1 : a.path > b.path ? 1 : a.line - b.line))
  return {
    of: 'line',
    matches: matches.slice(0, MATCHES_MAX).map(({ path, line, text }) => ({ path, hit: `${line}:${text}` })),
    total: cut || matches.length > MATCHES_MAX ? null : matches.length,
  }
}
