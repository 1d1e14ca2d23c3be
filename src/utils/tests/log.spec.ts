import { describe, expect, test } from 'bun:test'
import fc from 'fast-check'
import { createLog, LOG_LEVELS, type LogLevel } from '../log.ts'
import { NodeError } from '../node-error.ts'
import { REDACTED } from '../redact.ts'

/** 2027-01-15T08:00:00Z. */
const NOW = 1_800_000_000_000
const LINE_BYTES_MAX = 4096

type AnyEvents = Readonly<Record<string, Readonly<Record<string, unknown>>>>

const listen = (options: { readonly secrets?: readonly string[]; readonly level?: LogLevel } = {}) => {
  const lines: string[] = []
  const log = createLog<AnyEvents>({
    write: (line) => lines.push(line),
    clock: { now: () => NOW },
    ...{ secrets: [], level: 'debug', ...options },
  })
  const parsed = (): Record<string, unknown>[] => lines.map((line) => JSON.parse(line) as Record<string, unknown>)
  return { log, lines, parsed }
}

/** The fields of the one entry that was logged. */
const fieldsOf = (fields: Readonly<Record<string, unknown>>, secrets: readonly string[] = []) => {
  const { log, lines, parsed } = listen({ secrets })
  log.info('a.b', fields)
  expect(lines).toHaveLength(1)
  const { at: _at, level: _level, event: _event, ...rest } = parsed()[0] ?? {}
  return rest
}

describe('an entry', () => {
  test('is one line of JSON with its time, level, event and fields', () => {
    const { log, lines } = listen()
    log.warn('model.fault', { turn: 't1', status: null, retried: true, count: 2 })
    expect(lines).toEqual([
      '{"at":"2027-01-15T08:00:00.000Z","level":"warn","event":"model.fault","turn":"t1","status":null,"retried":true,"count":2}\n',
    ])
  })

  test('carries the fields that the log is bound to, the nearest last', () => {
    const { log, parsed } = listen()
    log.bind({ pid: 1, channel: 'cli' }).bind({ channel: 'letters' }).info('a.b', { turn: 't1' })
    expect(parsed()).toEqual([expect.objectContaining({ pid: 1, channel: 'letters', turn: 't1' })])
  })

  test('keeps its time, level and event whatever its fields are called', () => {
    const { log, parsed } = listen()
    log.error('a.b', { at: 'never', level: 'none', event: 'other' })
    expect(parsed()).toEqual([{ at: '2027-01-15T08:00:00.000Z', level: 'error', event: 'a.b' }])
  })

  test.each(LOG_LEVELS)('is written at the level %s only from what is told there', (level) => {
    const { log, parsed } = listen({ level })
    for (const method of ['debug', 'info', 'warn', 'error'] as const) log[method]('a.b', {})
    const told = { silent: [], error: ['error'], warn: ['warn', 'error'], info: ['info', 'warn', 'error'] }
    expect(parsed().map((entry) => entry['level'])).toEqual(
      level === 'debug' ? ['debug', 'info', 'warn', 'error'] : told[level],
    )
  })

  test('is printable ASCII on one line, and reads back as what was logged', () => {
    const fields = { text: 'a\nb\r\u001b[31m\u0000\u2028\u202e\u200b\ud800ü😀', 'n\nm': 1 }
    const { log, lines } = listen()
    log.info('a.b', fields)
    expect(lines[0]).toMatch(/^[\x20-\x7e]+\n$/)
    expect(fieldsOf(fields)).toEqual({ ...fields, text: fields.text.toWellFormed() })
  })

  test('tells an error by its code, one of the program by its place, and its cause', () => {
    const cause = new TypeError('inner')
    const fault = new NodeError('DISK_FULL', 'the disk is full', { hint: 'free some space', cause })
    expect(fieldsOf({ error: fault })).toEqual({
      error: {
        ...{ name: 'NodeError', message: 'the disk is full', code: 'DISK_FULL' },
        cause: { name: 'TypeError', message: 'inner', stack: expect.stringContaining('log.spec.ts') },
      },
    })
  })
})

describe('a line is bounded', () => {
  test('by cutting long strings, lists, objects and depth', () => {
    const deep = Array.from({ length: 20 }).reduce<unknown>((inner) => ({ inner }), 'end')
    const fields = fieldsOf({
      text: 'x'.repeat(100_000),
      list: Array.from({ length: 1000 }, (_, index) => index),
      bytes: new Uint8Array(5000),
      deep,
    })
    expect(fields['text']).toBe(`${'x'.repeat(1024)}...[100000 characters]`)
    expect(fields['list']).toHaveLength(33)
    expect(fields['bytes']).toBe('[5000 bytes]')
    expect(JSON.stringify(fields['deep'])).toContain('[deep]')
  })

  test('to a length that does not mix with other lines on a pipe, whatever is logged; what was left out is counted', () => {
    fc.assert(
      fc.property(
        fc.dictionary(fc.string(), fc.string({ unit: 'grapheme', maxLength: 3000 }), { maxKeys: 20 }),
        (fields) => {
          const { log, lines, parsed } = listen()
          log.info('a.b', fields)
          expect(lines).toHaveLength(1)
          expect(Buffer.byteLength(lines[0] ?? '')).toBeLessThanOrEqual(LINE_BYTES_MAX)
          expect(parsed()).toHaveLength(1)
        },
      ),
      { numRuns: 50 },
    )
    const many = Object.fromEntries(Array.from({ length: 10 }, (_, index) => [`f${index}`, 'x'.repeat(1000)]))
    expect(fieldsOf(many)['cut']).toBe(7)
  })
})

