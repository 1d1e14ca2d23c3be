/**
 * Where words come from. A file that came with a message is not the owner's own word; whoever reads it may be told what to
 * do by it. So its label goes with every result that it is in, from there into every file that is written afterwards, and
 * stands in each question to the rules (`taint`, `tainted`). Labels are given by this code alone, never by a model.
 *
 * What a command reads is not seen: it carries the labels of every file that it could have read. A label is never taken
 * away, so a file that was overwritten with clean words keeps it.
 */
import { z } from 'zod'
import { ATTACHMENT_LABEL } from './attachments.ts'
import type { JournalEvent } from './journal.ts'
import { WORKSPACE_ROOT } from './permission-event.ts'
import type { State } from './persistence.ts'
import { isSetAside } from './workspace/own-folders.ts'

export type Labels = readonly string[]

export type Taint = {
  /** Of a file as the tools see it: `/workspace/a`. */
  readonly ofFile: (path: string) => Labels
  /** Of all files together. */
  readonly ofWorkspace: () => Labels
  readonly mark: (paths: readonly string[], labels: Labels) => void
}

export const createTaint = (state: State): Taint => {
  const { database } = state
  const ofFile = database.query<{ label: string }, [string]>(
    'select label from file_labels where path = ?1 union select label from attachments where path = ?1',
  )
  const all = database.query<{ label: string }, []>(
    'select label from file_labels union select label from attachments where refusal is null',
  )
  const mark = database.query<undefined, [string, string]>(
    'insert into file_labels (path, label) values (?, ?) on conflict do nothing',
  )
  const ofWorkspace = () => all.all().map(({ label }) => label)
  return {
    // What was moved away lies under another name, and a command wrote it.
    ofFile: (path) =>
      isSetAside(path.slice(WORKSPACE_ROOT.length + 1)) ? ofWorkspace() : ofFile.all(path).map(({ label }) => label),
    ofWorkspace,
    mark: (paths, labels) => {
      if (paths.length === 0 || labels.length === 0) return
      state.transaction('taint.mark', () => {
        for (const path of paths) for (const label of labels) mark.run(path, label)
      })
    },
  }
}

const resultSchema = z.object({ labels: z.array(z.string()).default([]) })
const messageSchema = z.object({ attachments: z.array(z.unknown()).default([]) })

/** The labels of all that the model has read in these entries, sorted. */
export const contextLabels = (events: readonly JournalEvent[]): Labels => {
  const labels = events.flatMap(({ type, payload }) => {
    if (type === 'tool.result') return resultSchema.parse(payload).labels
    if (type !== 'message.in') return []
    return messageSchema.parse(payload).attachments.length > 0 ? [ATTACHMENT_LABEL] : []
  })
  return joinLabels(labels)
}

export const joinLabels = (...lists: readonly Labels[]): Labels => [...new Set(lists.flat())].sort()
