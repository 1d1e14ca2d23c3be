/**
 * The engine for machines without git: isomorphic-git and what it lacks, as a program of our own (program/main.ts). It
 * parses what the agent wrote, so it runs where the system git would: in a fresh sandbox, never in the node's process,
 * which does not even load it. The sandbox sees copies in the runtime folder, because its user may not reach the
 * project's own.
 *
 * What differs from the git of a machine: a merge follows a rename only when the renamed file did not change otherwise
 * (else it is a conflict), a diff shows a rename as a deletion and an addition, and forms of the index that the owner's
 * git may choose (sparse, split, version 4) are refused.
 */
import { readdir } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { z } from 'zod'
import type { Clock } from '../../../utils/clock.ts'
import { NodeError } from '../../../utils/node-error.ts'
import { quoteShell } from '../../../utils/quote-shell.ts'
import { ensureReadableFolder, putCopy, putFile } from '../../sandbox/runtime-files.ts'
import type { RunConfined } from '../../sandbox/sandbox.types.ts'
import { decodeRecord } from '../change-list.ts'
import { createRunOnGitDir, lockedError, readStderr, removeOwnLocks } from '../confined-run.ts'
import { cutDiff, DIFF_BYTES_MAX } from '../diff.ts'
import type { Applied, GitEngine, Look } from '../engine.types.ts'
import { AGENT, GIT_DIR_INSIDE, type Identity, OWNER, WORKTREE_INSIDE } from '../git-environment.ts'
import { FILE_BYTES_MAX, nameLeftOut } from '../large-files.ts'
import { OWN_FOLDERS } from '../own-folders.ts'
import { makeRoom } from '../put-back.ts'
import { surveyWorktree } from '../survey-worktree.ts'
import type { Request, Signature, UnusableAnswer } from './program/program.types.ts'

const PROGRAM_INSIDE = '/opt/plaited/git'
/** Where the sandbox shows Bun. */
const BUN_INSIDE = '/opt/plaited/bin/bun'
/** As `GitEngine.commitsSince` promises. */
const COMMITS_MAX = 1_000

const shaSchema = z.string().regex(/^[0-9a-f]{40}$/)
const changeSchema = z.object({ path: z.string(), change: z.enum(['added', 'modified', 'deleted']) })
const lookedSchema = changeSchema.extend({ bytes: z.int().nonnegative(), executable: z.boolean() })
const changesSchema = z.array(changeSchema)
const commitsSchema = z.array(
  z.object({ sha: shaSchema, authorEmail: z.string(), committerEmail: z.string(), at: z.int(), message: z.string() }),
)
const lookSchema = z.object({
  tree: shaSchema,
  changes: z.array(lookedSchema),
  leftOut: z.array(lookedSchema.extend({ why: z.enum(['too-large', 'unreadable', 'refused']) })),
  unseen: z.array(z.string()),
})
const appliedSchema = z.discriminatedUnion('outcome', [
  z.object({ outcome: z.literal('done'), sha: shaSchema, changes: changesSchema, diffStat: z.string() }),
  z.object({
    outcome: z.enum(['not-in-history', 'conflict', 'in-the-way', 'put-back', 'no-file', 'same']),
    details: z.array(z.string()),
  }),
])
const unusableSchema = z.object({ unusable: z.enum(['locked', 'merging', 'sparse', 'index-form', 'main-moved']) })

type Options = {
  /** Absolute, and out of reach of every tool. */
  readonly gitDir: string
  /** Folder of our own for what the sandbox reads. */
  readonly runtimeDir: string
  readonly run: RunConfined
  readonly clock: Clock
  /** Group of the sandbox's uid when that differs from the caller's, otherwise null. */
  readonly sharedGroup: number | null
}

/** The engine over isomorphic-git. */
export const createIsomorphicGit = (options: Options): GitEngine => {
  const { gitDir, clock } = options
  const ask = createProgram(options)
  const signedBy = (author: Identity): Signature => ({ author, committer: AGENT, at: Math.floor(clock.now() / 1000) })
  const apply = (request: Request): Promise<Applied> => ask(request, { writes: true, answer: appliedSchema })
  return {
    name: 'isomorphic-git',
    recover: () => removeOwnLocks(gitDir),
    commitsSince: async (known, main) => {
      const request = { kind: 'commits-since', known, main, countMax: COMMITS_MAX } as const
      const commits = await ask(request, { writes: false, answer: commitsSchema })
      return commits.map((commit) => ({ ...commit, at: commit.at * 1000 }))
    },
    changesOf: (of) => ask({ kind: 'changes-of', sha: of }, { writes: false, answer: changesSchema }),
    heldBy: async (main, shas) =>
      shas.length === 0
        ? new Set()
        : new Set(await ask({ kind: 'held-by', main, shas }, { writes: false, answer: z.array(shaSchema) })),
    look: async ({ main }) => {
      const request = { kind: 'look', main, fileBytesMax: FILE_BYTES_MAX } as const
      const { unseen, ...seen } = await ask(request, { writes: true, answer: lookSchema })
      const shown = { ...seen, unseen: unseen.filter((path) => !OWN_FOLDERS.includes(path)) }
      return actOn(shown, { ask, main, signedBy })
    },
    survey: (before) => surveyWorktree(options.run, before),
    makeRoom: (paths, before) => makeRoom(options.run, paths, before),
    takeBack: (request) => apply({ kind: 'take-back', ...request, signature: signedBy(OWNER) }),
    restore: (request) => apply({ kind: 'restore', ...request, signature: signedBy(OWNER) }),
    diff: async (shas) => {
      const request = { kind: 'diff', shas, bytesMax: DIFF_BYTES_MAX } as const
      return cutDiff(Buffer.from(await ask(request, { writes: false, answer: z.string() }), 'latin1'))
    },
  }
}

