import { expect, test } from 'bun:test'
import { parseUnreadable } from '../unreadable.ts'

test('each path that git could not look into is named once, cut where it is long, and nothing else is', () => {
  const long = 'd'.repeat(4_000)
  const stderr = [
    "warning: could not open directory 'hid/': Permission denied",
    "warning: could not open directory 'it's: here/': Permission denied",
    "warning: could not open directory 'hid/': Permission denied",
    'hid/f: Permission denied',
    `warning: could not open directory '${long}`, // git cuts its own line
    "warning: unable to access '.gitignore': Permission denied",
    'warning: something else',
    '',
  ]
  expect(parseUnreadable(stderr.join('\n'))).toEqual([
    'hid/',
    "it's: here/",
    'hid/f',
    `${'d'.repeat(200)}...`,
    '.gitignore',
  ])
})