describe('logging never throws', () => {
  const cyclic: Record<string, unknown> = { name: 'a' }
  cyclic['self'] = cyclic
  const throwing = () => {
    throw new Error('no')
  }
  const hostile = new Proxy({}, { ownKeys: throwing, get: throwing, getOwnPropertyDescriptor: throwing })

  test.each([
    ['a cycle', { cyclic }, { cyclic: { name: 'a', self: '[cyclic]' } }],
    ['a getter that throws', Object.defineProperty({}, 'a', { enumerable: true, get: throwing }), expect.anything()],
    ['a proxy', { hostile, after: 1 }, { hostile: '[unreadable]', after: 1 }],
    ['a toJSON that throws', { a: { toJSON: throwing } }, { a: { toJSON: '[function]' } }],
    ['numbers that JSON has not', { a: Number.NaN, b: -Infinity, c: 5n }, { a: 'NaN', b: '-Infinity', c: '5' }],
    ['nothing', { a: undefined, b: null, c: [undefined] }, { b: null, c: [null] }],
    ['functions and symbols', { a: () => {}, b: Symbol('s') }, { a: '[function]', b: '[symbol]' }],
  ])('for %s', (_, fields, expected) => {
    expect(fieldsOf(fields as Record<string, unknown>)).toEqual(expected)
  })

  test('for anything', () => {
    fc.assert(
      fc.property(
        fc.dictionary(fc.string(), fc.anything({ withBigInt: true, withDate: true, withMap: true })),
        (fields) => {
          fieldsOf(fields)
        },
      ),
    )
  })

  test('when nobody takes the line, or the clock is broken', () => {
    const broken = createLog<AnyEvents>({ write: throwing, clock: { now: () => NOW }, secrets: [], level: 'info' })
    expect(() => broken.info('a.b', {})).not.toThrow()
    const timeless = createLog<AnyEvents>({
      write: () => {},
      clock: { now: () => Number.NaN },
      secrets: [],
      level: 'info',
    })
    expect(() => timeless.info('a.b', {})).not.toThrow()
  })
})

describe('a secret', () => {
  const SECRET = 'sk-ant-0123456789abcdef'

  test('is not in a line by its key, at any depth', () => {
    const fields = {
      headers: { Authorization: 'Bearer x', 'set-cookie': ['a=b'], accept: 'text/html' },
      apiKey: 'short',
    }
    expect(fieldsOf(fields)).toEqual({
      headers: { Authorization: REDACTED, 'set-cookie': REDACTED, accept: 'text/html' },
      apiKey: REDACTED,
    })
  })

  test('is not in a line as a number, a key, an error, or its cause', () => {
    const error = new Error(`refused ${SECRET}`, { cause: new Error(encodeURIComponent(`k=${SECRET}`)) })
    const line = JSON.stringify(fieldsOf({ error, [SECRET]: 1, pin: 12_345_678 }, [SECRET, '12345678']))
    expect(line).not.toContain(SECRET)
    expect(line).not.toContain('12345678')
  })

  test('is not cut in two by the limit of a string', () => {
    fc.assert(
      fc.property(fc.integer({ min: 980, max: 1030 }), (before) => {
        const line = JSON.stringify(fieldsOf({ text: `${'x'.repeat(before)}${SECRET}${'y'.repeat(2000)}` }, [SECRET]))
        expect(line).not.toContain(SECRET.slice(0, 8))
      }),
    )
  })

  test('never gets into a line, wherever it stands in whatever is logged', () => {
    const around = fc.tuple(fc.string({ maxLength: 40 }), fc.string({ maxLength: 40 }))
    const forms = fc.constantFrom(
      (secret: string) => secret,
      (secret: string) => encodeURIComponent(secret),
      (secret: string) => Buffer.from(`user:${secret}`).toString('base64'),
      (secret: string) => JSON.stringify({ secret }),
      (secret: string) => new Error(secret),
      (secret: string) => new Map([[secret, secret]]),
      (secret: string) => Buffer.from(secret),
      (secret: string) => ({ [secret]: [secret] }),
    )
    const secretText = fc.base64String({ minLength: 16, maxLength: 64 })
    fc.assert(
      fc.property(
        secretText,
        around,
        forms,
        fc.anything(),
        fc.string(),
        (secret, [before, after], form, other, key) => {
          const planted = form(`${secret}`)
          const text = typeof planted === 'string' ? `${before}${planted}${after}` : planted
          const { log, lines } = listen({ secrets: [secret] })
          log.bind({ bound: text }).error('a.b', { other, [key]: { list: [text, other], text } })
          expect(lines).toHaveLength(1)
          const line = lines[0] ?? ''
          expect(line).not.toContain(secret)
          expect(line).not.toContain(encodeURIComponent(secret))
          expect(line).not.toContain(Buffer.from(secret).toString('base64').slice(4, -4))
          expect(line).not.toContain([...Buffer.from(secret)].join())
        },
      ),
    )
  })
})
