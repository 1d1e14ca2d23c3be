import { AGENT } from './git-environment.ts'
import type { RunGit } from './git-runner.ts'

// $1: main, stdin: the folders above the paths, an empty record, the paths. An index of its own, because what is staged
// belongs to the owner. Whatever stands in the place of a stored file gives way to it. The agent may have closed folders
// to writing, or the ones that go away to looking into them; what still cannot be done is for the caller to notice.
const PUT_BACK = `
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
export GIT_INDEX_FILE="$folder/index" LC_ALL=C
cat >"$folder/input"
sed -z '/^$/,$d' "$folder/input" | xargs -0 -r sh -c 'for path do
  if [ -d "$path" ] && [ ! -L "$path" ] && ! { [ -w "$path" ] && [ -x "$path" ]; }; then chmod u+rwx "$path"; fi
done' sh || :
sed -z '0,/^$/d' "$folder/input" | sort -z >"$folder/paths"
git read-tree "$1"
git ls-files -z | sort -z >"$folder/stored"
comm -z -23 "$folder/paths" "$folder/stored" | sed -z 's|^|./|' | xargs -0 -r sh -c '
  find "$@" -type d ! -perm -700 -exec chmod u+rwx {} \\;
  rm -rf -- "$@"
' sh || :
comm -z -12 "$folder/paths" "$folder/stored" | git checkout-index -f -z --stdin || :
`

/** Gives paths of the worktree (latin1 text of their bytes) what main has there; removes those that main has not. */
export const putBackPaths = async (git: RunGit, main: string, paths: readonly string[]): Promise<void> => {
  const records = [...foldersAbove(paths).map((folder) => `./${folder}`), '', ...paths]
  const stdin = Buffer.from(records.map((record) => `${record}\0`).join(''), 'latin1')
  await git({ script: PUT_BACK, arguments: [main], stdin, author: AGENT, writes: true, accepts: [] })
}

/** From the top down. */
const foldersAbove = (paths: readonly string[]): readonly string[] => {
  const folders = new Set<string>()
  for (const path of paths)
    for (let at = path.indexOf('/'); at !== -1; at = path.indexOf('/', at + 1)) folders.add(path.slice(0, at))
  return [...folders].toSorted((one, other) => one.length - other.length)
}
