/**
 * Addresses that the owner has not named are sent as text: an app that made a link of one, or fetched a preview of it,
 * would carry whatever a misled model put into it to that host. `https://evil.example/?q=secret` becomes
 * `https://evil[.]example/?q=secret`, which a person can read and no app follows.
 *
 * An address is what has a scheme, or a host with a dot in it whose last label could be a top-level domain. Names of files
 * (`notes.md`, `main.rs`) look the same and are defused too, unless they are in `FILE_ENDINGS`.
 *
 * Apps do not agree on where an address in a text ends, and browsers find its host elsewhere than people do
 * (`https://a@b@evil.example`, `https://evil.example\@a`). So what has a scheme stays only when a named host stands right
 * behind it and nothing else does; of all else every dot is bracketed, not only those of what looks like the host.
 */

/** Distinct hosts of one text that are looked for among what the owner wrote; further ones count as not named. */
const HOSTS_ASKED_MAX = 100
/** Endings of file names that are hardly ever hosts. */
const FILE_ENDINGS = new Set(
  'md txt ts tsx js jsx json py rs sh html css csv toml yaml yml lock log pdf png jpg'.split(' '),
)
/** Those of them that are top-level domains as well: with a path behind it, such a name is a host. */
const COUNTRY_ENDINGS = new Set('md py rs sh'.split(' '))

const USER = '[^\\s/@]{1,100}@'
/** What stands before the `@` of a mail address, which no app makes a web address of. */
const MAIL_USER = /^(?:[\w.+-]+@)?$/
const LABEL = '[\\p{L}\\p{N}][\\p{L}\\p{N}\\p{M}_-]{0,62}'
/** Browsers take the ideographic and full-width stops for dots as well (UTS 46, 4). */
const DOT = '[.\\u3002\\uff0e\\uff61]'
const DOTTED = `${LABEL}(?:${DOT}${LABEL})+`
/** Browsers take a backslash for a slash (WHATWG URL, 4.4). */
const ADDRESS = /([a-z][a-z0-9+.-]{1,20}):\/\/([^\s/?#\\]*)/gi
const PLAIN_AUTHORITY = new RegExp(`^${DOTTED}(?::\\d*)?$`, 'u')
/** Ends a sentence, a bracket or an emphasis, not a host. */
const TRAILING = /[.,;:!)\]}>"'`*~]+$/
/** Without a scheme. The last group: something is asked of that host. */
const HOST = new RegExp(
  `(?<![\\p{L}\\p{N}])((?:${USER})?)(${DOTTED})(?![\\p{L}\\p{N}_-])(?=((?::\\d{1,5})?[/?]\\S)?)`,
  'giu',
)
const ALL_DOTS = new RegExp(DOT, 'g')
const BARE_DOTS = new RegExp(`(?<!\\[)${DOT}`, 'g')

/** Hosts that a text names, in lower case and NFC, in the form in which `defuseLinks` asks for them. */
export const hostsIn = (text: string): readonly string[] => [
  ...new Set([
    ...[...text.matchAll(ADDRESS)].map(([, , authority = '']) => hostOf(authority)).filter((host) => host !== ''),
    ...[...text.matchAll(HOST)].flatMap(([, , host = '', path]) => (isHost(host, path) ? [normal(host)] : [])),
  ]),
]

export const defuseLinks = (text: string, isNamedHost: (host: string) => boolean): string => {
  const isNamed = askOnce(isNamedHost)
  return text
    .replace(ADDRESS, (all, scheme: string, authority: string) => {
      if (isNamed(hostOf(authority))) return all
      return `${scheme}${PLAIN_AUTHORITY.test(withoutEnd(authority)) ? ':' : '[:]'}//${bracketDots(authority)}`
    })
    .replace(HOST, (all, user: string, host: string, path: string | undefined) =>
      !isHost(host, path) || (MAIL_USER.test(user) && isNamed(normal(host))) ? all : bracketDots(all),
    )
}

const askOnce = (isNamedHost: (host: string) => boolean) => {
  const known = new Map<string, boolean>()
  return (host: string): boolean => {
    const answer = known.get(host) ?? (known.size < HOSTS_ASKED_MAX && isNamedHost(host))
    if (known.size < HOSTS_ASKED_MAX) known.set(host, answer)
    return answer
  }
}

const bracketDots = (text: string): string => text.replace(BARE_DOTS, '[.]')

const withoutEnd = (authority: string): string => authority.replace(TRAILING, '')

const hostOf = (authority: string): string => normal(withoutEnd(authority).replace(/:\d*$/, ''))

const normal = (host: string): string =>
  host
    .normalize('NFC')
    .toLowerCase()
    .replace(ALL_DOTS, '.')
    .replace(/^www\./, '')

const isHost = (host: string, path: string | undefined): boolean => {
  const labels = normal(host).split('.')
  const last = labels.at(-1) ?? ''
  if (labels.length === 4 && labels.every((label) => /^\d{1,3}$/.test(label))) return path !== undefined
  if (labels.length < 2 || !/^(?:\p{L}{2,}|xn--[a-z0-9-]+)$/u.test(last)) return false
  return !FILE_ENDINGS.has(last) || (path !== undefined && COUNTRY_ENDINGS.has(last))
}
