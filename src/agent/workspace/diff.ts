import { READING, type RunGit } from './git-runner.ts'

/** What a person reads in one go, and far more than a reply holds. */
export const DIFF_BYTES_MAX = 262_144
const NOTE = `\n[cut after ${DIFF_BYTES_MAX / 1024} KiB; git show in the workspace gives the rest]\n`

const DIFF = `
for commit do
  git diff-tree -r -p -M --root --no-commit-id --no-color --no-ext-diff --no-textconv "$commit"
done | head -c ${DIFF_BYTES_MAX + 1}
`

/** Unified diff of commits, in the order given. Raw file content: whoever shows it on a terminal escapes it. */
export const readDiff = async (git: RunGit, commits: readonly string[]): Promise<string> => {
  const { stdout } = await git({ ...READING, script: DIFF, arguments: commits })
  return cutDiff(stdout)
}

/** A diff of which at least one byte more than the limit was made, if there is more. */
export const cutDiff = (bytes: Uint8Array): string => {
  const text = new TextDecoder().decode(bytes.subarray(0, DIFF_BYTES_MAX))
  return bytes.length > DIFF_BYTES_MAX ? text + NOTE : text
}
