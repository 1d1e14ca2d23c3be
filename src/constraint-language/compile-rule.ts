import type { CallExpression, Expression, Node, Property } from 'acorn'
import { compileListeners } from './compile-listener.ts'
import type { Compiler, Names } from './compiled.ts'
import { refuse } from './refusal.ts'
import type { RuleSync } from './rule.types.ts'

const FORM = 'write bThread([bSync({ block: ... })], true)'

/** What would weaken the rules that are already there, and why. */
const REFUSED_IDIOMS: ReadonlyMap<string, string> = new Map([
  ['request', 'a rule that requests an event could let another rule continue, and so allow what was blocked'],
  ['interrupt', 'a rule that can be interrupted ends, and what it blocked would be allowed'],
])

/** Compiles `bThread([bSync({ waitFor?, block })], true)`. */
export const compileRule = (compiler: Compiler, node: Expression, names: Names): RuleSync => {
  const [syncs, repeat, ...rest] = callOf(node, { name: 'bThread', names })
  if (rest.length > 0) refuse(node, '`bThread` takes two values', FORM)
  if (repeat?.type !== 'Literal' || repeat.value !== true) {
    const message = 'a rule must repeat forever: without `true` it would block once and then allow everything'
    refuse(repeat ?? node, message, 'end with `], true)`')
  }
  if (syncs?.type !== 'ArrayExpression') return refuse(syncs ?? node, '`bThread` takes a list of `bSync`', FORM)
  const [sync, ...later] = syncs.elements
  if (sync === undefined) return refuse(syncs, 'a rule without a `bSync` blocks nothing', FORM)
  if (later.length > 0) {
    refuse(later[0] ?? syncs, 'sequences of several `bSync` come later', 'write one `bSync`, or one rule for each')
  }
  return compileSync(compiler, sync ?? syncs, names)
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
  const block = given.get('block')
  const waitFor = given.get('waitFor')
  if (block === undefined) return refuse(idioms, 'a rule without `block` blocks nothing', FORM)
  return {
    waitFor: waitFor ? compileListeners(compiler, waitFor.value, { position: 'waitFor', names }) : [],
    block: compileListeners(compiler, block.value, { position: 'block', names }),
  }
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
