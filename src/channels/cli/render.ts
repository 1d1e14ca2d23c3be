/** What a person at the terminal reads while the agent works: each call on one line, with its decision. */
import { escapeUnsafeCharacters } from '../../utils/escape-unsafe-characters.ts'
import type { ChannelProgress } from '../channels.types.ts'

/** Characters of a commit id that are shown. */
const SHORT_SHA = 10
/** Files of a commit that are named. */
const FILES_SHOWN = 5

const safe = (text: string): string => escapeUnsafeCharacters(text).replaceAll('\n', ' ')

/** One line, or null for what only matters to others. */
export const renderProgress = (progress: ChannelProgress): string | null => {
  switch (progress.kind) {
    case 'text':
    case 'result':
      return null
    case 'joined':
      return '  joined   the turn that runs; one reply answers both'
    case 'call':
      return progress.outcome === 'allowed' || progress.outcome === 'asked'
        ? `  ${progress.outcome.padEnd(7)}  ${safe(progress.summary)}`
        : `  ${progress.outcome}  ${safe(progress.summary)}\n           ${safe(progress.reason ?? '')}`
    case 'interrupted':
      return `  broken   this answer does not count: ${safe(progress.reason)}`
    case 'waiting':
      return `  waiting  ${progress.seconds} s, then I try again: ${safe(progress.reason)}`
    case 'commit': {
      const { sha, subject, files } = progress.commit
      const names = files.slice(0, FILES_SHOWN).map((file) => file.path)
      const more = files.length > FILES_SHOWN ? ` and ${files.length - FILES_SHOWN} more` : ''
      return `  commit   ${sha.slice(0, SHORT_SHA)}  ${safe(subject)}  [${safe(names.join(', '))}${more}]`
    }
    case 'question':
    case 'notice':
      return escapeUnsafeCharacters(progress.text)
    case 'late-reply':
      return `(answer to an earlier message${progress.repeat ? ', repeat' : ''}) ${escapeUnsafeCharacters(progress.text)}`
  }
}
