/**
 * The architecture as data: who may import whom, where each package lives, which file alone may do what. A folder, package
 * or built-in module that no row names is a failure, so that the tables stay complete. test/tidy.test.ts holds them true.
 */

const ANYTHING = ['*']

/**
 * What the files below a path may import of ours, besides each other. The longest path that fits a file is its row, on
 * both sides: 'src/agent' stands for the files of that row only, not for those of 'src/agent/sandbox'.
 */
export const MAY_IMPORT: Readonly<Record<string, readonly string[]>> = {
  'src/utils': [],
  'src/behavioral': [],
  // One list of the characters that deceive, for what a rule may hold and for what is shown.
  'src/constraint-language': ['src/utils/escape-unsafe-characters.ts', 'src/utils/unsafe-characters.ts'],
  // What judges a rule for the agent and for the keeper alike: it knows the vocabulary of the gate, nothing of the loop.
  'src/constraint-spec': [
    'src/agent/permission-event.ts',
    'src/agent/permission-fields.ts',
    'src/agent/permission-vocabulary.ts',
    'src/constraint-language',
    'src/utils',
  ],
  'src/constraint-acceptance': [
    'src/agent/lifecycle-vocabulary.ts',
    'src/agent/permission-event.ts',
    'src/agent/permission-fields.ts',
    'src/agent/permission-vocabulary.ts',
    'src/constraint-language',
    'src/constraint-spec',
    'src/utils',
  ],
  // The signed history of the rules: read by the agent and the keeper alike, grown by the keeper.
  'src/constraint-history': ['src/constraint-spec', 'src/utils'],
  'src/agent': [
    'src/behavioral',
    'src/constraint-acceptance',
    'src/constraint-history',
    'src/constraint-language',
    'src/constraint-spec',
    'src/utils',
    'src/agent/model/model-prices.ts',
    'src/agent/model/model.types.ts',
    'src/agent/sandbox/sandbox.types.ts',
    'src/agent/workspace/own-folders.ts',
    'src/agent/workspace/workspace.types.ts',
    'src/agent/tools',
  ],
  // Tests of the loop run it against the real client and the twin.
  'src/agent/tests': ANYTHING,
  'src/agent/model': ['src/agent/agent.types.ts', 'src/utils'],
  'src/agent/model/tests': ANYTHING,
  // The script proposes rules by the grammar that needs no model.
  'src/agent/model/scripted': ['src/agent/model', 'src/constraint-spec', 'src/utils'],
  'src/agent/sandbox': ['src/agent/agent.types.ts', 'src/utils'],
  'src/agent/tools': ['src/agent', 'src/agent/model/model.types.ts', 'src/constraint-spec', 'src/utils'],
  'src/agent/workspace': ['src/agent/agent.types.ts', 'src/agent/sandbox/sandbox.types.ts', 'src/utils'],
  'src/agent/workspace/isomorphic': [
    'src/agent/sandbox/runtime-files.ts',
    'src/agent/sandbox/sandbox.types.ts',
    'src/agent/workspace',
    'src/agent/workspace/isomorphic/program',
    'src/utils',
  ],
  // Runs in the sandbox, where nothing else of the project is.
  'src/agent/workspace/isomorphic/program': [],
  'src/channels': ['src/agent/agent.types.ts', 'src/agent/outbox.ts', 'src/agent/turn.types.ts', 'src/utils'],
  'src/channels/tests': ANYTHING,
  'src/channels/cli': [
    'src/agent/turn.types.ts',
    'src/channels/channel-error.ts',
    'src/channels/channels.types.ts',
    'src/channels/lay-out-reply.ts',
    'src/channels/owner-gate.ts',
    'src/utils',
  ],
  'src/channels/bluesky': [
    'src/channels/channel-error.ts',
    'src/channels/channels.types.ts',
    'src/channels/register-channel.ts',
    'src/net',
    'src/utils',
  ],
  'src/channels/telegram': [
    'src/channels/channel-error.ts',
    'src/channels/channels.types.ts',
    'src/channels/register-channel.ts',
    'src/net',
    'src/utils',
  ],
  'src/channels/gateway': [
    'src/channels/channel-error.ts',
    'src/channels/channels.types.ts',
    'src/channels/register-channel.ts',
    'src/net',
    'src/utils',
  ],
  'src/server': ['src/agent/agent.types.ts', 'src/channels/channels.types.ts', 'src/operations.ts', 'src/utils'],
  // Judges nothing and knows no agent: what it must know of either is handed in by keeper-parts.ts.
  'src/keeper': ['src/constraint-history', 'src/constraint-language', 'src/utils'],
  'src/net': ['src/utils'],
  'src/home.ts': ['src/utils'],
  // Their names and variables; the code of an adapter is loaded when it is configured.
  'src/config.ts': [
    'src/agent/sandbox/sandbox-limits.ts',
    'src/agent/sandbox/sandbox.types.ts',
    'src/channel-adapters.ts',
    'src/home.ts',
    'src/utils',
  ],
  'src/channel-adapters.ts': [
    'src/channels/bluesky',
    'src/channels/channels.types.ts',
    'src/channels/gateway',
    'src/channels/register-channel.ts',
    'src/channels/telegram',
  ],
  'src/open-channels.ts': ['src/agent', 'src/channel-adapters.ts', 'src/channels', 'src/config.ts', 'src/utils'],
  'src/control-words.ts': ['src/agent', 'src/describe.ts', 'src/operations.ts', 'src/utils'],
  'src/describe.ts': [
    'src/agent',
    'src/agent/workspace/workspace.types.ts',
    'src/conversation.types.ts',
    'src/operations.ts',
    'src/utils',
  ],
  'src/workspace-history.ts': ['src/agent', 'src/agent/workspace/workspace.types.ts', 'src/operations.ts', 'src/utils'],
  'src/freeze.ts': ['src/agent', 'src/utils'],
  'src/conversation.types.ts': ['src/agent', 'src/channels', 'src/control-words.ts', 'src/freeze.ts', 'src/utils'],
  'src/open-turn.ts': ['src/agent', 'src/control-words.ts', 'src/conversation.types.ts'],
  'src/turn-runner.ts': [
    'src/agent',
    'src/channels',
    'src/control-words.ts',
    'src/conversation.types.ts',
    'src/open-turn.ts',
    'src/utils',
  ],
  'src/control-desk.ts': [
    'src/agent',
    'src/control-words.ts',
    'src/conversation.types.ts',
    'src/describe.ts',
    'src/open-turn.ts',
  ],
  'src/turn-lane.ts': [
    'src/agent',
    'src/control-desk.ts',
    'src/control-words.ts',
    'src/conversation.types.ts',
    'src/open-turn.ts',
    'src/turn-runner.ts',
    'src/utils',
  ],
  'src/take-batch.ts': ['src/agent', 'src/announce-link.ts', 'src/channels', 'src/conversation.types.ts'],
  'src/announce-link.ts': ['src/agent', 'src/channels', 'src/conversation.types.ts'],
  'src/announce-rules.ts': ['src/announce-link.ts', 'src/conversation.types.ts', 'src/operations.ts'],
  'src/attachment-keeper.ts': ['src/agent', 'src/channels', 'src/conversation.types.ts'],
  'src/channel-lines.ts': ['src/agent', 'src/channels', 'src/conversation.types.ts', 'src/take-batch.ts'],
  'src/conversation.ts': [
    'src/agent',
    'src/channels',
    'src/channel-lines.ts',
    'src/control-desk.ts',
    'src/conversation.types.ts',
    'src/describe.ts',
    'src/open-turn.ts',
    'src/turn-lane.ts',
    'src/turn-runner.ts',
  ],
  'src/operations.ts': [
    'src/conversation.types.ts',
    'src/agent',
    'src/agent/workspace/workspace.types.ts',
    'src/channels',
    'src/operations.schemas.ts',
    'src/utils',
  ],
  'src/operations.schemas.ts': ['src/agent', 'src/channels/channel-health.ts'],
  'src/node-log.ts': ['src/config.ts', 'src/utils'],
  'src/logged-stores.ts': ['src/agent', 'src/node-log.ts'],
  'src/node-record.ts': [
    'src/agent',
    'src/config.ts',
    'src/freeze.ts',
    'src/node-rules.ts',
    'src/operations.ts',
    'src/reach-keeper.ts',
    'src/utils',
  ],
  'src/plaited.ts': ['src/behavioral'],
  // The composition: the only places that know concrete adapters.
  'src/node.ts': ANYTHING,
  'src/node-operations.ts': ANYTHING,
  'src/parts.ts': ANYTHING,
  'src/node-rules.ts': ANYTHING,
  'src/node-stores.ts': ANYTHING,
  'src/rule-proposals.ts': ANYTHING,
  'src/keeper-main.ts': ANYTHING,
  'src/keeper-parts.ts': ANYTHING,
  'src/reach-keeper.ts': ANYTHING,
  'src/cli.ts': ANYTHING,
  'src/main.ts': ANYTHING,
  'src/commands': ANYTHING,
  'src/bench': ANYTHING,
  'src/tests': ANYTHING,
  'constraints-seed': ['plaited'],
  // Examples for authors, and the other side of them for the suite.
  skills: [
    'src/channels/channel-error.ts',
    'src/channels/channels.types.ts',
    'src/channels/register-channel.ts',
    'src/utils',
    'test',
  ],
  test: ANYTHING,
}

