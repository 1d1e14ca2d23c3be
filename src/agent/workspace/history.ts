/** What the system git tells about commits that are there already. */
import { type Change, decodeRecord, parseRawChanges, splitRecords } from './change-list.ts'
import type { GitEngine, StoredCommit } from './engine.types.ts'
import { READING, type RunGit } from './git-runner.ts'

/** As `GitEngine.commitsSince` promises. */
const COMMITS_MAX = 1_000
const FIELDS = ['%H', '%ct', '%ce', '%ae', '%B']

// $1: a commit that is known, or nothing; $2: main. Oldest first.
const SINCE = `
range="$2"
if git merge-base --is-ancestor "$1" "$2" 2>/dev/null; then range="$1..$2"; fi
git log -z --first-parent --reverse -n ${COMMITS_MAX} --format='${FIELDS.join('%x00')}' "$range" --
`
const CHANGES = `git diff-tree -r -z --no-renames --raw "$1^1" "$1"`

// $1: main, stdin: commits, one in each line. Prints those that main's history holds.
const IN_HISTORY = `
wanted=$(cat)
history=$(git rev-list "$1" --)
printf '%s\\n' "$history" | grep -Fx -e "$wanted" || :
`

export const readHistory = (git: RunGit): Pick<GitEngine, 'commitsSince' | 'changesOf' | 'heldBy'> => ({
  commitsSince: async (known, main) => {
    const { stdout } = await git({ ...READING, script: SINCE, arguments: [known ?? '', main] })
    const fields = splitRecords(stdout).map(decodeRecord)
    const commits: StoredCommit[] = []
    for (let at = 0; at + FIELDS.length <= fields.length; at += FIELDS.length) {
      const [sha = '', seconds, committerEmail = '', authorEmail = '', message = ''] = fields.slice(at)
      commits.push({ sha, at: Number(seconds) * 1000, committerEmail, authorEmail, message })
    }
    return commits
  },

  changesOf: async (sha): Promise<readonly Change[]> => {
    const { stdout } = await git({ ...READING, script: CHANGES, arguments: [sha] })
    return parseRawChanges(splitRecords(stdout))
  },

  heldBy: async (main, shas) => {
    if (shas.length === 0) return new Set()
    const { stdout } = await git({ ...READING, script: IN_HISTORY, arguments: [main], stdin: shas.join('\n') })
    return new Set(new TextDecoder().decode(stdout).split('\n'))
  },
})
