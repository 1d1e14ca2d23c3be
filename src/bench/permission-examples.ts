/** One ordinary event of every permission type, and a rule of its kind that does not block it. */
import type { PermissionQuestion } from '../agent/tools/tool.types.ts'

export type PermissionExample = PermissionQuestion & {
  /** The body of the nth rule's predicate, in the rule language. */
  readonly predicate: (n: number) => string
}

export const FILE_WRITE: PermissionExample = {
  type: 'permission:file:write',
  input: { path: 'notes/plan.md', bytes: 1200 },
  predicate: (n) => `detail.path.startsWith('/workspace/closed-${n}/')`,
}

export const PERMISSION_EXAMPLES: readonly PermissionExample[] = [
  FILE_WRITE,
  {
    type: 'permission:file:read',
    input: { path: 'notes/plan.md' },
    predicate: (n) => `detail.path.endsWith('.secret-${n}')`,
  },
  {
    type: 'permission:bash:exec',
    input: { cmd: 'git log --oneline | head' },
    predicate: (n) => `detail.programs.includes('program-${n}')`,
  },
  {
    type: 'permission:net:fetch',
    input: { url: 'https://example.org/documents' },
    predicate: (n) => `detail.host === 'host-${n}.example'`,
  },
  {
    type: 'permission:llm:call',
    input: { provider: 'anthropic', model: 'sonnet', estTokens: 3000 },
    predicate: (n) => `detail.estTokens > ${100_000 + n}`,
  },
  {
    type: 'permission:payment:send',
    input: { amountMicros: 1_500_000, payTo: 'bob' },
    predicate: (n) => `detail.amountMicros > ${100_000_000 + n}`,
  },
  {
    type: 'permission:a2a:send',
    input: { peer: 'did:plc:friend' },
    predicate: (n) => `detail.peer === 'did:plc:stranger-${n}'`,
  },
  {
    type: 'permission:a2a:accept',
    input: { peer: 'did:plc:friend' },
    predicate: (n) => `detail.paid && detail.peer === 'did:plc:stranger-${n}'`,
  },
  {
    type: 'permission:channel:send',
    input: { channel: 'cli', recipient: 'owner', isOwner: true },
    predicate: (n) => `!detail.isOwner && detail.recipient === 'person-${n}'`,
  },
  {
    type: 'permission:memory:write',
    input: { scope: 'owner', key: 'tea' },
    predicate: (n) => `detail.key.startsWith('key-${n}-')`,
  },
  {
    type: 'permission:memory:read',
    input: { query: 'which tea' },
    predicate: (n) => `detail.query.includes('word-${n}')`,
  },
  {
    type: 'permission:module:publish',
    input: { module: 'notes', version: '1.0.0', visibility: 'private' },
    predicate: (n) => `detail.module === 'module-${n}'`,
  },
  {
    type: 'permission:module:install',
    input: { source: 'https://example.org/module' },
    predicate: (n) => `detail.source.startsWith('https://host-${n}.example/')`,
  },
  {
    type: 'permission:constraint:add',
    input: { name: 'no-payments', source: 'owner' },
    predicate: (n) => `detail.source === 'agent' && detail.name === 'rule-${n}'`,
  },
  {
    type: 'permission:secret:use',
    input: { name: 'API_KEY', for: 'fetch' },
    predicate: (n) => `detail.name === 'SECRET_${n}'`,
  },
  {
    type: 'permission:git:push',
    input: { remote: 'origin' },
    predicate: (n) => `detail.force || detail.remote === 'remote-${n}'`,
  },
  {
    type: 'permission:schedule:add',
    input: { cron: '0 8 * * *' },
    predicate: (n) => `detail.cron === '${n} * * * *'`,
  },
  {
    type: 'permission:ssh:cert',
    input: { principal: 'owner', ttl: 3600 },
    predicate: (n) => `detail.ttl > ${86_400 + n}`,
  },
  {
    type: 'permission:skill:load',
    input: { name: 'standards' },
    predicate: (n) => `detail.name === 'skill-${n}'`,
  },
  {
    type: 'permission:agent:spawn',
    input: { tools: ['read'], budget: 1000 },
    predicate: (n) => `detail.budget > ${1_000_000 + n}`,
  },
]
