/**
 * Takes secrets out of text that leaves the process. By value: each known secret, as it is and in the forms in which text
 * usually carries it on (URL-encoded, base64 at any alignment, hex, inside JSON). By key: a field whose name says that it
 * holds a secret, known or not.
 *
 * It does not see a secret that was cut, encrypted, or spread over several fields, and it leaves secrets shorter than
 * `SECRET_CHARACTERS_MIN` alone.
 */

/** Shorter ones occur in ordinary words and numbers: replacing them would say what they are. */
const SECRET_CHARACTERS_MIN = 8

/** What stands where a secret stood. */
export const REDACTED = '[redacted]'

export type Redactor = (text: string) => string

/** Contract of what it returns: does not throw. */
export const createRedactor = (secrets: readonly string[]): Redactor => {
  const known = secrets
    .filter((secret) => secret.length >= SECRET_CHARACTERS_MIN)
    .map((secret) => secret.toWellFormed())
  const encoded = longestFirst(known.flatMap(base64Forms))
  const plain = longestFirst(known.flatMap(plainForms))
  return (text) =>
    plain.reduce((rest, form) => rest.replaceAll(form, REDACTED), encoded.reduce(replaceBase64Run, text.toWellFormed()))
}

/** A secret that contains another one goes first. */
const longestFirst = (forms: readonly string[]): readonly string[] =>
  [...new Set(forms)].sort((a, b) => b.length - a.length)

const plainForms = (secret: string): readonly string[] => {
  const url = encodeURIComponent(secret)
  const hex = Buffer.from(secret).toString('hex')
  return [
    ...[secret, JSON.stringify(secret).slice(1, -1), hex, hex.toUpperCase()],
    ...[url, url.replaceAll('%20', '+'), url.replace(/%../g, (digits) => digits.toLowerCase()), encodeURI(secret)],
  ]
}

/** Characters of base64 that depend on what stands before the secret, by how many bytes of a group of three stand there. */
const FOREIGN_CHARACTERS = [0, 2, 3] as const

/** The secret in the middle of a longer base64 text: without the characters that its neighbours have a share in. */
const base64Forms = (secret: string): readonly string[] =>
  FOREIGN_CHARACTERS.flatMap((foreign, bytesBefore) => {
    const bytes = Buffer.concat([Buffer.alloc(bytesBefore), Buffer.from(secret)])
    const digits = bytes.toString('base64').replace(/=+$/, '')
    const own = digits.slice(foreign, bytes.length % 3 === 0 ? undefined : -1)
    return [own, own.replaceAll('+', '-').replaceAll('/', '_'), encodeURIComponent(own)]
  })

const isBase64 = (character: string | undefined): boolean => character !== undefined && /^[\w+/=-]$/.test(character)

/** The whole run goes: its first and last characters hold bits of the secret too. */
const replaceBase64Run = (text: string, form: string): string => {
  const parts: string[] = []
  let rest = 0
  for (let at = text.indexOf(form); at >= 0; at = text.indexOf(form, rest)) {
    let start = at
    let end = at + form.length
    while (start > rest && isBase64(text[start - 1])) start--
    while (isBase64(text[end])) end++
    parts.push(text.slice(rest, start), REDACTED)
    rest = end
  }
  return [...parts, text.slice(rest)].join('')
}

const SECRET_NAME =
  /authorization|^auth$|api_?key|access_?key|private_?key|signing_?key|secret|passw|passphrase|cookie|credential|bearer|token/

/** Whether a field of this name holds a secret whatever its value is. A number of tokens is a count. */
export const isSecretField = (name: string, value: unknown): boolean => {
  const words = name.replace(/[\s.-]+/g, '_').toLowerCase()
  return SECRET_NAME.test(words) && !(words.endsWith('tokens') && typeof value === 'number')
}
