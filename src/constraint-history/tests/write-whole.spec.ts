import { describe, expect, test } from 'bun:test'
import { lstatSync, mkdirSync, mkdtempSync, rmSync, statSync, symlinkSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { makeOpenFolder, takeOpenFolder } from '../write-whole.ts'

describe('a folder that everybody may read', () => {
  test('is made or taken over, and nothing else in its place is: no link, no file, no folder that was there', () => {
    const root = mkdtempSync(join(tmpdir(), 'plaited-write-'))
    try {
      const { made, closed, link } = {
        made: join(root, 'made'),
        closed: join(root, 'closed'),
        link: join(root, 'link'),
      }
      makeOpenFolder(made)
      expect((statSync(made).mode & 0o777).toString(8)).toBe('755')
      mkdirSync(closed, { mode: 0o700 })
      symlinkSync(closed, link)
      for (const path of [link, closed, made])
        expect(() => makeOpenFolder(path)).toThrow(expect.objectContaining({ code: 'EEXIST' }))
      expect(() => takeOpenFolder(link)).toThrow(/ENOTDIR|ELOOP/)
      expect((statSync(closed).mode & 0o777).toString(8)).toBe('700')
      expect(lstatSync(link).isSymbolicLink()).toBe(true)
      takeOpenFolder(closed)
      expect((statSync(closed).mode & 0o777).toString(8)).toBe('755')
    } finally {
      rmSync(root, { recursive: true })
    }
  })
})
