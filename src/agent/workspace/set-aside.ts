/**
 * What is to be put back is never destroyed: it may as well be what the owner wrote while a command ran. So whatever stands
 * in the place of a path is moved away first, which needs no right to read it and costs the same for any size. Each turn has
 * a folder of its own beneath `.plaited/aside`, which git is told to ignore; only the newest of them are kept.
 *
 * It runs in the sandbox, as its user, when no command runs any more, so nothing moves while it works. What a command may
 * have left is expected: `.plaited` that is a link, a file or closed (then the folder is made beside it), folders that are
 * closed to writing (they are opened), a file in the place of a folder (it is moved as well), paths of 4 KB.
 */
import { NodeError } from '../../utils/node-error.ts'
import type { RunConfined } from '../sandbox/sandbox.types.ts'
import { decodeRecord, splitRecords } from './change-list.ts'
import { WORKTREE_INSIDE } from './git-environment.ts'
import { ASIDE_FOLDER, SPARE_ASIDE_START } from './own-folders.ts'

/** Turns of which it is kept what was moved away; the size of the workspace bounds how much that is. */
export const ASIDE_TURNS_MAX = 20

/** One run moves this many paths: a few milliseconds each, far from the time-out. */
const PATHS_PER_RUN_MAX = 5_000
const TIMEOUT_MS = 120_000
/** What does not go within this time goes with a later turn. */
const EXPIRE_TIMEOUT_MS = 10_000

const ENVIRONMENT = { PATH: '/usr/local/bin:/usr/bin:/bin', LC_ALL: 'C' }

// $1: the turn, $2: the folder of an earlier run or nothing; stdin: paths, the folders above them first (`a`). Says `f` the
// folder, `s` what could not be moved.
const SET_ASIDE = `
umask 022
base=${ASIDE_FOLDER}
take() {
  [ -e "$1" ] || [ -L "$1" ] || mkdir -- "$1" || return 1
  [ -d "$1" ] && [ ! -L "$1" ] || return 1
  [ -r "$1" ] && [ -w "$1" ] && [ -x "$1" ] || chmod u+rwx -- "$1"
}
folder=$2
if [ -z "$folder" ]; then
  if take .plaited && take "\${base%/}"; then folder=$(mktemp -d "$base$1-XXXXXX") || folder=; fi
  [ -n "$folder" ] || folder=$(mktemp -d ${SPARE_ASIDE_START}XXXXXXXXXXXX) || folder=/dev/null # where nothing can be moved to
fi
xargs -0 -r sh -c 'folder=$0
for record do
  path=\${record#?}
  [ -e "$path" ] || [ -L "$path" ] || continue
  if [ -d "$path" ] && [ ! -L "$path" ]; then
    [ -r "$path" ] && [ -w "$path" ] && [ -x "$path" ] || chmod u+rwx -- "$path"
    case $record in a*) continue ;; esac
  fi
  place=$folder
  case $path in */*) place=$folder/\${path%/*} ;; esac
  name=\${path##*/}
  { [ -d "$place" ] || mkdir -p -- "$place"; } && mv -T -- "$path" "$place/$name" && continue
  place=$(mktemp -d "$folder/long-XXXXXX") && mv -T -- "$path" "$place/$name" && continue
  printf "s%s\\0" "$path"
done' "$folder"
[ "$folder" != /dev/null ] || exit 0
find "$folder" -depth -type d -empty -delete
[ -d "$folder" ] || exit 0
printf 'f%s\\0' "$folder"
`

// $1: a folder that stays. Says the folders of earlier turns that went; what the owner has put beside them stays.
const EXPIRE = `
base=${ASIDE_FOLDER}
find "$base" -mindepth 1 -maxdepth 1 -type d -name '*-??????' ! -path "$1" -printf '%C@ %P\\0' | sort -z -n -r |
  tail -z -n +${ASIDE_TURNS_MAX} | sed -z 's/^[^ ]* //' | xargs -0 -r sh -c 'for name do
  chmod -R u+rwX -- "$0$name"
  rm -rf -- "$0$name" && printf "%s\\0" "$0$name"
done' "$base"
`

export type SetAside = {
  /** Where it lies, relative to the workspace; null when nothing stood there. */
  readonly folder: string | null
  /** Folders of earlier turns that were removed for it. */
  readonly expired: readonly string[]
}

/**
 * Moves away what stands at `paths` (latin1 text of their bytes), and above them where no folder does. `stuck` are those
 * that could not be moved, and must not be written over.
 */
export const setAside = async (
  run: RunConfined,
  {
    turn,
    folders,
    paths,
  }: { readonly turn: string; readonly folders: readonly string[]; readonly paths: readonly string[] },
): Promise<SetAside & { readonly stuck: ReadonlySet<string> }> => {
  const records = [...folders.map((path) => `a${path}\0`), ...paths.map((path) => `p${path}\0`)]
  const stuck = new Set<string>()
  let folder: string | null = null
  for (let at = 0; at < records.length; at += PATHS_PER_RUN_MAX) {
    const stdin = Buffer.from(records.slice(at, at + PATHS_PER_RUN_MAX).join(''), 'latin1')
    const script = { text: SET_ASIDE, arguments: [turn, folder ?? ''], stdin, timeoutMs: TIMEOUT_MS }
    for (const record of await runScript(run, script).catch((error: unknown) => sayWhere(error, turn))) {
      if (record.startsWith('s')) stuck.add(record.slice(1))
      else folder = decodeRecord(record.slice(1))
    }
  }
  const expired = folder?.startsWith(ASIDE_FOLDER) ? await expire(run, folder) : []
  return { folder, expired, stuck }
}

/** Whatever goes wrong here, what was set aside is to be restored first; the next turn tries again. */
const expire = (run: RunConfined, kept: string): Promise<readonly string[]> =>
  runScript(run, { text: EXPIRE, arguments: [kept], timeoutMs: EXPIRE_TIMEOUT_MS }).then(
    (records) => records.map(decodeRecord),
    () => [],
  )

const runScript = async (
  run: RunConfined,
  {
    text,
    arguments: words,
    stdin,
    timeoutMs,
  }: {
    readonly text: string
    readonly arguments: readonly string[]
    readonly stdin?: Uint8Array
    readonly timeoutMs: number
  },
): Promise<readonly string[]> => {
  const argv = ['/bin/sh', '-c', text, 'plaited-aside', ...words]
  const { stdout } = await run({
    ...{ argv, binds: [], environment: ENVIRONMENT, cwd: WORKTREE_INSIDE, timeoutMs, stdin: stdin ?? null },
  })
  return splitRecords(stdout)
}

/** A run that was ended may have moved some already. */
const sayWhere = (error: unknown, turn: string): never => {
  if (!(error instanceof NodeError)) throw error
  throw new NodeError(error.code, error.message, {
    hint: `what stood at paths that a rule protects may lie in ${ASIDE_FOLDER}${turn}-*, and is restored from there by you`,
    cause: error,
  })
}
