/**
 * Markdown as plain text, for channels that would show its signs. What is inside code is left as it is; outside, the signs
 * of headings, emphasis, code and links go, and what they marked stays. It is no parser: what it does not recognise stays as
 * it was written, so nothing but signs is ever lost.
 */

const FENCED = /^( {0,3})(`{3,}|~{3,})[^\n`]*\n([\s\S]*?)(?:\n {0,3}\2[`~]* *$|(?![\s\S]))/gm
const CODE_SPAN = /(`+)([^`]|[^`][\s\S]*?[^`])\1(?!`)/g

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
    .replace(/^ {0,3}#{1,6} +(.*?)(?: +#+)? *$/gm, '$1')
    .replace(/!?\[([^\]\n]*)\]\(<?([^\s()<>]+)>?(?: "[^"\n]*")?\)/g, (_, label: string, url: string) =>
      label === '' || label === url ? url : `${label} (${url})`,
    )
    .replace(/<(https?:\/\/[^\s<>]+)>/g, '$1')
    .replace(/(\*\*|__)(?=\S)([^\n]*?\S)\1/g, '$2')
    .replace(/(?<![\w*])\*(?=[^\s*])([^*\n]*[^\s*])\*(?![\w*])/g, '$1')
    .replace(/(?<![\w_])_(?=[^\s_])([^_\n]*[^\s_])_(?![\w_])/g, '$1')
    .replace(/~~(?=\S)([^\n]*?\S)~~/g, '$1')
