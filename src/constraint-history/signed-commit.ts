/** Commits as this repository has them: at most one parent, written by the keeper, signed in the header `gpgsig`. */
import { KEEPER_EMAIL } from './key-history.ts'
import type { Signer } from './ssh-signature.ts'

export type CommitText = {
  readonly tree: string
  readonly parent: string | null
  /** Milliseconds since the epoch. */
  readonly at: number
  readonly message: string
}

export type ParsedCommit = {
  readonly tree: string
  readonly parents: readonly string[]
  /** In armor; null when there is none, or more than one. */
  readonly signature: string | null
  /** Seconds since the epoch at which it was committed. */
  readonly atSeconds: number
  /** What was signed. */
  readonly payload: Buffer
}

/** The bytes of a signed commit. */
export const encodeCommit = ({ tree, parent, at, message }: CommitText, signer: Signer): Buffer => {
  const who = `plaited keeper <${KEEPER_EMAIL}> ${Math.floor(at / 1000)} +0000`
  const head = [`tree ${tree}`, ...(parent === null ? [] : [`parent ${parent}`]), `author ${who}`, `committer ${who}`]
  const signature = signer.sign('git', `${head.join('\n')}\n\n${message}`)
  const header = `gpgsig ${signature.trimEnd().replaceAll('\n', '\n ')}`
  return Buffer.from(`${[...head, header].join('\n')}\n\n${message}`)
}

/** null when the bytes are no commit. */
export const parseCommit = (bytes: Buffer): ParsedCommit | null => {
  const text = bytes.toString('latin1') // one character per byte, so that the payload is cut exactly
  const end = text.indexOf('\n\n')
  const head = text.slice(0, end + 1)
  const tree = /^tree ([0-9a-f]{40})\n/.exec(head)?.[1]
  const seconds = /^committer .* (\d{1,12}) [+-]\d{4}$/m.exec(head)?.[1]
  if (end < 0 || tree === undefined || seconds === undefined) return null
  const parents = [...head.matchAll(/^parent ([0-9a-f]{40})$/gm)].flatMap(([, id]) => id ?? [])
  const signatures = [...head.matchAll(/^gpgsig(?:-sha256)? .*\n(?: .*\n)*/gm)]
  const [signature] = signatures
  const payload = signatures.reduce((rest, [whole]) => rest.replace(whole, ''), head) + text.slice(end + 1)
  return {
    ...{ tree, parents, atSeconds: Number(seconds) },
    signature:
      signature && signatures.length === 1 ? signature[0].slice('gpgsig '.length).replaceAll('\n ', '\n') : null,
    payload: Buffer.from(payload, 'latin1'),
  }
}
