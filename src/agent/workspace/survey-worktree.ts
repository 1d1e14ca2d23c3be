/**
 * What git does not tell of the worktree, and a command can use: modes other than those that git restores, folders that
 * are empty or closed, and what is neither file nor link (a FIFO, a socket, the `.git` of a nested repository). One `find`
 * inside the sandbox, as its user, beside the look of an engine. A record is `<type> <mode> <path>`.
 *
 * A folder that a command has closed hides what is in it from git and from the rules, so the survey of a turn's end opens
 * those that were not closed when the turn began; closed folders of the owner stay closed, and are named as left out.
 */
import { NodeError } from '../../utils/node-error.ts'
import type { RunConfined } from '../sandbox/sandbox.types.ts'
import { decodeRecord, encodeRecord, splitRecords } from './change-list.ts'
import { WORKTREE_INSIDE } from './git-environment.ts'

export type Survey = {
  /** Files that git would give back with a wider mode than they have. */
  readonly modes: ReadonlyMap<string, number>
  readonly emptyFolders: ReadonlySet<string>
  /** FIFOs, sockets and devices. */
  readonly special: readonly string[]
  /** Folders whose owner may not list or enter them. */
  readonly closed: ReadonlySet<string>
  /** The `.git` of nested repositories: git keeps their other files, and never this. */
  readonly repositories: readonly string[]
  /** More was found than is listed. */
  readonly isCut: boolean
}

/** A workspace where all files are closed to others has one record per file; one of a path is about 60 bytes. */
const RECORDS_MAX = 20_000
/** A walk over 100,000 files takes less than a second; two minutes is what git has. */
const TIMEOUT_MS = 120_000
/** A folder that was closed inside of one that was closed is found once that is open. */
const ROUNDS_MAX = 10

const ENVIRONMENT = { PATH: '/usr/local/bin:/usr/bin:/bin', LC_ALL: 'C' }
const RECORD = /^(?<type>[dfcesr]) (?<mode>[0-7]+) (?<path>.*)$/s

/** Git restores 0644, or 0755: a file without one of the bits of 0644 was narrower. The record of `.` says that find ran. */
const FIND = `find . -path . -printf 'd 0 \\0' -o -path ./.git -prune \
-o -name .git -type d -printf 'r 0 %P\\0' -prune \
-o -type d ! -perm -500 -printf 'c %m %P\\0' -o -type d -empty -printf 'e 0 %P\\0' \
-o -type f ! -perm -644 -printf 'f %m %P\\0' -o ! -type f ! -type d ! -type l -printf 's 0 %P\\0' \
2>/dev/null | head -z -n ${RECORDS_MAX + 1}`
const OPEN = `xargs -0 -r sh -c 'for path do [ -L "$path" ] || chmod u+rwx -- "./$path"; done' sh 2>/dev/null || :`

/**
 * Surveys the worktree and opens folders that are closed now and were not in `before`; null opens none.
 * @throws {NodeError} GIT_MISSING, or what `run` rejects with.
 */
export const surveyWorktree = async (run: RunConfined, before: Survey | null): Promise<Survey> => {
  let found = await survey(run)
  if (before === null || before.isCut) return found
  for (let round = 0; round < ROUNDS_MAX; round++) {
    const locked = [...found.closed].filter((path) => !before.closed.has(path))
    if (locked.length === 0) break
    await runScript(run, OPEN, toRecords(locked))
    found = await survey(run)
  }
  return found
}

const survey = async (run: RunConfined): Promise<Survey> => {
  const records = splitRecords((await runScript(run, FIND, null)).stdout)
  const found = {
    modes: new Map<string, number>(),
    emptyFolders: new Set<string>(),
    closed: new Set<string>(),
    special: [] as string[],
    repositories: [] as string[],
  }
  let isWhole = false
  for (const record of records.slice(0, RECORDS_MAX)) {
    const [, type, mode = '', raw = ''] = RECORD.exec(record) ?? []
    const path = decodeRecord(raw)
    if (type === 'd') isWhole = true
    else if (type === 'f') found.modes.set(path, Number.parseInt(mode, 8))
    else if (type === 'c') found.closed.add(path)
    else if (type === 'e') found.emptyFolders.add(path)
    else if (type === 's') found.special.push(path)
    else if (type === 'r') found.repositories.push(path)
  }
  if (isWhole) return { ...found, isCut: records.length > RECORDS_MAX }
  throw new NodeError('GIT_MISSING', 'the sandbox has no find that can list the workspace', {
    hint: 'install GNU find: apt-get install findutils',
  })
}

const toRecords = (paths: readonly string[]) =>
  Buffer.from(paths.map((path) => `${encodeRecord(path)}\0`).join(''), 'latin1')

const runScript = (run: RunConfined, script: string, stdin: Uint8Array | null) =>
  run({
    ...{ argv: ['/bin/sh', '-c', script], binds: [], environment: ENVIRONMENT, stdin },
    ...{ cwd: WORKTREE_INSIDE, timeoutMs: TIMEOUT_MS },
  })
