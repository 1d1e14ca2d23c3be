/** Enough to find it; git itself cuts a path that is longer than the system allows (4,096 bytes). */
const PATH_CHARS_MAX = 200

const QUOTED = /^(?:warning|error): [a-z ]+ '(?<path>.+?)(?:': [^']*)?$/
const BARE = /^(?<path>.+): (?:Permission denied|File name too long|Input\/output error)$/

/** Paths that git could not look into, as it says on stderr: with what is below them, they are in no commit. */
export const parseUnreadable = (stderr: string): readonly string[] => {
  const paths = stderr.split('\n').flatMap((line) => {
    const path = (QUOTED.exec(line) ?? BARE.exec(line))?.groups?.['path']
    if (path === undefined) return []
    return [path.length > PATH_CHARS_MAX ? `${path.slice(0, PATH_CHARS_MAX).toWellFormed()}...` : path]
  })
  return [...new Set(paths)]
}