/** The only homes of each package and built-in module. One that has no row is a failure. Tests may use any of them. */
export const PACKAGE_HOMES: Readonly<Record<string, readonly string[]>> = {
  '@anthropic-ai/sdk': ['src/agent/model/anthropic.ts'],
  '@atproto/api': ['src/channels/bluesky/'],
  '@vscode/ripgrep': ['src/agent/sandbox/'],
  acorn: ['src/constraint-language/'],
  'isomorphic-git': ['src/agent/workspace/isomorphic/program/'],
  plaited: ['constraints-seed/'],
  re2js: ['src/constraint-language/'],
  unbash: ['src/agent/shell-command.ts'],
  zod: ANYTHING,
  'bun:ffi': ['src/agent/sandbox/'],
  'bun:sqlite': ['src/agent/lease.ts', 'src/agent/persistence.ts'],
  'node:assert/strict': ANYTHING,
  'node:crypto': ANYTHING,
  'node:dns/promises': ['src/channels/bluesky/'],
  'node:fs': ANYTHING,
  'node:fs/promises': ANYTHING,
  'node:os': ANYTHING,
  'node:path': ANYTHING,
  'node:readline': ['src/commands/'],
  'node:readline/promises': ['src/commands/'],
  'node:util': ANYTHING,
  'node:zlib': ['src/agent/workspace/isomorphic/program/', 'src/constraint-history/'],
  // Only tests: no home in the product.
  'bun:test': [],
  'node:stream': [],
  'fast-check': [],
}

