import { afterAll, describe, expect, test } from 'bun:test'
import { SafeFetchError, safeFetch } from '../safe-fetch.ts'

const LIMITS = { bytesMax: 1000, timeMaxMs: 5000 }

const opened = Promise.withResolvers<void>()
const server = Bun.serve({
  hostname: '127.0.0.1',
  port: 0,
  routes: {
    '/small': () => new Response('small'),
    '/large': () => new Response('x'.repeat(1001)),
    '/away': () => new Response(null, { status: 302, headers: { location: 'https://elsewhere.invalid/' } }),
    '/silent': () => {
      opened.resolve()
      return new Promise<Response>(() => {})
    },
  },
})
const plainOrigin = server.url.origin
afterAll(() => server.stop(true))

const faultOf = async (work: Promise<unknown>): Promise<SafeFetchError> => {
  const fault = await work.then(
    () => null,
    (error: unknown) => error,
  )
  if (!(fault instanceof SafeFetchError)) throw new Error('no SafeFetchError')
  return fault
}

describe('safeFetch', () => {
  test('brings status, headers and body', async () => {
    const { status, bytes } = await safeFetch(`${plainOrigin}/small`, { ...LIMITS, plainOrigin })
    expect([status, Buffer.from(bytes).toString()]).toEqual([200, 'small'])
  })

  test.each([
    'file:///etc/passwd',
    's3://bucket/key',
    'data:text/plain,x',
    'http://example.com/',
    'https://user:password@example.com/',
    '//example.com',
    'nothing',
  ])('does not fetch %s', async (address) => {
    const fault = await faultOf(safeFetch(address, LIMITS))
    expect([fault.reason, fault.mayHaveArrived]).toEqual(['refused', false])
  })

  test('speaks plain HTTP to no other origin than the one that was named', async () => {
    const fault = await faultOf(safeFetch('http://127.0.0.1:1/', { ...LIMITS, plainOrigin }))
    expect(fault.reason).toBe('refused')
  })

  test('hands out a redirect instead of following it', async () => {
    expect((await safeFetch(`${plainOrigin}/away`, { ...LIMITS, plainOrigin })).status).toBe(302)
  })

  test('stops reading an answer that is too large', async () => {
    expect((await faultOf(safeFetch(`${plainOrigin}/large`, { ...LIMITS, plainOrigin }))).reason).toBe('too-large')
  })

  test('gives up when it is told to, and after its time', async () => {
    const given = new AbortController()
    const work = faultOf(safeFetch(`${plainOrigin}/silent`, { ...LIMITS, plainOrigin, signal: given.signal }))
    await opened.promise
    given.abort()
    expect((await work).reason).toBe('aborted')
    const late = await faultOf(safeFetch(`${plainOrigin}/silent`, { ...LIMITS, plainOrigin, timeMaxMs: 1 }))
    expect(late.reason).toBe('late')
  })

  test('knows that nothing has arrived when nobody listens, and shows nothing of the path', async () => {
    const fault = await faultOf(
      safeFetch('http://127.0.0.1:1/the-secret', { ...LIMITS, plainOrigin: 'http://127.0.0.1:1' }),
    )
    expect([fault.reason, fault.mayHaveArrived]).toEqual(['unreachable', false])
    expect(Bun.inspect(fault)).not.toContain('the-secret')
  })
})