type Seen = z.infer<typeof lookSchema>

/** What can be done about what was seen, for as long as main stays where it was. */
const actOn = (
  seen: Seen,
  {
    ask,
    main,
    signedBy,
  }: {
    readonly ask: Ask
    readonly main: string
    readonly signedBy: (author: Identity) => Signature
  },
): Look => {
  const differing = [...seen.changes, ...seen.leftOut]
  return {
    changes: differing.map(({ path, change, bytes, executable }) => {
      return { raw: path, path: decodeRecord(path), change, bytes, executable, ignored: false }
    }),
    unseen: seen.unseen.map(decodeRecord),
    putBack: async (plan) => {
      await ask({ kind: 'put-back', main, ...plan }, { writes: true, answer: z.null() })
    },
    commit: async ({ author, messageOf }) => {
      const leftOut = leftOutOf(seen)
      const changes = seen.changes.map(({ path, change }) => ({ path: decodeRecord(path), change }))
      if (changes.length === 0) return { commit: null, leftOut }
      const message = messageOf(changes)
      const request = { kind: 'commit', tree: seen.tree, main, message, signature: signedBy(author) } as const
      const sha = await ask(request, { writes: true, answer: shaSchema })
      return { commit: { sha, message, changes }, leftOut }
    },
  }
}

const leftOutOf = ({ leftOut, unseen }: Seen): readonly string[] => {
  const large = leftOut.flatMap(({ path, bytes, why }) =>
    why === 'too-large' ? [[decodeRecord(path), bytes] as const] : [],
  )
  return nameLeftOut(new Map(large), [...leftOut.map(({ path }) => path), ...unseen].map(decodeRecord))
}

type Ask = <Answer>(
  request: Request,
  options: { readonly writes: boolean; readonly answer: z.ZodType<Answer> },
) => Promise<Answer>

/** Runs the program once per request. @throws {NodeError} GIT_FAILED, WORKSPACE_UNUSABLE, or what `run` rejects with. */
const createProgram = ({ gitDir, runtimeDir, run, sharedGroup }: Options): Ask => {
  const runOnGitDir = createRunOnGitDir({ gitDir, run })
  const folder = join(runtimeDir, 'isomorphic-git')
  return async (request, { writes, answer }) => {
    await installProgram(folder)
    const result = await runOnGitDir({
      argv: [
        BUN_INSIDE,
        '--no-env-file', // the workspace's .env, bunfig.toml and packages are not ours to load
        '--config=/dev/null',
        '--no-install',
        '--no-macros',
        `${PROGRAM_INSIDE}/main.ts`,
        ...[WORKTREE_INSIDE, GIT_DIR_INSIDE, sharedGroup === null ? '022' : '002'],
      ],
      binds: [{ source: folder, target: PROGRAM_INSIDE, writable: false }],
      environment: {},
      stdin: JSON.stringify(request),
      cwd: '/',
      writes,
    })
    if (result.exitCode !== 0) throw failed(gitDir, `ended with ${result.exitCode}: ${readStderr(result)}`)
    const reply = parseJson(result.stdout)
    const unusable = unusableSchema.safeParse(reply)
    if (unusable.success) throw toNodeError(gitDir, unusable.data)
    const parsed = answer.safeParse(reply)
    if (!parsed.success) throw failed(gitDir, 'wrote an answer that cannot be read')
    return parsed.data
  }
}

const parseJson = (bytes: Uint8Array): unknown => {
  try {
    return JSON.parse(new TextDecoder().decode(bytes))
  } catch {
    return undefined // no schema takes it
  }
}

/** Copies the program and the one file of the package, where they differ from what is there. */
const installProgram = async (folder: string): Promise<void> => {
  const source = join(import.meta.dir, 'program')
  const module = join(folder, 'node_modules/isomorphic-git')
  for (const made of [folder, join(folder, 'node_modules'), module]) await ensureReadableFolder(made)
  for (const name of await readdir(source)) await putCopy(join(source, name), join(folder, name))
  await putFile(join(module, 'package.json'), '{"main":"index.js"}\n')
  // Its browser build is the only one that needs no other package beside it.
  const packaged = dirname(Bun.resolveSync('isomorphic-git', import.meta.dir))
  await putCopy(join(packaged, 'index.umd.min.js'), join(module, 'index.js'))
}

const STDERR_SHOWN_CHARS_MAX = 2_000

const failed = (gitDir: string, what: string): NodeError =>
  new NodeError('GIT_FAILED', `isomorphic-git ${what.slice(-STDERR_SHOWN_CHARS_MAX)}`, {
    hint: `look at the repository, where there is a git: git --git-dir=${quoteShell(gitDir)} fsck`,
  })

const toNodeError = (gitDir: string, { unusable }: UnusableAnswer): NodeError => {
  switch (unusable) {
    case 'locked':
      return lockedError(gitDir)
    case 'merging':
      return new NodeError('WORKSPACE_UNUSABLE', 'a merge in the workspace is not resolved', {
        hint: 'resolve it in the workspace: git status says which files',
      })
    case 'sparse':
      return new NodeError('WORKSPACE_UNUSABLE', 'the index of the workspace hides changed files', {
        hint: 'show them: git update-index --really-refresh --no-assume-unchanged FILE; or install git for the node',
      })
    case 'index-form':
      return new NodeError('WORKSPACE_UNUSABLE', 'the index of the workspace has a form that only git reads', {
        hint: 'git update-index --index-version 2 --no-split-index; or install git for the node: apt-get install git',
      })
    case 'main-moved':
      return new NodeError('GIT_FAILED', 'main of the workspace moved meanwhile', { hint: 'try again' })
  }
}
