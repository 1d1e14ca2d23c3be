import type { Comment, Node } from 'acorn'
import { SENTENCE_CHARACTERS_MAX } from './limits.ts'
import { refuse } from './refusal.ts'

/**
 * What the owner reads when a rule blocks: the comment that ends on the line above the export, if it is prose; else the
 * export's name in words. A comment of one word, such as a path, is not prose.
 */
export const sentenceOf = (
  declaration: Node,
  { name, comments, source }: { readonly name: string; readonly comments: readonly Comment[]; readonly source: string },
): string => {
  const prose = commentAbove(declaration.start, { comments, source })
  if (!/\S\s+\S/.test(prose)) return wordsOf(name)
  if (prose.length <= SENTENCE_CHARACTERS_MAX) return prose
  const message = `the comment has ${prose.length} characters, more than ${SENTENCE_CHARACTERS_MAX}`
  return refuse(declaration, message, 'say what the rule does in one sentence; put the rest above a blank line')
}

type Text = { readonly comments: readonly Comment[]; readonly source: string }

const commentAbove = (start: number, { comments, source }: Text): string => {
  const lines: string[] = []
  let below = start
  for (const comment of comments.toReversed()) {
    const isTouching = comment.end <= below && /^[ \t]*(\r?\n)?[ \t]*$/.test(source.slice(comment.end, below))
    if (!isTouching) {
      if (comment.end <= below) break
      continue
    }
    lines.unshift(comment.value)
    if (comment.type === 'Block') break
    below = comment.start
  }
  return lines
    .flatMap((line) => line.split('\n'))
    .map((line) => line.replace(/^[\s*]+/, '').trimEnd())
    .join(' ')
    .replaceAll(/\s+/g, ' ')
    .trim()
}

const wordsOf = (name: string): string => {
  const words = name
    .replaceAll(/[_$]+/g, ' ')
    .replaceAll(/([a-z0-9])([A-Z])/g, '$1 $2')
    .toLowerCase()
    .trim()
  return words === '' ? name : words
}