/** Folders that take no other package at all, whatever the table above says. */
export const ONLY_PACKAGES: Readonly<Record<string, readonly string[]>> = {
  'src/behavioral/': [],
  'src/constraint-language/': ['acorn', 're2js'],
  'constraints-seed/': ['plaited'],
}

type Privilege = {
  readonly what: string
  readonly pattern: RegExp
  readonly homes: readonly string[]
  /** Specs and test/ may do it too. */
  readonly tests: boolean
}

/** What only its homes may do; an empty list means nobody. */
export const PRIVILEGES: readonly Privilege[] = [
  {
    what: 'mints OwnerIntent',
    pattern: /\b(?:as|is)\s[^;,()\n]*\bOwnerIntent\b|\bOwnerIntent\s+as\b/,
    homes: ['src/channels/owner-gate.ts'],
    tests: true,
  },
  {
    what: 'mints PermittedCall',
    pattern: /\b(?:as|is)\s[^;,()\n]*\bPermittedCall\b|\bPermittedCall\s+as\b/,
    homes: ['src/agent/constraint-engine.ts'],
    tests: true,
  },
  { what: 'casts a proof away', pattern: /\bas\s+never\b/, homes: [], tests: true },
  {
    what: 'starts a process',
    pattern: /\bBun\.(?:spawn\w*|\$)/,
    homes: ['src/agent/sandbox/', 'src/commands/test.ts', 'src/bench/', 'src/keeper/keeper-client.ts'],
    tests: true,
  },
  {
    what: 'reads the environment',
    pattern: /\b(?:process|Bun|import\.meta)\.env\b/,
    homes: ['src/config.ts', 'src/commands/test.ts'],
    tests: true,
  },
  { what: 'reads the time', pattern: /\bDate\.now\b|\bDate\s*\(/, homes: ['src/utils/clock.ts'], tests: true },
  {
    what: 'runs text as code',
    pattern: /\bBun\.(?:Transpiler|build|plugin)\b|\beval\s*\(|\bFunction\s*\(|\bimport\s*\((?!\s*['"])|\brequire\s*\(/,
    homes: [],
    tests: true,
  },
  {
    // A method named fetch, as Bun.serve takes it, is no call: its parameters are followed by a brace.
    what: 'fetches a URL',
    pattern:
      /(?<![\w.])fetch\((?![^()]*\)(?::[^{=]*)?\s*\{)|\b(?:globalThis|Bun)\.fetch\b|(?:[=:]|\?\?|\|\|)\s*fetch\b(?!\()/,
    homes: ['src/net/safe-fetch.ts', 'src/agent/model/model-transport.ts', 'src/server/control-client.ts'],
    tests: true,
  },
  { what: 'writes to the console', pattern: /\bconsole\s*[.[]/, homes: [], tests: false },
  { what: 'mocks a module', pattern: /\bmock\.module\b/, homes: [], tests: false },
  {
    what: 'skips or narrows tests (use describeWhen of test/helpers.ts, which prints the reason)',
    pattern: /\b(?:test|it|describe)\b[.\w]*\.(?:skip|skipIf|only|todo|todoIf|if|failing)\b/,
    homes: ['test/helpers.ts'],
    tests: false,
  },
]

/** A file beyond this holds more than one responsibility. */
export const FILE_LINES_MAX = 400
/** Half of the files of src are no longer than this, so that each is read in one go. */
export const SOURCE_LINES_MEDIAN_MAX = 130

/** What belongs to one machine or one network, in any file of the project. */
export const FOREIGN_WORDS: readonly RegExp[] = [
  /\/(?:work|farm)\//,
  /registry\.(?:npmjs|npmmirror|yarnpkg)|npm\.pkg\.github|npm\.jsr\.io/,
]
