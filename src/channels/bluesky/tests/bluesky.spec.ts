import { describe, expect, test } from 'bun:test'
import type { ChannelEnvironment } from '../../channels.types.ts'
import { createBlueskyChannel } from '../bluesky.ts'

const GOOD = { BSKY_CHAT_HANDLE: 'agent.bsky.social', BSKY_CHAT_APP_PASSWORD: 'abcd-efgh-ijkl-mnop' }
const OWNER = 'atproto:did:plc:aaaaaaaaaaaaaaaaaaaaaaaa'

const never = () => {
  throw new Error('making a channel touches nothing')
}

const make = (settings: Readonly<Record<string, string>>, ownerId: string | null = OWNER) => {
  const environment: ChannelEnvironment = {
    ...{ settings, ownerId, announce: never, clock: { now: () => 0 }, timing: { random: () => 0, wait: never } },
    ...{ store: { get: never, set: never }, links: { add: never, remove: never, list: never } },
  }
  return createBlueskyChannel(environment)
}

const missing = (settings: Readonly<Record<string, string>>, ownerId?: string | null) => {
  const made = make(settings, ownerId)
  return 'missing' in made ? made.missing : null
}

describe('the settings of Bluesky', () => {
  test('make a channel without a look at network or state', () => {
    expect(make(GOOD)).toMatchObject({ name: 'bluesky', capabilities: { graphemesMax: 1000, bytesMax: 10_000 } })
  })

  test('that are missing are all named at once', () => {
    expect(missing({}, null)).toEqual([
      'BSKY_CHAT_HANDLE is not set',
      'BSKY_CHAT_APP_PASSWORD is not set',
      expect.stringContaining('OWNER_ID must be the DID'),
    ])
  })

  test('take a handle in any letters, as its document writes it', () => {
    const made = make({ ...GOOD, BSKY_CHAT_HANDLE: 'Agent.Bsky.Social' })
    expect('missing' in made ? made : made.identity()).toEqual({ id: 'agent.bsky.social' })
  })

  test.each([
    ['BSKY_CHAT_HANDLE', '@agent.bsky.social'],
    ['BSKY_CHAT_HANDLE', 'my_agent'],
    ['BSKY_CHAT_HANDLE', 'did:web:no_host'],
    ['BSKY_CHAT_APP_PASSWORD', 'abcd efgh'],
    ['BSKY_CHAT_SERVICE', 'api.bsky.chat'],
    ['BSKY_PDS_URL', 'http://pds.example.com'],
    ['BSKY_PDS_URL', 'https://pds.example.com/xrpc'],
    ['BSKY_PDS_URL', 'http://localhost.example.com'],
  ])('%s of %p is refused without being repeated', (name, value) => {
    const [sentence = '', ...others] = missing({ ...GOOD, [name]: value }) ?? []
    expect(others).toEqual([])
    expect(sentence).toStartWith(`${name} `)
    expect(sentence).not.toContain(value)
  })

  test.each([['github:123'], [null]])('an owner of %p cannot be reached on Bluesky', (ownerId) => {
    expect(missing(GOOD, ownerId)).toHaveLength(1)
  })
})
