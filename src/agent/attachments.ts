/**
 * Files that came with the owner's messages. The file itself lies in the workspace, where the tools find it; the row knows
 * its name, where it is, and that what it holds is not to be trusted. Pictures and PDFs keep a copy for the model, which
 * then sees what was sent even when the file has been changed since.
 */
import type { State } from './persistence.ts'

/** A file of the owner's is still someone else's words: the owner forwards, photographs and downloads. */
export const ATTACHMENT_LABEL = 'file:untrusted'

export type KeptAttachment = {
  /** As the tools see it: `/workspace/inbox/...`. */
  readonly path: string
  /** As the sender called it. */
  readonly name: string
  readonly mime: string
  readonly bytes: number
  /** Why it is not there; null when it is. */
  readonly refusal: string | null
  /** For the model; null for what only tools can read. */
  readonly content: Uint8Array | null
}

export type Attachments = {
  readonly add: (channel: string, messageId: string, files: readonly KeptAttachment[]) => void
  /** In the order in which they came; without their contents. */
  readonly of: (channel: string, messageId: string) => readonly KeptAttachment[]
  /** null: there is no copy. */
  readonly content: (path: string) => Uint8Array | null
}

export const createAttachments = ({ database }: State): Attachments => {
  const insert = database.query<
    undefined,
    [string, string, number, string, string, string, number, string, string | null, Uint8Array | null]
  >(
    `insert into attachments (channel, message_id, number, path, name, mime, size, label, refusal, content)
     values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
  )
  const of = database.query<KeptAttachment, [string, string]>(
    `select path, name, mime, size as bytes, refusal, null as content from attachments
     where channel = ? and message_id = ? order by number`,
  )
  const content = database.query<{ content: Uint8Array | null }, [string]>(
    'select content from attachments where path = ? and content is not null limit 1',
  )
  return {
    add: (channel, messageId, files) => {
      for (const [index, { path, name, mime, bytes, refusal, content: copy }] of files.entries()) {
        insert.run(channel, messageId, index + 1, path, name, mime, bytes, ATTACHMENT_LABEL, refusal, copy)
      }
    },
    of: (channel, messageId) => of.all(channel, messageId),
    content: (path) => content.get(path)?.content ?? null,
  }
}
