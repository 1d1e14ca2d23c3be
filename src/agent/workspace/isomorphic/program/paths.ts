/** Paths are text of one character per byte (latin1): git stores any bytes, and they must survive unchanged. */

/** Linux takes 4,096 bytes with the terminating zero; a longer path could be stored, but by no other git restored. */
export const PATH_BYTES_MAX = 4_095

export const decodePath = (path: string): string => Buffer.from(path, 'latin1').toString('utf8')

export const encodePath = (path: string): string => Buffer.from(path, 'utf8').toString('latin1')

export const joinPath = (folder: string, name: string): string => (folder === '' ? name : `${folder}/${name}`)

export const folderOf = (path: string): string => path.slice(0, Math.max(0, path.lastIndexOf('/')))
export const nameOf = (path: string): string => path.slice(path.lastIndexOf('/') + 1)

/** `a/b/c` -> `a`, `a/b`. */
export const foldersAbove = (path: string): readonly string[] => {
  const folders: string[] = []
  for (let at = path.indexOf('/'); at !== -1; at = path.indexOf('/', at + 1)) folders.push(path.slice(0, at))
  return folders
}

// Some systems take `.git.`, `.git ` or `git~1` for `.git`, and git on Linux refuses to store such names for their sake.
const DOT_GIT = /^(?:\.git|git~1)[ .]*(?:$|[\\:])/i
const MODULES_LINK = /^(?:\.gitmodules|gitmod~\d)[ .]*(?:$|:)/i
/** U+200C to 200F, 202A to 202E, 206A to 206F, FEFF: a Mac's file system passes over them (git's utf8.c). */
const UNSEEN_ON_HFS = /\xe2\x80[\x8c-\x8f\xaa-\xae]|\xe2\x81[\xaa-\xaf]|\xef\xbb\xbf/g

/** Names that no git stores, because elsewhere they would be read as a repository. */
export const isRefusedName = (name: string, kind: 'file' | 'link'): boolean => {
  const seen = name.replaceAll(UNSEEN_ON_HFS, '')
  return seen.split('\\').some((part) => DOT_GIT.test(part)) || (kind === 'link' && MODULES_LINK.test(seen))
}
