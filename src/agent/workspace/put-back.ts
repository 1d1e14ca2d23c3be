import type { RunConfined } from '../sandbox/sandbox.types.ts'
import { decodeRecord } from './change-list.ts'
import type { PutBackPlan, PutBackRequest } from './engine.types.ts'
import { AGENT } from './git-environment.ts'
import type { RunGit } from './git-runner.ts'
import { type SetAside, setAside } from './set-aside.ts'

/** Of a restored file that was not narrower. */
export const OPEN_MODE = 0o755
/** Of one whose mode nobody knows. */
export const CLOSED_MODE = 0o700

// $1: main, stdin: an input of which the further arguments say how many records each part has. An index of its own,
// because what is staged belongs to the owner. Nothing stands in the place of what is restored (set-aside.ts), and what
// has appeared there since is not written over; it is for the caller to notice.
const RESTORE = `
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
export GIT_INDEX_FILE="$folder/index" LC_ALL=C
cat >"$folder/input"
main="$1" at=1
shift
for part in paths narrow modes empties; do
  tail -z -n "+$at" "$folder/input" | head -z -n "$1" >"$folder/$part"
  at=$((at + $1))
  shift
done
git read-tree "$main"
git ls-files -z | sort -z >"$folder/stored"
stored() { sort -z | comm -z -12 - "$folder/stored"; }
umask 077
stored <"$folder/narrow" | git checkout-index -z --stdin || :
umask 022
sort -z "$folder/narrow" >"$folder/sorted"
stored <"$folder/paths" | comm -z -23 - "$folder/sorted" | git checkout-index -z --stdin || :
xargs -0 -r -n 2 chmod <"$folder/modes" 2>/dev/null || :
xargs -0 -r rmdir -- <"$folder/empties" 2>/dev/null || :
`

/** Gives paths of the worktree, at which nothing stands, what main has there. */
export const restorePaths = async (git: RunGit, main: string, { files, empties }: PutBackPlan): Promise<void> => {
  const narrow = files.filter(({ mode }) => mode !== OPEN_MODE)
  const parts = [
    files.map(({ path }) => path),
    narrow.map(({ path }) => path),
    // The creation mask gives 0600 and 0700 to these already.
    narrow.flatMap(({ path, mode }) => ((mode | 0o100) === CLOSED_MODE ? [] : [mode.toString(8), `./${path}`])),
    empties.map((folder) => `./${folder}`),
  ]
  const stdin = Buffer.from(
    parts
      .flat()
      .map((record) => `${record}\0`)
      .join(''),
    'latin1',
  )
  const counts = parts.map((part) => `${part.length}`)
  await git({ script: RESTORE, arguments: [main, ...counts], stdin, author: AGENT, writes: true, accepts: [] })
}

/** Moves away what stands at the paths (latin1 text of their bytes), and says what is to be restored in its place. */
export const makeRoom = async (
  run: RunConfined,
  paths: readonly string[],
  { turn, modeOf, keepsFolder }: PutBackRequest,
): Promise<{ readonly aside: SetAside; readonly plan: PutBackPlan }> => {
  const folders = foldersAbove(paths)
  const { stuck, ...aside } = await setAside(run, { turn, folders, paths })
  const isFree = (path: string) => !stuck.has(path) && !foldersAbove([path]).some((folder) => stuck.has(folder))
  const files = paths.filter(isFree).map((path) => ({ path, mode: modeOf(decodeRecord(path)) }))
  const empties = folders.filter((folder) => !keepsFolder(decodeRecord(folder)))
  return { aside, plan: { files, empties: empties.toReversed() } }
}

/** From the top down. */
const foldersAbove = (paths: readonly string[]): readonly string[] => {
  const folders = new Set<string>()
  for (const path of paths)
    for (let at = path.indexOf('/'); at !== -1; at = path.indexOf('/', at + 1)) folders.add(path.slice(0, at))
  return [...folders].toSorted((one, other) => one.length - other.length)
}
