/**
 * A repository inside the workspace would be stored as a link to a commit: its files would be in no backup and no undo,
 * and the next `git status` of the owner would run what its config names. Here it becomes plain files. Git descends into
 * a folder for which the index has an entry already, so each nested repository is given one, for a file that does not
 * exist and that the commit therefore takes out again.
 */
import { AGENT } from './git-environment.ts'
import type { RunGit } from './git-runner.ts'

const EMPTY_BLOB = 'e69de29bb2d1d6434b8b29ae775ad8c2e48c5391'

// stdin: folders. Links that the owner's git has stored are treated likewise. One folder whose name git refuses makes
// the update of all fail; then each is tried alone, and the refused one stays out.
const ABSORB = `
seeds=$(mktemp)
trap 'rm -f "$seeds"' EXIT
{ cat; git ls-files -z --stage | sed -zn 's/^160000 [0-9a-f]* [0-9]\\t//p'; } | xargs -0 -r sh -c '
  git update-index --force-remove -- "$@"
  for folder do printf "./%s\\0" "$folder"; done | xargs -0 sh -c "find \\"\\$@\\" -name .git -prune -print0 || :" sh
' sh | sed -z 's|^\\./||; s|\\.git$|.plaited-seed|' >"$seeds"
sed -z 's|^|100644 ${EMPTY_BLOB} 0\\t|' "$seeds" | git update-index -z --add --replace --index-info ||
  xargs -0 -n 1 sh -c 'git update-index --add --replace --cacheinfo "100644,${EMPTY_BLOB},$1" || :' sh <"$seeds"
`

/** Prepares the index so that the next commit stores these folders (latin1 text of their bytes) as plain files. */
export const absorbNestedRepositories = async (git: RunGit, folders: readonly string[]): Promise<void> => {
  const stdin = Buffer.from(folders.map((folder) => `${folder}\0`).join(''), 'latin1')
  await git({ script: ABSORB, arguments: [], stdin, author: AGENT, writes: true, accepts: [] })
}
