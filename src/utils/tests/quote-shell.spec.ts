import { expect, test } from 'bun:test'
import { quoteShell } from '../quote-shell.ts'

test('any word comes out of a shell as it went in, and a plain path stays as it is', () => {
  expect(quoteShell('/home/me/a-b_c.d')).toBe('/home/me/a-b_c.d')
  for (const word of ['', 'a b', "it's", '$HOME', '`id`', 'a\nb', '*', '"']) {
    const { stdout } = Bun.spawnSync(['sh', '-c', `printf %s ${quoteShell(word)}`])
    expect(stdout.toString()).toBe(word)
  }
})
