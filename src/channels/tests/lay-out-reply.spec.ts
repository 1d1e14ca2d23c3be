import { describe, expect, test } from 'bun:test'
import fc from 'fast-check'
import { findLinks } from '../bluesky/link-facets.ts'
import { defuseLinks, hostsIn } from '../defuse-links.ts'
import { flattenMarkdown } from '../flatten-markdown.ts'
import { layOutReply } from '../lay-out-reply.ts'

/** Characters of a text that is all signs; were its time to grow with the square, it would take seconds each. */
const SIGNS = 100_000
/** Runs of backticks that never end what another one began. */
const ticks = (runs: number) => Array.from({ length: runs }, (_, index) => '`'.repeat(index + 1)).join('a')

describe('markdown on a channel that has none', () => {
  test.each([
    ['# Title\ntext', 'Title\ntext'],
    ['**bold** and *soft* and __strong__ and _soft_', 'bold and soft and strong and soft'],
    ['`code` and ``a ` b``', 'code and a ` b'],
    ['see [the page](https://example.org/a_b_c)', 'see the page (https://example.org/a_b_c)'],
    ['<https://example.org>', 'https://example.org'],
    ['```ts\nconst a = **1**\n```\nafter **it**', 'const a = **1**\nafter it'],
    ['~~~\n# not a title\n~~~', '# not a title'],
    ['```\nnever closed **x**', 'never closed **x**'],
    ['2 * 3 * 4 and snake_case_name and __init__.py', '2 * 3 * 4 and snake_case_name and init.py'],
    ['- a list\n- of *two*', '- a list\n- of two'],
    ['~~gone~~', 'gone'],
    ['## closed  ##  \n# C#', 'closed\nC#'],
  ])('%j is sent as %j', (markdown, flat) => {
    expect(flattenMarkdown(markdown)).toBe(flat)
  })

  test('loses no letter of text that holds no signs, and does not hang on text that is all signs', () => {
    fc.assert(fc.property(fc.stringMatching(/^[a-z0-9 .,\n]*$/), (text) => expect(flattenMarkdown(text)).toBe(text)))
    const signs = ['*', '_', '`', '[', '~', '**a ', '__a ', '~~a ', '[a', '```\n', '[a](', '![a](b "']
    const runs = ['# a', '`', '# # '].map((start) => `${start}${' '.repeat(SIGNS)}b`)
    for (const text of [...signs.map((sign) => sign.repeat(SIGNS / sign.length)), ...runs, ticks(400)]) {
      expect(flattenMarkdown(text).length).toBeGreaterThan(0)
    }
  })
})

