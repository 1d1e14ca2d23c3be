import { describe, expect, test } from 'bun:test'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { z } from 'zod'
import type { ChannelEnvironment, ChannelFactory } from '../channels/channels.types.ts'
import { parseSettings, registerChannel } from '../channels/register-channel.ts'
import { readConfig } from '../config.ts'
import { openChannels, requireChannels } from '../open-channels.ts'
import { createTestChannel } from './conversation-fixture.ts'

const PASSWORD = 'correct-horse-battery'

/** The configuration of an empty home, with the adapters' part given. */
const settingsOf = (
  channels: readonly string[],
  given: Readonly<Record<string, string>>,
  secret: Readonly<Record<string, string>> = {},
) => {
  const home = mkdtempSync(join(tmpdir(), 'plaited-channels-'))
  try {
    const { config, secrets } = readConfig({ home }, {})
    return {
      config: { ...config, channels, channelSettings: given },
      secrets: { ...secrets, channelSettings: secret },
    }
  } finally {
    rmSync(home, { recursive: true, force: true })
  }
}

const adapter = (name: string, factory: ChannelFactory) => {
  const loads: string[] = []
  const registration = registerChannel(name, {
    settings: {
      [`${name.toUpperCase()}_NAME`]: { describe: 'its name' },
      [`${name.toUpperCase()}_PASSWORD`]: { describe: 'p', secret: true },
    },
    load: async () => {
      loads.push(name)
      return factory
    },
  })
  return { registration, loads }
}

const schema = z.object({
  LETTERS_NAME: z.string().regex(/^[a-z]+$/, 'must be in small letters'),
  LETTERS_PASSWORD: z.string(),
})

const letters: ChannelFactory = ({ settings }) => {
  const parsed = parseSettings(schema, settings)
  return 'missing' in parsed ? parsed : createTestChannel('letters')
}

const ports = {
  memory: { get: (channel: string, key: string) => `${channel}/${key}`, set: () => {} },
  links: {
    add: () => {},
    remove: () => true,
    list: () => [
      { channel: 'other', senderId: 'x', at: 1 },
      { channel: 'letters', senderId: 'y', at: 1 },
    ],
  },
  announce: () => {},
}

describe('adapters', () => {
  test('are loaded only when they are named', async () => {
    const first = adapter('letters', () => createTestChannel('letters'))
    const second = adapter('pigeons', () => createTestChannel('pigeons'))
    const table = [first.registration, second.registration]
    expect(await openChannels(settingsOf([], {}), ports, table)).toEqual([])
    expect([...first.loads, ...second.loads]).toEqual([])
    const opened = await requireChannels(settingsOf(['pigeons'], {}), ports, table)
    expect(opened.map(({ name }) => name)).toEqual(['pigeons'])
    expect([...first.loads, ...second.loads]).toEqual(['pigeons'])
  })

  test('say of each variable what is missing or wrong, and never its value', async () => {
    const { registration } = adapter('letters', letters)
    const settings = settingsOf(['letters'], { LETTERS_NAME: PASSWORD })
    const opened = await openChannels(settings, ports, [registration])
    expect(opened).toEqual([
      { name: 'letters', missing: ['LETTERS_NAME must be in small letters', 'LETTERS_PASSWORD is not set'] },
    ])
    const fault = await requireChannels(settings, ports, [registration]).catch((error: unknown) => error)
    expect(fault).toMatchObject({
      code: 'CONFIG_INVALID',
      message: expect.stringContaining('LETTERS_PASSWORD is not set'),
    })
    expect(String(fault)).not.toContain(PASSWORD)
  })

  test('get their own variables, memory and links, and nobody else’s', async () => {
    const given: ChannelEnvironment[] = []
    const { registration } = adapter('letters', (own) => {
      given.push(own)
      return createTestChannel('letters')
    })
    const settings = settingsOf(
      ['letters'],
      { LETTERS_NAME: 'a', PIGEONS_NAME: 'b' },
      { LETTERS_PASSWORD: PASSWORD, PIGEONS_PASSWORD: 'c' },
    )
    await openChannels(settings, ports, [registration])
    const [environment] = given
    expect(environment?.settings).toEqual({ LETTERS_NAME: 'a', LETTERS_PASSWORD: PASSWORD })
    expect(environment?.store.get('session')).toBe('letters/session')
    expect(environment?.links.list()).toEqual(['y'])
  })
})
