/**
 * The git dir, which lives in the data folder where no tool reaches it. It is laid out here without running git: a
 * repository is four folders, two files and, for the first commit, two objects. So no git of ours ever runs outside of
 * the sandbox, and a home can be made before there is one.
 *
 * The branch is written last. A git dir without it was interrupted while it was made and is laid out again; nothing in it
 * is removed.
 */
import { existsSync } from 'node:fs'
import { chmod, chown, mkdir, readdir, readFile, rename, stat, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { NodeError } from '../../utils/node-error.ts'
import { quoteShell } from '../../utils/quote-shell.ts'
import { closeConfig, requireUnredirected } from './git-dir-guard.ts'
import { AGENT } from './git-environment.ts'
import { OWN_FOLDERS } from './own-folders.ts'

const BRANCH = 'refs/heads/main'
const FIRST_SUBJECT = 'chore: workspace created'
/** What git of the sandbox writes into. The set-group-id bit keeps what the owner's git makes in it shared. */
const SHARED_FOLDERS = ['objects', 'objects/info', 'objects/pack', 'refs', 'refs/heads', 'refs/tags']
const SHARED_MODES: FolderModes = { own: 0o755, shared: 0o2775 }
/** What decides which programs git runs. */
const CLOSED_FOLDERS = ['hooks', 'info']
const CLOSED_MODES: FolderModes = { own: 0o755, shared: 0o755 }

// Outranks every .gitattributes: no filter, no conversion, no driver, so that files are stored and restored byte for
// byte and an undo merges them as text. A wrong working-tree-encoding would even make `git add` fail for all files.
const ATTRIBUTES = '* -text !eol !crlf -ident !filter !working-tree-encoding !diff !merge !whitespace\n'

// Besides them, what a write that was killed may leave beside its file (sandbox/worker/text-file.ts).
const EXCLUDED = `.plaited-????????-????-????-????-????????????\n${OWN_FOLDERS.map((path) => `/${path}\n`).join('')}`

const configText = (shared: boolean): string => `[core]
\trepositoryformatversion = 0
\tfilemode = true
\tbare = false
\tlogallrefupdates = true
${shared ? '\tsharedRepository = group\n' : ''}`

/** A commit of ours without parents is about 200 bytes; a longer object is some other commit and is left to git. */
const ROOT_COMMIT_BYTES_MAX = 1_024

const isMissing = (error: unknown): boolean => error instanceof Error && 'code' in error && error.code === 'ENOENT'

const readIfThere = (path: string): Promise<string | null> =>
  readFile(path, 'utf8').catch((error: unknown) => {
    if (isMissing(error)) return null
    throw error
  })

/** Modes of a folder: of a new one when there is no group to share it with, and of any when there is one. */
export type FolderModes = { readonly own: number; readonly shared: number }

/** Makes a folder, or gives an existing one, owner and mode: shared with the sandbox's group when there is one. */
export const makeFolder = async (path: string, sharedGroup: number | null, modes: FolderModes): Promise<void> => {
  await mkdir(path, { recursive: true, mode: modes.own })
  if (sharedGroup === null) return
  const uid = process.getuid?.() ?? -1
  const { uid: ownerUid, gid, mode } = await stat(path)
  if (ownerUid !== uid || gid !== sharedGroup)
    await chown(path, uid, sharedGroup) // clears the set-group-id bit
  else if ((mode & 0o7777) === modes.shared) return
  await chmod(path, modes.shared)
}

/** The commit that main points to, or null when there is none. */
export const readMain = async (gitDir: string): Promise<string | null> => {
  const loose = await readIfThere(join(gitDir, BRANCH))
  if (loose !== null && /^[0-9a-f]{40}\n?$/.test(loose)) return loose.trim()
  const packed = (await readIfThere(join(gitDir, 'packed-refs'))) ?? ''
  return /^([0-9a-f]{40}) refs\/heads\/main$/m.exec(packed)?.[1] ?? null
}

/**
 * Lays out a git dir whose main is one empty commit, or mends what is missing of its frame.
 * @returns true when the repository is new.
 * @throws {NodeError} WORKSPACE_UNUSABLE
 */
export const openGitDir = async (options: {
  readonly gitDir: string
  readonly sharedGroup: number | null
  readonly atMs: number
  /** The record knows commits of it, so that a missing git dir is a loss and not a beginning. */
  readonly isRecorded: boolean
}): Promise<boolean> => {
  const { gitDir, sharedGroup, atMs } = options
  if (options.isRecorded && !existsSync(gitDir))
    throw new NodeError(
      'WORKSPACE_UNUSABLE',
      `the repository ${gitDir} is gone, and with it what turns can be undone`,
      {
        hint: `put it back from a backup, or go on without its history: mkdir -p -m 700 ${quoteShell(gitDir)}`,
      },
    )
  await requireUnredirected(gitDir)
  const isNew = (await readMain(gitDir)) === null
  if (isNew && (await hasBranches(gitDir)))
    throw new NodeError('WORKSPACE_UNUSABLE', `the repository ${gitDir} has no branch main`, {
      hint: `point it at its newest commit: git --git-dir=${quoteShell(gitDir)} update-ref ${BRANCH} COMMIT`,
    })
  // Parents that the caller did not make: nobody lists them, and the sandbox's user, if there is one, may pass.
  await mkdir(dirname(gitDir), { recursive: true, mode: sharedGroup === null ? 0o700 : 0o711 })
  await makeFolder(gitDir, sharedGroup, { ...SHARED_MODES, own: 0o700 })
  for (const folder of SHARED_FOLDERS) await makeFolder(join(gitDir, folder), sharedGroup, SHARED_MODES)
  for (const folder of CLOSED_FOLDERS) await makeFolder(join(gitDir, folder), sharedGroup, CLOSED_MODES)
  const frame = {
    config: configText(sharedGroup !== null),
    HEAD: `ref: ${BRANCH}\n`,
    'info/attributes': ATTRIBUTES,
    'info/exclude': EXCLUDED,
  }
  for (const [name, text] of Object.entries(frame)) {
    const path = join(gitDir, name)
    if (isNew || (await readIfThere(path)) === null) await writeFile(path, text, { mode: 0o644 })
  }
  await excludeOwnFolders(join(gitDir, 'info/exclude'))
  if (sharedGroup !== null) await closeConfig(gitDir)
  if (!isNew) return false
  const tree = await writeObject(options, 'tree', '')
  const by = `${AGENT.name} <${AGENT.email}> ${Math.floor(atMs / 1000)} +0000`
  const commit = await writeObject(
    options,
    'commit',
    `tree ${tree}\nauthor ${by}\ncommitter ${by}\n\n${FIRST_SUBJECT}\n`,
  )
  await writeWhole(join(gitDir, BRANCH), `${commit}\n`, 0o664)
  return true
}

/** A home of an earlier version does not know the folders; what the owner added to the file stays. */
const excludeOwnFolders = async (path: string): Promise<void> => {
  const text = (await readIfThere(path)) ?? ''
  const lines = text.split('\n')
  const missing = OWN_FOLDERS.map((folder) => `/${folder}`).filter((line) => !lines.includes(line))
  if (missing.length === 0) return
  const end = text === '' || text.endsWith('\n') ? '' : '\n'
  await writeFile(path, `${text}${end}${missing.join('\n')}\n`, { mode: 0o644 })
}

/** @throws {NodeError} WORKSPACE_UNUSABLE when the owner's git left main or is in the middle of something. */
export const requireMain = async (gitDir: string): Promise<string> => {
  const head = ((await readIfThere(join(gitDir, 'HEAD'))) ?? '').trim()
  if (head !== `ref: ${BRANCH}`) {
    const where = head.replace(/^ref: (refs\/heads\/)?/, '')
    throw new NodeError('WORKSPACE_UNUSABLE', `the workspace is not on main but on ${where || 'nothing'}`, {
      hint: 'go back to it in the workspace: git switch main',
    })
  }
  for (const name of ['MERGE_HEAD', 'CHERRY_PICK_HEAD', 'REVERT_HEAD'])
    if ((await readIfThere(join(gitDir, name))) !== null)
      throw new NodeError('WORKSPACE_UNUSABLE', `a git operation is unfinished in the workspace (${name})`, {
        hint: 'finish or abort it in the workspace: git status says how',
      })
  const main = await readMain(gitDir)
  if (main !== null) return main
  throw new NodeError('WORKSPACE_UNUSABLE', 'the branch main of the workspace is gone', {
    hint: `point it at its newest commit: git --git-dir=${quoteShell(gitDir)} update-ref ${BRANCH} COMMIT`,
  })
}

/**
 * Whether a commit is seen to have no parents, without running git. false also when it cannot be told here: git may have
 * packed it.
 */
export const isRootCommit = async (gitDir: string, sha: string): Promise<boolean> => {
  const file = Bun.file(join(gitDir, 'objects', sha.slice(0, 2), sha.slice(2)))
  if (!(await file.exists()) || file.size > ROOT_COMMIT_BYTES_MAX) return false
  const object = await new Response(file.stream().pipeThrough(new DecompressionStream('deflate')))
    .text()
    .catch(() => '') // damaged: git will say so
  const [header = ''] = object.split('\n\n', 1)
  return header.startsWith('commit ') && !/^parent /m.test(header)
}

const hasBranches = async (gitDir: string): Promise<boolean> => {
  if ((await readIfThere(join(gitDir, 'packed-refs'))) !== null) return true
  const entries = await readdir(join(gitDir, 'refs/heads'), { recursive: true, withFileTypes: true }).catch(
    (error: unknown) => {
      if (isMissing(error)) return []
      throw error
    },
  )
  return entries.some((entry) => entry.isFile() && entry.name !== 'main.lock' && entry.name !== 'main.new')
}

// A loose object: zlib over "<type> <length>\0<content>", named by the SHA-1 of the same bytes (gitformat-loose).
const writeObject = async (
  { gitDir, sharedGroup }: { readonly gitDir: string; readonly sharedGroup: number | null },
  type: 'tree' | 'commit',
  content: string,
): Promise<string> => {
  const bytes = new TextEncoder().encode(`${type} ${Buffer.byteLength(content)}\0${content}`)
  const name = new Bun.CryptoHasher('sha1').update(bytes).digest('hex')
  const deflated = new Response(new Blob([bytes]).stream().pipeThrough(new CompressionStream('deflate')))
  const folder = join(gitDir, 'objects', name.slice(0, 2))
  await makeFolder(folder, sharedGroup, SHARED_MODES)
  await writeWhole(join(folder, name.slice(2)), await deflated.bytes(), 0o444)
  return name
}

const writeWhole = async (path: string, content: string | Uint8Array, mode: number): Promise<void> => {
  await writeFile(`${path}.new`, content)
  await chmod(`${path}.new`, mode)
  await rename(`${path}.new`, path)
}
