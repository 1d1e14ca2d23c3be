import { decodeRecord, encodeRecord } from './change-list.ts'
import type { PutBackRequest } from './engine.types.ts'
import { AGENT } from './git-environment.ts'
import type { RunGit } from './git-runner.ts'

/** What is to be done: paths are latin1 text of their bytes, `mode` bounds what a file is restored with. */
export type PutBackPlan = {
  readonly files: readonly { readonly path: string; readonly mode: number }[]
  /** Folders that go when nothing is left in them, deepest first. */
  readonly empties: readonly string[]
}

/** Of a restored file that was not narrower. */
export const OPEN_MODE = 0o755
/** Of one whose mode nobody knows. */
export const CLOSED_MODE = 0o700

// $1: main, stdin: an input of which the further arguments say how many records each part has. An index of its own,
// because what is staged belongs to the owner. Whatever stands in the place of a stored file gives way to it. The agent may
// have closed folders to writing, or the ones that go away to looking into them; what still cannot be done is for the
// caller to notice.
const PUT_BACK = `
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
export GIT_INDEX_FILE="$folder/index" LC_ALL=C
cat >"$folder/input"
main="$1" at=1
shift
for part in above paths narrow modes empties; do
  tail -z -n "+$at" "$folder/input" | head -z -n "$1" >"$folder/$part"
  at=$((at + $1))
  shift
done
xargs -0 -r sh -c 'for path do
  if [ -d "$path" ] && [ ! -L "$path" ] && ! { [ -w "$path" ] && [ -x "$path" ]; }; then chmod u+rwx "$path"; fi
done' sh <"$folder/above" || :
git read-tree "$main"
git ls-files -z | sort -z >"$folder/stored"
sort -z "$folder/paths" | comm -z -23 - "$folder/stored" | sed -z 's|^|./|' | xargs -0 -r sh -c '
  find "$@" -type d ! -perm -700 -exec chmod u+rwx {} \\;
  rm -rf -- "$@"
' sh || :
stored() { sort -z | comm -z -12 - "$folder/stored"; }
umask 077
stored <"$folder/narrow" | git checkout-index -f -z --stdin || :
umask 022
sort -z "$folder/narrow" >"$folder/sorted"
stored <"$folder/paths" | comm -z -23 - "$folder/sorted" | git checkout-index -f -z --stdin || :
xargs -0 -r -n 2 chmod <"$folder/modes" 2>/dev/null || :
xargs -0 -r rmdir -- <"$folder/empties" 2>/dev/null || :
`

/** Gives paths of the worktree what main has there; removes those that main has not. */
export const putBackPaths = async (git: RunGit, main: string, { files, empties }: PutBackPlan): Promise<void> => {
  const narrow = files.filter(({ mode }) => mode !== OPEN_MODE)
  const parts = [
    foldersAbove(files.map(({ path }) => path)).map((folder) => `./${folder}`),
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
  await git({ script: PUT_BACK, arguments: [main, ...counts], stdin, author: AGENT, writes: true, accepts: [] })
}

/** `known` are paths as the engine has them; any other is taken as the UTF-8 that it was read as. */
export const planPutBack = (
  wanted: ReadonlySet<string>,
  { known, modeOf, keepsFolder }: PutBackRequest & { readonly known: readonly string[] },
): PutBackPlan => {
  const raws = known.filter((raw) => wanted.has(decodeRecord(raw)))
  const found = new Set(raws.map(decodeRecord))
  const others = [...wanted].filter((path) => !found.has(path)).map(encodeRecord)
  const files = [...raws, ...others].map((path) => ({ path, mode: modeOf(decodeRecord(path)) }))
  const empties = foldersAbove(files.map(({ path }) => path)).filter((folder) => !keepsFolder(decodeRecord(folder)))
  return { files, empties: empties.toReversed() }
}

/** From the top down. */
const foldersAbove = (paths: readonly string[]): readonly string[] => {
  const folders = new Set<string>()
  for (const path of paths)
    for (let at = path.indexOf('/'); at !== -1; at = path.indexOf('/', at + 1)) folders.add(path.slice(0, at))
  return [...folders].toSorted((one, other) => one.length - other.length)
}
