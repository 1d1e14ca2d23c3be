import { describe, expect, test } from 'bun:test'
import { chmodSync, mkdirSync, mkdtempSync, realpathSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { SANDBOX_LIMITS } from '../agent/sandbox/sandbox-limits.ts'
import { type Environment, readConfig } from '../config.ts'
import { NodeError } from '../utils/node-error.ts'

const KEY = 'sk-test-0123456789'

const withHome = <T>(use: (home: string) => T): T => {
  const home = mkdtempSync(join(realpathSync(tmpdir()), 'plaited-config-'))
  try {
    return use(home)
  } finally {
    rmSync(home, { recursive: true, force: true })
  }
}

/** Reads the configuration of a home whose config.env has the given text. */
const read = (environment: Environment, file: string | null = null, mode = 0o600) =>
  withHome((home) => {
    const path = join(home, 'config.env')
    if (file !== null) writeFileSync(path, file)
    if (file !== null) chmodSync(path, mode)
    return readConfig({ home }, environment)
  })

const faultOf = (run: () => unknown): NodeError => {
  try {
    run()
  } catch (error) {
    if (error instanceof NodeError) return error
    throw error
  }
  throw new Error('nothing was refused')
}

describe('the configuration', () => {
  test('names every variable that is wrong, all at once, and never shows a secret', () => {
    const fault = faultOf(() =>
      read({
        PLAITED_PORT: '70000',
        PLAITED_TIMEZONE: 'Mars/Olympus',
        PLAITED_SANDBOX_UID: 'root',
        OWNER_ID: '12345',
        ANTHROPIC_API_KEY: `${KEY} \n`,
        PLAITED_MODEL: 'x'.repeat(5000),
      }),
    )
    expect(fault.code).toBe('CONFIG_INVALID')
    const named = [
      'PLAITED_PORT',
      'PLAITED_TIMEZONE',
      'PLAITED_SANDBOX_UID',
      'OWNER_ID',
      'ANTHROPIC_API_KEY',
      'PLAITED_MODEL',
    ]
    expect(named.filter((name) => !fault.message.includes(name))).toEqual([])
    expect(fault.hint).toContain('config.env')
    expect(`${fault.message}${fault.hint}`).not.toContain(KEY)
  })

  test.each([
    ['PLAITED_PORT', '65536'],
    ['PLAITED_PORT', '-1'],
    ['PLAITED_PORT', '3e3'],
    ['PLAITED_PORT', '0x50'],
    ['PLAITED_PORT', ' '],
    ['PLAITED_PORT', 'http'],
    ['PLAITED_TIMEZONE', 'Berlin'],
    ['PLAITED_CAP_CALL_USD', '-1'],
    ['PLAITED_CAP_TURN_USD', '1,5'],
    ['PLAITED_CAP_DAY_USD', '$5'],
    ['PLAITED_CAP_DAY_USD', '1e3'],
    ['PLAITED_CAP_DAY_USD', '0.0000001'],
    ['PLAITED_CAP_MONTH_USD', 'Infinity'],
    ['PLAITED_CAP_MONTH_USD', '1000000.000001'],
    ['PLAITED_LOG', 'verbose'],
    ['PLAITED_SANDBOX', 'none'],
    ['PLAITED_SANDBOX', 'Full'],
    ['PLAITED_SANDBOX_LIMITS', 'memory=0'],
    ['PLAITED_SANDBOX_LIMITS', 'memory=1TB'],
    ['PLAITED_SANDBOX_LIMITS', 'unlimited'],
    ['PLAITED_SANDBOX_UID', '1000'],
    ['PLAITED_SANDBOX_UID', '-1:0'],
    ['PLAITED_SANDBOX_UID', '0:0'],
    ['PLAITED_SANDBOX_UID', '0:10000'],
    ['PLAITED_SANDBOX_UID', '10001:00'],
    ['ANTHROPIC_API_KEY', `${KEY}\n`],
    ['ANTHROPIC_API_KEY', `two words`],
    ['ANTHROPIC_API_KEY', 'schlüssel'],
    ['OWNER_ID', '12345'],
    ['OWNER_ID', 'me@example.org'],
    ['OWNER_ID', 'github:'],
    ['OWNER_ID', 'GitHub:1'],
    ['OWNER_ID', 'github:1 2'],
    ['OWNER_ID', ':1'],
    ['CHANNEL_PROVIDER', 'pigeon'],
    ['CHANNEL_PROVIDER', 'cli,constructor'],
  ])('refuses %s=%p and names it alone', (name, value) => {
    const fault = faultOf(() => read({ [name]: value }))
    expect(fault.code).toBe('CONFIG_INVALID')
    expect(fault.message.split(/[ ;]/, 1)).toEqual([name])
  })

  test('keeps the sandbox full and its limits as they are, unless the owner says otherwise', () => {
    expect(read({}).config).toMatchObject({ sandboxMode: 'full', sandboxLimits: SANDBOX_LIMITS })
    const given = { PLAITED_SANDBOX: 'shared-proc', PLAITED_SANDBOX_LIMITS: 'wall=1m' }
    expect(read(given).config).toMatchObject({
      sandboxMode: 'shared-proc',
      sandboxLimits: { ...SANDBOX_LIMITS, wallMsMax: 60_000 },
    })
  })

  test('says in which form an owner is named', () => {
    expect(faultOf(() => read({ OWNER_ID: 'me@example.org' })).message).toContain('atproto:did:... or github:123')
    expect(faultOf(() => read({ OWNER_ID: '123' })).message).toContain('github:123 or telegram:123')
    expect(read({ OWNER_ID: 'github:123' }).config.ownerId).toBe('github:123')
    expect(read({ OWNER_ID: 'did:plc:abc' }).config.ownerId).toBe('atproto:did:plc:abc')
    expect(read({ OWNER_ID: 'atproto:did:plc:abc' }).config.ownerId).toBe('atproto:did:plc:abc')
  })

  test('has a default for everything but the owner and the key, and an empty variable is none', () => {
    const { config, secrets } = read({ PLAITED_PORT: '', PLAITED_TIMEZONE: '', OWNER_ID: '', ANTHROPIC_API_KEY: '' })
    expect(config).toMatchObject({ port: 3000, host: '127.0.0.1', timezone: 'UTC', ownerId: null, model: null })
    expect(secrets).toEqual({ anthropicApiKey: null, channelSettings: {} })
    expect(config).toMatchObject({ channels: [], channelSettings: {} })
  })

  test('takes the local channel, which is always there, as none', () => {
    expect(read({ CHANNEL_PROVIDER: ' cli, ,cli' }).config.channels).toEqual([])
  })

  test('asks a model only when there is a key, and keeps the key apart', () => {
    const { config, secrets } = read({ ANTHROPIC_API_KEY: KEY, PLAITED_MODEL: 'anthropic:claude-test' })
    expect(config.model).toBe('claude-test')
    expect(secrets.anthropicApiKey).toBe(KEY)
    expect(JSON.stringify(config)).not.toContain(KEY)
    expect(read({ ANTHROPIC_API_KEY: KEY, PLAITED_MODEL: 'scripted' }).config.model).toBeNull()
    expect(read({ PLAITED_MODEL: 'claude-test' }).config.model).toBeNull()
  })

  test('caps what is spent, in exact micro-dollars, without any setting too', () => {
    const defaults = { callMicros: 500_000, turnMicros: 1_000_000, dayMicros: 5_000_000, monthMicros: 50_000_000 }
    expect(read({}).config.caps).toEqual(defaults)
    const environment = { PLAITED_CAP_DAY_USD: '0.01', PLAITED_CAP_CALL_USD: '0' }
    expect(read(environment, 'PLAITED_CAP_MONTH_USD=12.000001\n').config.caps).toEqual({
      ...{ ...defaults, callMicros: 0, dayMicros: 10_000, monthMicros: 12_000_001 },
    })
  })

  test('ignores variables that are not its own', () => {
    expect(read({ ANTHROPIC_BASE_URL: 'http://127.0.0.1:1', PLAITED_TYPO: 'x', PORT: '80' }).config.port).toBe(3000)
  })
})

describe('config.env', () => {
  test('sets what the environment does not, and the environment wins', () => {
    const file = '# mine\n\nPLAITED_PORT=4000\r\nPLAITED_TIMEZONE="Europe/Berlin"\nOWNER_ID=\'github:1\'\n'
    expect(read({ PLAITED_PORT: '5000' }, file).config).toMatchObject({
      port: 5000,
      timezone: 'Europe/Berlin',
      ownerId: 'github:1',
    })
  })

  test.each([0o640, 0o604, 0o644, 0o660, 0o666, 0o610])(
    'that others can reach (mode %d) is refused, with the mend',
    (mode) => {
      const fault = faultOf(() => read({}, 'PLAITED_PORT=4000\n', mode))
      expect(fault).toMatchObject({
        code: 'CONFIG_INVALID',
        hint: expect.stringMatching(/^run: chmod 600 .*config\.env$/),
      })
    },
  )

  test.each([
    ['an unknown key', 'PLAITED_PROT=1', 'line 1: PLAITED_PROT is not a setting'],
    ['a key of Object', '\n__PROTO__=1', 'line 2'],
    ['a line that is none', 'PLAITED_PORT=1\nPLAITED_PORT 2', 'line 2 is not NAME=value'],
    ['an exported line', 'export PLAITED_PORT=1', 'line 1 is not NAME=value'],
    ['the home itself', 'PLAITED_HOME=/tmp/other', 'PLAITED_HOME cannot be set in the home'],
    ['more than 64 KiB', `# ${'x'.repeat(70_000)}`, 'bytes'],
    ['a wrong value', 'PLAITED_PORT=seven', 'PLAITED_PORT must be a port number'],
  ])('with %s is refused', (_, file, words) => {
    const fault = faultOf(() => read({}, file))
    expect(fault.code).toBe('CONFIG_INVALID')
    expect(fault.message).toContain(words)
  })
})

describe('the home', () => {
  const rootOf = (home: string | undefined, environment: Environment) =>
    readConfig({ home }, environment).config.home.root

  test('is what --home says, else PLAITED_HOME, else the default of the user', () => {
    withHome((one) =>
      withHome((two) => {
        expect(rootOf(one, { PLAITED_HOME: two })).toBe(one)
        expect(rootOf(undefined, { PLAITED_HOME: two })).toBe(two)
        expect(rootOf(undefined, {})).toMatch(process.getuid?.() === 0 ? /^\/var\/lib\/plaited$/ : /\/\.plaited$/)
      }),
    )
  })

  test('that is relative lies below the folder of the caller, whatever the launcher changed to', () => {
    withHome((folder) => {
      expect(rootOf('mine', { PLAITED_CALLER_CWD: folder })).toBe(join(folder, 'mine'))
      expect(rootOf(undefined, { PLAITED_CALLER_CWD: folder, PLAITED_HOME: './mine' })).toBe(join(folder, 'mine'))
    })
  })

  test('has one name, whichever link leads to it, also before it exists', () => {
    withHome((folder) => {
      mkdirSync(join(folder, 'real'))
      symlinkSync('real', join(folder, 'link'))
      expect(rootOf(join(folder, 'link'), {})).toBe(join(folder, 'real'))
      expect(rootOf(join(folder, 'link', 'new', 'home'), {})).toBe(join(folder, 'real', 'new', 'home'))
    })
  })

  test('is never the folder of the caller because a variable was empty', () => {
    withHome((folder) => {
      expect(rootOf(undefined, { PLAITED_CALLER_CWD: folder, PLAITED_HOME: '' })).toBe(rootOf(undefined, {}))
      expect(faultOf(() => rootOf('', { PLAITED_CALLER_CWD: folder })).code).toBe('USAGE')
    })
  })
})
