import type { Objects } from './objects.ts'
import { EMPTY_TREE } from './objects.ts'
import type { Signature } from './program.types.ts'

export type Commit = {
  readonly tree: string
  readonly parents: readonly string[]
  readonly authorEmail: string
  readonly committerEmail: string
  /** The committer's, in seconds since the Unix epoch. */
  readonly at: number
  readonly message: string
}

const PERSON = /^.*<(?<email>[^>]*)> (?<seconds>-?\d+) [+-]\d{4}$/

/** Other headers (a signature, an encoding) do not matter here. Rejects when the object is no commit. */
export const readCommit = async (objects: Objects, sha: string): Promise<Commit> => {
  const text = Buffer.from(await objects.read(sha, 'commit')).toString('utf8')
  const end = text.indexOf('\n\n')
  const header = end === -1 ? text : text.slice(0, end)
  const valuesOf = (key: string) =>
    header.split('\n').flatMap((line) => (line.startsWith(`${key} `) ? [line.slice(key.length + 1)] : []))
  const [tree] = valuesOf('tree')
  const author = PERSON.exec(valuesOf('author')[0] ?? '')?.groups
  const committer = PERSON.exec(valuesOf('committer')[0] ?? '')?.groups
  if (tree === undefined || author === undefined || committer === undefined)
    throw new Error(`the commit ${sha} cannot be read`)
  return {
    tree,
    parents: valuesOf('parent'),
    authorEmail: author['email'] ?? '',
    committerEmail: committer['email'] ?? '',
    at: Number(committer['seconds']),
    message: end === -1 ? '' : text.slice(end + 2),
  }
}

export const writeCommit = (
  objects: Objects,
  commit: { readonly tree: string; readonly parent: string; readonly message: string; readonly signature: Signature },
): Promise<string> => {
  const { author, committer, at } = commit.signature
  const lines = [
    `tree ${commit.tree}`,
    `parent ${commit.parent}`,
    `author ${author.name} <${author.email}> ${at} +0000`,
    `committer ${committer.name} <${committer.email}> ${at} +0000`,
  ]
  return objects.write('commit', Buffer.from(`${lines.join('\n')}\n\n${commit.message}`))
}

/** Tree of the first parent; the empty one for a commit without parents. */
export const treeBefore = async (objects: Objects, { parents }: Commit): Promise<string> => {
  const [first] = parents
  return first === undefined ? EMPTY_TREE : (await readCommit(objects, first)).tree
}

/** Those of `wanted` that `main` descends from, itself included; stops when all are found. */
export const findInHistory = async (
  objects: Objects,
  main: string,
  wanted: readonly string[],
): Promise<ReadonlySet<string>> => {
  const missing = new Set(wanted)
  const found = new Set<string>()
  const seen = new Set([main])
  const waiting = [main]
  for (let sha = waiting.shift(); sha !== undefined && missing.size > 0; sha = waiting.shift()) {
    if (missing.delete(sha)) found.add(sha)
    for (const parent of (await readCommit(objects, sha)).parents) {
      if (seen.has(parent)) continue
      seen.add(parent)
      waiting.push(parent)
    }
  }
  return found
}
