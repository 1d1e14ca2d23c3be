import { parseRuleFile } from '../parse-rule-file.ts'
import type { EventFields, FieldTable, Listener, RuleEvent, RuleFileFault } from '../rule.types.ts'

const common: FieldTable = {
  id: 'string',
  hour: 'number',
  taint: { array: 'string' },
  principal: {
    fields: { kind: { oneOf: ['owner', 'peer', 'schedule', 'system'] }, id: 'string', verified: 'boolean' },
  },
  confirmed: { nullable: { fields: { by: 'string', at: 'number' } } },
}

/** A small vocabulary in the shape of the real one. */
export const sampleFields: EventFields = {
  'permission:file:read': { ...common, path: 'string', rel: { nullable: 'string' } },
  'permission:file:write': {
    ...common,
    path: 'string',
    rel: { nullable: 'string' },
    op: { oneOf: ['create', 'edit', 'delete'] },
    bytes: { nullable: 'number' },
    exec: 'boolean',
  },
  'permission:bash:exec': {
    ...common,
    cmd: 'string',
    commands: { array: { fields: { argv: { array: { nullable: 'string' } }, dynamic: 'boolean' } } },
    programs: { array: 'string' },
  },
  'permission:payment:send': { ...common, amount: 'string', amountMicros: 'number', currency: 'string' },
  'turn:start': { id: 'string' },
}

const commonDetail = {
  id: 'e1',
  hour: 12,
  taint: ['owner', 'web:example.com'],
  principal: { kind: 'owner', id: 'did:x', verified: true },
  confirmed: null,
}

/** An event of each kind, with fields replaced. */
export const writeOf = (path: string, more: Record<string, unknown> = {}): RuleEvent => ({
  type: 'permission:file:write',
  detail: {
    ...commonDetail,
    path,
    rel: path.startsWith('/workspace/') ? path.slice('/workspace/'.length) : null,
    op: 'create',
    bytes: 10,
    exec: false,
    ...more,
  },
})
export const bashOf = (cmd: string, more: Record<string, unknown> = {}): RuleEvent => ({
  type: 'permission:bash:exec',
  detail: {
    ...commonDetail,
    cmd,
    commands: [{ argv: cmd.split(' '), dynamic: false }],
    programs: [cmd.split(' ')[0]],
    ...more,
  },
})
export const paymentOf = (amount: unknown): RuleEvent => ({
  type: 'permission:payment:send',
  detail: { ...commonDetail, amount, amountMicros: 6_000_000, currency: 'USD' },
})

/** A whole file around the value of `block`, with constants above. */
export const fileWith = (block: string, constants = ''): string =>
  `import { bThread, bSync, on } from 'plaited'
${constants}
export const rule = bThread([bSync({ block: ${block} })], true)
`

/** The faults of a source; empty when it is accepted. */
export const faultsOf = (source: string): readonly RuleFileFault[] => {
  const parsed = parseRuleFile({ file: 'sample', source, fields: sampleFields })
  return parsed.ok ? [] : parsed.faults
}

/** The only listener of the only rule of a source that must be accepted. */
export const listenerOf = (source: string): Listener => {
  const parsed = parseRuleFile({ file: 'sample', source, fields: sampleFields })
  if (!parsed.ok) throw new Error(JSON.stringify(parsed.faults))
  const listener = parsed.rules[0]?.syncs[0]?.block[0]
  if (listener === undefined) throw new Error('no listener')
  return listener
}

/** The listener of a predicate. */
export const predicate = (block: string, constants = ''): Listener => listenerOf(fileWith(block, constants))