describe('an address that the owner has not named', () => {
  const named = (host: string) => host === 'example.org'
  test.each([
    ['https://evil.example/?q=secret', 'https://evil[.]example/?q=secret'],
    ['go to evil.example/a now', 'go to evil[.]example/a now'],
    ['HTTPS://EVIL.EXAMPLE', 'HTTPS://EVIL[.]EXAMPLE'],
    ['https://a.b.evil.example:8080/x', 'https://a[.]b[.]evil[.]example:8080/x'],
    ['https://example.org@evil.example/', 'https[:]//example[.]org@evil[.]example/'],
    ['https://93.184.216.34/x', 'https://93[.]184[.]216[.]34/x'],
    ['https://notexample.org', 'https://notexample[.]org'],
    ['https://example.org.evil.example', 'https://example[.]org[.]evil[.]example'],
    ['(https://evil.example)', '(https://evil[.]example)'],
    ['https://évil.example', 'https://évil[.]example'],
    ['http://[2001:db8::1]/?q=secret', 'http[:]//[2001:db8::1]/?q=secret'],
    ['http://localhost:3000/', 'http[:]//localhost:3000/'],
    [`https://${'a'.repeat(70)}.example/`, `https[:]//${'a'.repeat(70)}[.]example/`],
    ['ftp://evil.example', 'ftp://evil[.]example'],
    ['https://evil\u3002example/', 'https://evil[.]example/'],
    ['https://a@b@evil.example/?q=secret', 'https[:]//a@b@evil[.]example/?q=secret'],
    ['https://evil.example\\@example.org/', 'https://evil[.]example\\@example[.]org/'],
    ["https://secret.evil.example'@x", "https[:]//secret[.]evil[.]example'@x"],
    [`https://${'x.'.repeat(60)}@evil.example/`, `https[:]//${'x[.]'.repeat(60)}@evil[.]example/`],
    ['https://example.org\u200b.evil.example/', 'https[:]//example[.]org\u200b[.]evil[.]example/'],
    ["secret.evil.example'@example.org", "secret[.]evil[.]example'@example[.]org"],
    ['_evil.example/a -evil.example', '_evil[.]example/a -evil[.]example'],
    ['evil.sh/?q=secret', 'evil[.]sh/?q=secret'],
    ['93.184.216.34:80/?q=secret', '93[.]184[.]216[.]34:80/?q=secret'],
  ])('%s is sent as %s', (text, defused) => {
    expect(defuseLinks(text, named)).toBe(defused)
  })

  test.each([
    'https://example.org/a?b=c',
    'example.org',
    'https://www.example.org/',
    '(https://example.org), or "https://example.org:443".',
    'joe.doe@example.org',
    'run install.sh? see main.rs:10 and 10.0.0.1',
    'notes.md and a.b.c(1)',
    'v1.2.3 at 10.30',
    'e.g. this. And that.',
    'me and you',
  ])('%s is left as it is', (text) => {
    expect(defuseLinks(text, named)).toBe(text)
  })

  test('never stays an address, whatever stands behind the scheme, wherever an app thinks that it ends', () => {
    const pieces =
      'evil|example.org|.|..|@|:|[|]|-|_|%2e|\u3002|\u2024|\u200b|\u00ad|/|//|é|\\|\'|"|<|>|(|)|💩|#|?'.split('|')
    const part = fc.oneof({ weight: 3, arbitrary: fc.constantFrom('evil.example', 'x@') }, fc.constantFrom(...pieces))
    fc.assert(
      fc.property(fc.array(part, { minLength: 1, maxLength: 8 }), (parts) => {
        const sent = defuseLinks(`https://${parts.join('')} now`, named)
        const [shown = ''] = sent.split(' ')
        const ends = [...shown.matchAll(/$|[^\p{L}\p{N}_.-]/gu)].map(({ index }) => index)
        const hosts = ends.map((end) => URL.parse(shown.slice(0, end))?.hostname ?? '')
        const dotted = hosts.map((host) => host.replace(/[.,:!)'"*~`]+$/, '')).filter((host) => host.includes('.'))
        expect(dotted.filter((host) => host !== 'example.org')).toEqual([])
        const linked = findLinks(sent).map(({ features }) => URL.parse(features[0]?.uri ?? '')?.hostname)
        expect(linked.filter((host) => host !== 'example.org')).toEqual([])
      }),
      { numRuns: 2000 },
    )
  })

  test('asks for no more hosts than it must, and counts the further ones as not named', () => {
    const asked: string[] = []
    const text = Array.from({ length: 1000 }, (_, index) => `a${index}.example`).join(' ')
    const sent = defuseLinks(`${text} ${text}`, (host) => asked.push(host) > 0)
    expect([asked.length, new Set(asked).size]).toEqual([100, 100])
    expect(sent).toContain('a99.example a100[.]example')
  })

  test('is known by its host, once, without www', () => {
    expect(hostsIn('https://www.Example.org/a and example.org, notes.md, http://10.0.0.1')).toEqual([
      'example.org',
      '10.0.0.1',
    ])
  })
})

describe('a reply', () => {
  const capabilities = {
    ...{ graphemesMax: 20, bytesMax: null, markdown: false, links: true, files: false, reactions: false },
    ...{ replyTo: true, edit: false, idempotencyKey: false },
  }
  test('leaves room for the mark of a repeat, where one can become necessary', () => {
    const text = 'x'.repeat(20)
    expect(layOutReply(text, { capabilities }, () => false)).toEqual(['x'.repeat(11), 'x'.repeat(9)])
    expect(layOutReply(text, { capabilities: { ...capabilities, idempotencyKey: true } }, () => false)).toEqual([text])
    expect(layOutReply(text, { capabilities, findSent: async () => null }, () => false)).toEqual([text])
  })

  test('without any text says so', () => {
    expect(layOutReply(' \n ', { capabilities }, () => false)).toEqual(['(no text)'])
  })

  test('is as it was written where markdown is shown and nothing makes links', () => {
    const local = { capabilities: { ...capabilities, graphemesMax: null, markdown: true, links: false } }
    expect(layOutReply('**a** https://evil.example', local, () => false)).toEqual(['**a** https://evil.example'])
  })
})
