/**
 * The links of a text, as Bluesky wants them beside it. Only whole addresses become links: what is written as
 * `evil[.]example`, because the owner never named it, stays text.
 */

const LINK = 'app.bsky.richtext.facet#link'

export type LinkFacet = {
  readonly index: { readonly byteStart: number; readonly byteEnd: number }
  readonly features: { readonly $type: typeof LINK; readonly uri: `${string}:${string}` }[]
}

const ADDRESS = /(https?):(\/\/[^\s<>"'`]+)/g
/** Ends a sentence, not an address. */
const TRAILING = /[.,;:!?)\]}*_]+$/
/** A name with a dot, so that an address cut at an odd character is none. */
const HOST = /^[a-z\d-]+(?:\.[a-z\d-]+)+$/i

export const findLinks = (text: string): readonly LinkFacet[] =>
  [...text.matchAll(ADDRESS)].flatMap(({ 1: scheme = '', 2: rest = '', index: start }): readonly LinkFacet[] => {
    const uri: `${string}:${string}` = `${scheme}:${rest.replace(TRAILING, '')}`
    if (!HOST.test(URL.parse(uri)?.hostname ?? '')) return []
    const byteStart = Buffer.byteLength(text.slice(0, start))
    const index = { byteStart, byteEnd: byteStart + Buffer.byteLength(uri) }
    return [{ index, features: [{ $type: LINK, uri }] }]
  })
