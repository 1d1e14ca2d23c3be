import { describe, expect, test } from 'bun:test'
import fc from 'fast-check'
import { createPermissionEventBuilder, resolveWorkspacePath } from '../permission-event.ts'
import { createTestClock } from './state-fixture.ts'

const clock = createTestClock()
const build = createPermissionEventBuilder(clock, 'UTC')

/** The detail that rules would see. */
const detailOf = (type: string, input: unknown): Readonly<Record<string, unknown>> => {
  const built = build(type, input)
  if (!built.ok) throw new Error(`${built.by}: ${built.message}`)
  return built.event.detail
}

const refusalOf = (type: string, input: unknown) => {
  const built = build(type, input)
  return built.ok ? 'built' : built.refusal
}

describe('the path that rules judge', () => {
  test.each([
    ['notes/a.md', '/workspace/notes/a.md', 'notes/a.md', '.md'],
    ['/workspace/a', '/workspace/a', 'a', ''],
    ['/workspace', '/workspace', '', ''],
    ['./x/../.env', '/workspace/.env', '.env', ''],
    ['//workspace//a//b/', '/workspace/a/b', 'a/b', ''],
    ['../etc/passwd', '/etc/passwd', null, ''],
    ['/workspace/../etc/passwd', '/etc/passwd', null, ''],
    ['/workspaces/a', '/workspaces/a', null, ''],
    ['a/../../../../../etc/shadow', '/etc/shadow', null, ''],
  ])('of %p is %p', (given, path, rel, ext) => {
    expect(detailOf('permission:file:write', { path: given })).toMatchObject({ path, rel, ext })
  })

  test('is absolute and without dots, and says that it is inside exactly when it is', () => {
    const segment = fc.oneof(
      fc.constantFrom('..', '.', '', 'workspace', '.env'),
      fc.string({ minLength: 1, maxLength: 5 }),
    )
    const paths = fc
      .tuple(fc.boolean(), fc.array(segment, { minLength: 1, maxLength: 8 }))
      .map(([absolute, segments]) => `${absolute ? '/' : ''}${segments.join('/')}`)
      .filter((path) => path !== '' && !path.includes('\0'))
    fc.assert(
      fc.property(paths, (given) => {
        const { path, rel } = detailOf('permission:file:write', { path: given })
        expect(path).toMatch(/^\//)
        expect(String(path).split('/').slice(1)).not.toContain('..')
        expect(path).toBe(resolveWorkspacePath(given))
        const isInside = path === '/workspace' || String(path).startsWith('/workspace/')
        expect(rel).toBe(isInside ? String(path).slice('/workspace/'.length) : null)
      }),
      { numRuns: 300 },
    )
  })
})

describe('what is no event', () => {
  test.each([
    ['permission:file:write', {}],
    ['permission:file:write', { path: '' }],
    ['permission:file:write', { path: 5 }],
    ['permission:file:write', { path: 'a\0b' }],
    ['permission:file:write', { path: 'a', extra: 1 }],
    ['permission:file:write', { path: 'a', rel: 'forged' }],
    ['permission:bash:exec', { cmd: 'ls', programs: [] }],
    ['permission:payment:send', { amountMicros: 1.5 }],
    ['permission:payment:send', { amountMicros: -1 }],
    ['permission:payment:send', { amount: '1e3' }],
    ['permission:payment:send', { amount: ['6'] }],
    ['permission:payment:send', { amount: { toString: 1 } }],
    ['permission:payment:send', { amount: '1', amountMicros: 1 }],
    ['permission:net:fetch', { url: 'not a url' }],
    ['permission:file:write', null],
    ['permission:file:write', []],
    ['permission:file:write', 'text'],
  ])('%s with %j is refused as malformed', (type, input) => {
    expect(refusalOf(type, input)).toBe('malformed')
  })

  test.each([
    ['permission:file:read', { path: 'x'.repeat(4097) }],
    ['permission:bash:exec', { cmd: 'x'.repeat(32_769) }],
    ['permission:net:fetch', { url: `https://x.org/${'x'.repeat(4096)}` }],
    ['permission:payment:send', { amountMicros: 1, payTo: 'x'.repeat(257) }],
    ['permission:a2a:send', { peer: 'p', dataLabels: Array.from({ length: 1025 }, () => 'l') }],
  ])('%s over a limit is blocked, not cut', (type, input) => {
    expect(refusalOf(type, input)).toBe('blocked')
  })

  test('is never built and never a throw, whatever is given', () => {
    const types = fc.constantFrom(
      'permission:file:write',
      'permission:bash:exec',
      'permission:payment:send',
      'permission:net:fetch',
    )
    const keys = fc.constantFrom(
      'path',
      'cmd',
      'url',
      'amount',
      'amountMicros',
      'from',
      'taint',
      '__proto__',
      'confirmed',
    )
    fc.assert(
      fc.property(types, fc.oneof(fc.dictionary(keys, fc.jsonValue()), fc.jsonValue()), (type, input) => {
        const built = build(type, input)
        if (built.ok) expect(Object.keys(built.event.detail)).not.toContain('__proto__')
        else expect(built.message.length).toBeGreaterThan(0)
      }),
      { numRuns: 300 },
    )
  })
})

describe('the event', () => {
  test('has the hour and the weekday of the owner’s time zone', () => {
    clock.set(Date.UTC(2027, 0, 16, 23, 30)) // a Saturday in UTC, already Sunday in Berlin
    const berlin = createPermissionEventBuilder(clock, 'Europe/Berlin')('permission:memory:read', { query: 'x' })
    expect(berlin).toMatchObject({ ok: true, event: { detail: { hour: 0, weekday: 0 } } })
    expect(detailOf('permission:memory:read', { query: 'x' })).toMatchObject({ hour: 23, weekday: 6 })
  })

  test('is tainted by any label that is neither the owner’s nor ours, and nobody else can say so', () => {
    const taintOf = (more: Record<string, unknown>) =>
      detailOf('permission:memory:read', { query: 'x', ...more })['tainted']
    expect(taintOf({})).toBe(false)
    expect(taintOf({ taint: ['owner', 'system'] })).toBe(false)
    expect(taintOf({ taint: ['owner', 'web:example.com'] })).toBe(true)
    expect(taintOf({ argTaint: ['file:untrusted'] })).toBe(true)
    expect(taintOf({ taint: ['a2a:x'], tainted: false })).toBe(true)
    expect(refusalOf('permission:memory:read', { query: 'x', taint: 'owner' })).toBe('malformed')
  })

  test('writes an amount as the decimal that it is', () => {
    expect(detailOf('permission:payment:send', { amountMicros: 12_500_000 })).toMatchObject({ amount: '12.5' })
    expect(detailOf('permission:payment:send', { amount: '6.5' })).toMatchObject({
      amountMicros: 6_500_000,
      amount: '6.5',
    })
  })

  test.each([
    ['http://127.0.0.1/', true],
    ['http://2130706433/', true],
    ['http://0x7f.1/', true],
    ['http://10.1.2.3/', true],
    ['http://172.31.0.1/', true],
    ['http://192.168.1.1/', true],
    ['http://169.254.169.254/latest', true],
    ['http://100.64.0.1/', true],
    ['http://localhost:8080/', true],
    ['http://x.localhost/', true],
    ['http://localhost./', true],
    ['http://[::1]/', true],
    ['http://[::]/', true],
    ['http://[::ffff:127.0.0.1]/', true],
    ['http://[fd00::1]/', true],
    ['http://[fe80::1]/', true],
    ['http://0.0.0.0/', true],
    ['https://example.org/', false],
    ['https://172.32.0.1/', false],
    ['https://100.128.0.1/', false],
    ['https://[2001:db8::1]/', false],
    ['https://10.example.org/', false],
    ['https://fd.example.org/', false],
  ])('knows whether %p names an address of this machine or network', (url, isPrivate) => {
    expect(detailOf('permission:net:fetch', { url })['privateAddress']).toBe(isPrivate)
  })
})
