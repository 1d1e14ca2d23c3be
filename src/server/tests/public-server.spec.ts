import { describe, expect, test } from 'bun:test'
import { startPublicServer } from '../public-server.ts'

const listen = () => {
  const server = startPublicServer({ host: '127.0.0.1', port: 0 })
  return { server, [Symbol.asyncDispose]: server.close }
}

describe('the public listener', () => {
  test('says of its health only that it is there', async () => {
    await using it = listen()
    const response = await fetch(`${it.server.url}health`)
    expect([response.status, await response.json()]).toEqual([200, { ok: true }])
    expect(response.headers.get('cache-control')).toBe('no-store')
  })

  test.each([
    ['GET', ''],
    ['POST', 'health'],
    ['GET', 'health/x'],
    ['GET', 'status'],
    ['POST', 'say'],
    ['POST', 'execute'],
    ['GET', '..%2fdata'],
  ])('knows no %s /%s, and answers with a code alone', async (method, path) => {
    await using it = listen()
    const response = await fetch(`${it.server.url}${path}`, { method })
    expect([response.status, await response.json()]).toEqual([404, { error: 'not_found' }])
  })

  test('takes no body over 1 MiB', async () => {
    await using it = listen()
    const response = await fetch(`${it.server.url}health`, { method: 'POST', body: 'x'.repeat(1024 * 1024 + 1) })
    expect(response.status).toBeGreaterThanOrEqual(400)
  })

  test('on a port in use, or an address that is not this machine’s, says what to change', async () => {
    await using it = listen()
    const port = Number(new URL(it.server.url).port)
    expect(() => startPublicServer({ host: '127.0.0.1', port })).toThrow(
      expect.objectContaining({ code: 'PORT_IN_USE', hint: expect.stringContaining('PLAITED_PORT') }),
    )
    expect(() => startPublicServer({ host: '192.0.2.1', port: 0 })).toThrow(
      expect.objectContaining({ code: 'CONFIG_INVALID', hint: expect.stringContaining('PLAITED_HOST') }),
    )
  })
})
