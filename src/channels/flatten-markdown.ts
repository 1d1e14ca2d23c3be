/**
 * Markdown as plain text, for channels that would show its signs. What is inside code is left as it is; outside, the signs
 * of headings, emphasis, code and links go, and what they marked stays. It is no parser: what it does not recognise stays as
 * it was written, so nothing but signs is ever lost. Every mark has a longest reach, so that a text that is all signs takes
 * no more time than another one.
 */

/** Characters between two marks that belong together, and of an address. */
const REACH = 1000
/** Characters of code within a line of text. */
const CODE_REACH = 4000

const FENCED = /^( {0,3})(`{3,}|~{3,}(?!~))[^\n`]*\n([\s\S]*?)(?:\n {0,3}\2[`~]* *$|(?![\s\S]))/gm
/** \x60 is the backtick. */
const CODE_SPAN = new RegExp(
  String.raw`(?<!\x60)(\x60+)([^\x60]|[^\x60][\s\S]{0,${CODE_REACH}}?[^\x60])\1(?!\x60)`,
  'g',
)
const HEADING = /^ {0,3}#{1,6} +(.*)$/gm
/** Looks back, so that of a run of spaces only the first is tried. */
const HEADING_END = /(?<! ) +#+$/
const LINK = new RegExp(
  String.raw`!?\[([^\]\n]{0,${REACH}})\]\(<?([^\s()<>]{1,${REACH}})>?(?: "[^"\n]{0,${REACH}}")?\)`,
  'g',
)
const STRONG = new RegExp(String.raw`(\*\*|__)(?=\S)([^\n]{0,${REACH}}?\S)\1`, 'g')
const STRUCK = new RegExp(String.raw`~~(?=\S)([^\n]{0,${REACH}}?\S)~~`, 'g')

export const flattenMarkdown = (text: string): string =>
  aroundMatches(text, FENCED, {
    inside: ([, , , code = '']) => code,
    outside: (prose) =>
      aroundMatches(prose, CODE_SPAN, { inside: ([, , code = '']) => code.trim(), outside: flattenProse }),
  })

const aroundMatches = (
  text: string,
  pattern: RegExp,
  {
    inside,
    outside,
  }: { readonly inside: (match: RegExpMatchArray) => string; readonly outside: (text: string) => string },
): string => {
  let flat = ''
  let end = 0
  for (const match of text.matchAll(pattern)) {
    flat += outside(text.slice(end, match.index)) + inside(match)
    end = (match.index ?? 0) + match[0].length
  }
  return flat + outside(text.slice(end))
}

const flattenProse = (text: string): string =>
  text
    .replace(HEADING, (_, title: string) => title.trimEnd().replace(HEADING_END, ''))
    .replace(LINK, (_, label: string, url: string) => (label === '' || label === url ? url : `${label} (${url})`))
    .replace(/<(https?:\/\/[^\s<>]+)>/g, '$1')
    .replace(STRONG, '$2')
    .replace(/(?<![\w*])\*(?=[^\s*])([^*\n]*[^\s*])\*(?![\w*])/g, '$1')
    .replace(/(?<![\w_])_(?=[^\s_])([^_\n]*[^\s_])_(?![\w_])/g, '$1')
    .replace(STRUCK, '$1')
