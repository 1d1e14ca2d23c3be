import { describe, expect, test } from 'bun:test'
import { type Lookup, resolveAccount } from '../resolve-account.ts'

const DID = 'did:plc:aaaaaaaaaaaaaaaaaaaaaaaa'
const HANDLE = 'agent.example.com'
const PDS = 'https://pds.example.com'

const documentOf = (changes: Readonly<Record<string, unknown>> = {}) => ({
  id: DID,
  alsoKnownAs: [`at://${HANDLE}`],
  service: [{ id: '#atproto_pds', type: 'AtprotoPersonalDataServer', serviceEndpoint: PDS }],
  ...changes,
})

/** A world in which these addresses answer. */
const createLookup = (
  answers: Readonly<Record<string, unknown>>,
  txt: readonly string[] = [],
): { readonly lookup: Lookup; readonly asked: string[] } => {
  const asked: string[] = []
  return {
    asked,
    lookup: {
      resolveTxt: async (name) => {
        asked.push(name)
        if (txt.length === 0) throw new Error('ENOTFOUND')
        return txt.map((text) => [text.slice(0, 5), text.slice(5)])
      },
      fetch: async (url) => {
        asked.push(url)
        const answer = answers[url]
        if (answer === undefined) return new Response('', { status: 404 })
        return typeof answer === 'string' ? new Response(answer) : Response.json(answer)
      },
    },
  }
}

const IN_DIRECTORY = `https://plc.directory/${DID}`
const WELL_KNOWN = `https://${HANDLE}/.well-known/atproto-did`

describe('an account', () => {
  test('is found by DNS', async () => {
    const { lookup, asked } = createLookup({ [IN_DIRECTORY]: documentOf() }, ['v=spf1 -all', `did=${DID}`])
    expect(await resolveAccount(HANDLE, lookup)).toEqual({ identifier: DID, pdsUrl: PDS })
    expect(asked).toEqual([`_atproto.${HANDLE}`, IN_DIRECTORY])
  })

  test('is found by the web server of its handle', async () => {
    const { lookup } = createLookup({ [WELL_KNOWN]: `${DID}\n`, [IN_DIRECTORY]: documentOf() })
    expect(await resolveAccount(HANDLE, lookup)).toEqual({ identifier: DID, pdsUrl: PDS })
  })

  test('is found by its DID, of the directory or of the web', async () => {
    const web = 'did:web:agent.example.com'
    const { lookup, asked } = createLookup({
      [IN_DIRECTORY]: documentOf(),
      [`https://${HANDLE}/.well-known/did.json`]: documentOf({ id: web }),
    })
    expect(await resolveAccount(DID, lookup)).toEqual({ identifier: DID, pdsUrl: PDS })
    expect(await resolveAccount(web, lookup)).toEqual({ identifier: web, pdsUrl: PDS })
    expect(asked).not.toContain(`_atproto.${DID}`)
  })

  test.each([
    ['a handle that nobody has', {}, []],
    [
      'a handle that its account does not know',
      { [IN_DIRECTORY]: documentOf({ alsoKnownAs: ['at://else.example.com'] }) },
      [`did=${DID}`],
    ],
    [
      'two accounts for one handle',
      { [IN_DIRECTORY]: documentOf() },
      [`did=${DID}`, 'did=did:plc:bbbbbbbbbbbbbbbbbbbbbbbb'],
    ],
    [
      'the document of another account',
      { [IN_DIRECTORY]: documentOf({ id: 'did:plc:bbbbbbbbbbbbbbbbbbbbbbbb' }) },
      [`did=${DID}`],
    ],
    ['a document without a server', { [IN_DIRECTORY]: documentOf({ service: [] }) }, [`did=${DID}`]],
    ['a handle that points to no DID', { [WELL_KNOWN]: '<html>' }, []],
  ])('is not found with %s, and the owner learns which variable to look at', async (_, answers, txt) => {
    const { lookup } = createLookup(answers, txt)
    const found = resolveAccount(HANDLE, lookup)
    await expect(found).rejects.toMatchObject({
      fault: 'auth-failed',
      hint: expect.stringContaining('BSKY_CHAT_HANDLE'),
    })
  })

  test('of a directory that talks nonsense is asked for again later', async () => {
    const { lookup } = createLookup({ [IN_DIRECTORY]: '<html>busy' })
    await expect(resolveAccount(DID, lookup)).rejects.toMatchObject({ fault: 'unreachable', mayHaveArrived: false })
  })
})
