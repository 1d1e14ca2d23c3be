/**
 * Addresses that the owner has not named are sent as text: an app that made a link of one, or fetched a preview of it,
 * would carry whatever a misled model put into it to that host. `https://evil.example/?q=secret` becomes
 * `https://evil[.]example/?q=secret`, which a person can read and no app follows.
 *
 * An address is what has a scheme, or a host with a dot in it whose last label could be a top-level domain. Names of files
 * (`notes.md`, `main.rs`) look the same and are defused too, unless they are in `FILE_ENDINGS`.
 */

/** Endings of file names that are hardly ever hosts, although some are top-level domains. */
const FILE_ENDINGS = new Set(
  'md txt ts tsx js jsx json py rs sh html css csv toml yaml yml lock log pdf png jpg'.split(' '),
)

const SCHEME = '[a-z][a-z0-9+.-]{1,20}://'
const USER = '[^\\s/@]{1,100}@'
const LABEL = '[\\p{L}\\p{N}][\\p{L}\\p{N}\\p{M}_-]{0,62}'
/** Browsers take the ideographic and full-width stops for dots as well (UTS 46, 4). */
const DOT = '[.\\u3002\\uff0e\\uff61]'
const HOST = new RegExp(
  `(?<![\\p{L}\\p{N}@_-])(${SCHEME})?((?:${USER})?)(${LABEL}(?:${DOT}${LABEL})*)(?=[^\\p{L}\\p{N}_-]|$)`,
  'giu',
)

const DOTS = new RegExp(DOT)
/** What is behind a scheme and is no host as above: an IPv6 address, a label that is too long. */
const AUTHORITY = /([a-z][a-z0-9+.-]{1,20}):\/\/([^\s/?#]*)/gi

/** Hosts that a text names, in lower case, in the form in which `defuseLinks` asks for them. */
export const hostsIn = (text: string): readonly string[] => [
  ...new Set(
    [...text.matchAll(HOST)].flatMap(([, scheme, , host = '']) => (isHost(scheme, host) ? [normal(host)] : [])),
  ),
]

export const defuseLinks = (text: string, isNamedHost: (host: string) => boolean): string =>
  text
    .replace(HOST, (all, scheme: string | undefined, user: string, host: string) =>
      !isHost(scheme, host) || ((user === '' || scheme === undefined) && isNamedHost(normal(host)))
        ? all
        : `${scheme ?? ''}${user}${bracketDots(host)}`,
    )
    .replace(AUTHORITY, (all, scheme: string, authority: string) =>
      authority.includes('[.]') || authority.includes('[]') || isNamedHost(normal(authority.replace(/:\d*$/, '')))
        ? all
        : `${scheme}[:]//${authority}`,
    )

const bracketDots = (host: string): string =>
  DOTS.test(host) ? host.replace(/[.\u3002\uff0e\uff61]/g, '[.]') : `${host}[]`

const normal = (host: string): string =>
  host
    .toLowerCase()
    .replace(/[\u3002\uff0e\uff61]/g, '.')
    .replace(/^www\./, '')

const isHost = (scheme: string | undefined, host: string): boolean => {
  if (scheme !== undefined) return true
  const labels = normal(host).split('.')
  const last = labels.at(-1) ?? ''
  return labels.length > 1 && /^(?:\p{L}{2,}|xn--[a-z0-9-]+)$/u.test(last) && !FILE_ENDINGS.has(last)
}
