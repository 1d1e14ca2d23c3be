import type { CallExpression, Expression, Node, Property } from 'acorn'
import { compileListeners } from './compile-listener.ts'
import type { Compiler, Names } from './compiled.ts'
import { SYNCS_MAX } from './limits.ts'
import { refuse } from './refusal.ts'
import type { RuleSync } from './rule.types.ts'

const FORM = 'write bThread([bSync({ block: ... })], true)'

/** What would weaken the rules that are already there, and why. */
const REFUSED_IDIOMS: ReadonlyMap<string, string> = new Map([
  ['request', 'a rule that requests an event could let another rule continue, and so allow what was blocked'],
  ['interrupt', 'a rule that can be interrupted ends, and what it blocked would be allowed'],
])

/**
 * Compiles `bThread([bSync({ waitFor?, block? }), ...], true)`: one sync is a rule that always holds, several are a
 * sequence that stands at one of them and moves on when an event happens that it waits for.
 */
export const compileRule = (compiler: Compiler, node: Expression, names: Names): readonly RuleSync[] => {
  const [syncs, repeat, ...rest] = callOf(node, { name: 'bThread', names })
  if (rest.length > 0) refuse(node, '`bThread` takes two values', FORM)
  if (repeat?.type !== 'Literal' || repeat.value !== true) {
    const message = 'a rule must repeat forever: without `true` it would block once and then allow everything'
    refuse(repeat ?? node, message, 'end with `], true)`')
  }
  if (syncs?.type !== 'ArrayExpression') return refuse(syncs ?? node, '`bThread` takes a list of `bSync`', FORM)
  if (syncs.elements.length > SYNCS_MAX) refuse(syncs, `a sequence of more than ${SYNCS_MAX} \`bSync\``, 'shorten it')
  const compiled = syncs.elements.map((sync) => compileSync(compiler, sync ?? syncs, names))
  if (!compiled.some(({ block }) => block.length > 0)) refuse(syncs, 'a rule without `block` blocks nothing', FORM)
  const stuck = compiled.slice(0, -1).findIndex(({ waitFor }) => waitFor.length === 0)
  if (stuck >= 0) {
    const message = 'this `bSync` waits for nothing, so the ones after it are never reached'
    refuse(syncs.elements[stuck] ?? syncs, message, 'add `waitFor`, or write each `bSync` as a rule of its own')
  }
  return compiled
}

const compileSync = (compiler: Compiler, node: Node, names: Names): RuleSync => {
  const [idioms, ...rest] = callOf(node, { name: 'bSync', names })
  if (idioms?.type !== 'ObjectExpression' || rest.length > 0) return refuse(node, '`bSync` takes one object', FORM)
  const given = new Map<string, Property>()
  for (const property of idioms.properties) {
    const name = nameOf(property)
    const reason = REFUSED_IDIOMS.get(name)
    if (reason !== undefined) refuse(property, `\`${name}\` is not allowed: ${reason}`, 'use `block`')
    if (given.has(name)) refuse(property, `\`${name}\` stands there twice`, 'use a list: [first, second]')
    if (name !== 'block' && name !== 'waitFor') refuse(property, `a rule has no \`${name}\``, 'use `block`, `waitFor`')
    given.set(name, property as Property)
  }
  const listenersOf = (position: 'block' | 'waitFor') => {
    const property = given.get(position)
    return property ? compileListeners(compiler, property.value, { position, names }) : []
  }
  if (given.size === 0) refuse(idioms, 'a `bSync` without `block` and `waitFor` does nothing', FORM)
  return { waitFor: listenersOf('waitFor'), block: listenersOf('block') }
}

const nameOf = (property: { readonly type: string; readonly key?: Expression | Node }): string => {
  const { key } = property
  if (key && 'name' in key && typeof key.name === 'string') return key.name
  return key && 'value' in key ? String(key.value) : property.type
}

const callOf = (
  node: Node,
  { name, names }: { readonly name: 'bThread' | 'bSync'; readonly names: Names },
): CallExpression['arguments'] => {
  if (!isCall(node) || node.callee.type !== 'Identifier' || node.callee.name !== name) {
    return refuse(node, `this is not a call of \`${name}\``, FORM)
  }
  if (names.get(name)?.kind !== 'import') {
    refuse(node.callee, `\`${name}\` is not imported`, `write import { bThread, bSync, on } from 'plaited'`)
  }
  return node.arguments
}

const isCall = (node: Node): node is CallExpression => node.type === 'CallExpression'
