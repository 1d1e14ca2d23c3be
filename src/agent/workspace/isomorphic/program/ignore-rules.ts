/**
 * Which files git leaves alone: the patterns of gitignore(5), matched byte for byte as git does. isomorphic-git has them
 * too, but without regard to case, it throws on some names that Linux allows, and reads every file of rules again for
 * each path.
 *
 * Patterns are the agent's, so matching must not explode: a position in the pattern is tried once for each position in
 * the path.
 */

export type IgnoreRules = {
  /** null: no rule speaks about it. The last rule that fits decides. */
  readonly judge: (path: string, isFolder: boolean) => boolean | null
}

/** A longer line fits nothing that could be meant, and would only cost: it is passed over. */
const LINE_CHARS_MAX = 512

type Rule = { readonly pattern: string; readonly negated: boolean; readonly foldersOnly: boolean }

/** Rules of one file, for paths relative to the folder that it lies in. */
export const parseIgnoreRules = (text: string): IgnoreRules => {
  const rules = text.split('\n').flatMap(parseRule).toReversed()
  return {
    judge: (path, isFolder) => {
      const rule = rules.find(({ pattern, foldersOnly }) => (isFolder || !foldersOnly) && matches(pattern, path))
      return rule === undefined ? null : !rule.negated
    },
  }
}

const parseRule = (line: string): Rule[] => {
  if (line.length > LINE_CHARS_MAX) return []
  let pattern = line.replace(/\r$/, '').replace(/(?<!\\)((?:\\\\)*) +$/, '$1')
  if (pattern.startsWith('#')) return []
  const negated = pattern.startsWith('!')
  if (negated) pattern = pattern.slice(1)
  const foldersOnly = pattern.endsWith('/')
  if (foldersOnly) pattern = pattern.slice(0, -1)
  if (pattern === '') return []
  const anchored = pattern.includes('/')
  if (pattern.startsWith('/')) pattern = pattern.slice(1)
  pattern = pattern.replaceAll(/\\(.)/gs, (escaped, character) => (character === '/' ? '/' : escaped))
  pattern = pattern.replaceAll(/(?<!\\)\*{3,}/g, '**')
  return [{ pattern: anchored ? pattern : `**/${pattern}`, negated, foldersOnly }]
}

/** Whether the whole path fits: `*` and `?` stop at a slash, a whole part `**` does not. */
const matches = (pattern: string, path: string): boolean => {
  const failed = new Set<number>()
  const literals = pattern.search(/[*?[\\]/)
  const from = (at: number, to: number): boolean => {
    const key = at * (path.length + 1) + to
    if (failed.has(key)) return false
    const fits = step(at, to)
    if (!fits) failed.add(key)
    return fits
  }
  const step = (at: number, to: number): boolean => {
    if (at === pattern.length) return to === path.length
    if (isDeepStar(pattern, at, literals)) return deepStar(at, to)
    switch (pattern[at]) {
      case '*':
        return from(at + 1, to) || (to < path.length && path[to] !== '/' && from(at, to + 1))
      case '?':
        return to < path.length && path[to] !== '/' && from(at + 1, to + 1)
      case '[': {
        const set = readSet(pattern, at)
        if (set === null || to >= path.length || path[to] === '/') return false
        return set.holds(path.charCodeAt(to)) && from(set.end, to + 1)
      }
      case '\\':
        return at + 1 < pattern.length && pattern[at + 1] === path[to] && from(at + 2, to + 1)
      default:
        return pattern[at] === path[to] && from(at + 1, to + 1)
    }
  }
  const deepStar = (at: number, to: number): boolean => {
    if (at + 2 === pattern.length) return true // `a/**`: everything inside
    if (from(at + 3, to)) return true
    const slash = path.indexOf('/', to)
    return slash !== -1 && from(at, slash + 1)
  }
  return from(0, 0)
}

/** Two stars are deep when they are a whole part; git compares what precedes the first star apart, so there too. */
const isDeepStar = (pattern: string, at: number, literals: number): boolean =>
  pattern.startsWith('**', at) &&
  (at === literals || pattern[at - 1] === '/') &&
  (at + 2 === pattern.length || pattern[at + 2] === '/')

const CLASSES: Readonly<Record<string, RegExp>> = {
  alnum: /[A-Za-z0-9]/,
  alpha: /[A-Za-z]/,
  blank: /[ \t]/,
  cntrl: /(?![\x80-\x9f])\p{Cc}/u,
  digit: /[0-9]/,
  graph: /[!-~]/,
  lower: /[a-z]/,
  print: /[ -~]/,
  punct: /[!-/:-@[-`{-~]/,
  space: /[\t-\r ]/,
  upper: /[A-Z]/,
  xdigit: /[0-9A-Fa-f]/,
}

/** `[a-z]`, `[!a]`, `[[:digit:]]`; null when it is not closed, which fits nothing. */
const readSet = (pattern: string, start: number) => {
  let at = start + 1
  const negated = pattern[at] === '!' || pattern[at] === '^'
  if (negated) at++
  const tests: ((code: number) => boolean)[] = []
  for (let first = true; first || pattern[at] !== ']'; first = false) {
    if (at >= pattern.length) return null
    const named = /^\[:(\w+):\]/.exec(pattern.slice(at, at + 12))
    if (named !== null) {
      const known = CLASSES[named[1] ?? '']
      if (known === undefined) return null
      tests.push((code) => known.test(String.fromCharCode(code)))
      at += named[0].length
      continue
    }
    if (pattern[at] === '\\') at++
    const low = pattern.charCodeAt(at++)
    let high = low
    if (pattern[at] === '-' && pattern[at + 1] !== ']' && at + 1 < pattern.length) {
      at += pattern[at + 1] === '\\' ? 2 : 1
      high = pattern.charCodeAt(at++)
    }
    tests.push((code) => code === low || (code >= low && code <= high)) // `[b-a]` holds b
  }
  return { end: at + 1, holds: (code: number) => tests.some((fits) => fits(code)) !== negated }
}
