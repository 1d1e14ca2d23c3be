/** From the text of a reply to the messages that its channel can carry. */
import type { Channel } from './channels.types.ts'
import { defuseLinks } from './defuse-links.ts'
import { flattenMarkdown } from './flatten-markdown.ts'
import { splitText } from './split-text.ts'

/** Leads a message that may have arrived before. */
export const REPEAT_MARK = '(repeat) '
/** Services refuse a message without text, and silence would look like a fault. */
const NO_TEXT = '(no text)'

export const layOutReply = (
  text: string,
  { capabilities, findSent }: Pick<Channel, 'capabilities' | 'findSent'>,
  isNamedHost: (host: string) => boolean,
): readonly string[] => {
  const { markdown, links, idempotencyKey, graphemesMax, bytesMax } = capabilities
  const flat = markdown ? text : flattenMarkdown(text)
  const safe = links ? defuseLinks(flat, isNamedHost) : flat
  if (safe.trim() === '') return [NO_TEXT]
  const mark = idempotencyKey || findSent ? 0 : REPEAT_MARK.length
  return splitText(safe, {
    markdown,
    graphemesMax: graphemesMax === null ? null : graphemesMax - mark,
    bytesMax: bytesMax === null ? null : bytesMax - mark,
  }).filter((part) => part.trim() !== '')
}
