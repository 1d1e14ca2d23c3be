/**
 * The allow-list of syntax. Every node of the tree must be of a listed type and pass that type's check; what is not listed
 * does not exist in the language. The walk keeps its own stack, so that depth is a limit and not a crash. Names, types and
 * meaning are the compiler's.
 */
import type { AnyNode, Node } from 'acorn'
import { isBannedName } from './banned-names.ts'
import { ARRAY_ELEMENTS_MAX, FAULTS_MAX, SYNTAX_DEPTH_MAX, SYNTAX_NODES_MAX } from './limits.ts'
import { positionOf } from './refusal.ts'
import type { RuleFileFault } from './rule.types.ts'
import { REFUSED_NODES, REFUSED_OPERATORS } from './syntax-reasons.ts'

type Reason = readonly [message: string, fix: string]
type NodeOf<Type extends AnyNode['type']> = Extract<AnyNode, { type: Type }>
type Check<Type extends AnyNode['type']> = (node: NodeOf<Type>, source: string) => Reason | null

const LOGICAL_OPERATORS: ReadonlySet<string> = new Set(['&&', '||', '??'])
const BINARY_OPERATORS: ReadonlySet<string> = new Set(['===', '!==', '<', '<=', '>', '>=', '+', '-', '*', '/', '%'])
const UNARY_OPERATORS: ReadonlySet<string> = new Set(['!', '-'])
const PLAIN_NAME = /^[A-Za-z_$][A-Za-z0-9_$]*$/

const anything = (): null => null

const checkOperator = (operator: string, allowed: ReadonlySet<string>): Reason | null =>
  allowed.has(operator)
    ? null
    : [`\`${operator}\` is not part of the language`, REFUSED_OPERATORS[operator] ?? 'write it in another way']

const ALLOWED: { readonly [Type in AnyNode['type']]?: Check<Type> } = {
  Program: anything,
  ImportDeclaration: (node) => {
    if (node.source.value !== 'plaited') {
      return [`an import from ${node.source.raw}`, "rules import only { bThread, bSync, on } from 'plaited'"]
    }
    return node.attributes.length === 0 ? null : ['import attributes', 'remove the `with { }`']
  },
  ImportSpecifier: (node) => {
    const known = node.imported.type === 'Identifier' && ['bThread', 'bSync', 'on'].includes(node.imported.name)
    if (!known) return ["an import that 'plaited' does not have for rules", 'import only bThread, bSync and on']
    return node.imported.start === node.local.start ? null : ['an import under another name', 'remove the `as`']
  },
  ExportNamedDeclaration: (node) =>
    node.declaration?.type === 'VariableDeclaration'
      ? null
      : ['this form of export', 'write `export const name = ...`'],
  VariableDeclaration: (node) => (node.kind === 'const' ? null : [`\`${node.kind}\``, 'use `const`']),
  VariableDeclarator: (node) =>
    node.id.type === 'Identifier' ? null : ['a declaration that takes values apart', 'write `const name = ...`'],
  Identifier: (node, source) => {
    if (isBannedName(node.name)) return [`the name \`${node.name}\``, 'use another name']
    const isPlain = PLAIN_NAME.test(node.name) && source.slice(node.start, node.start + node.name.length) === node.name
    return isPlain ? null : ['a name with escapes or letters beyond ASCII', 'use plain letters, digits, _ and $']
  },
  Literal: (node) => {
    if (typeof node.bigint === 'string') return ['a bigint', 'remove the `n`']
    if (typeof node.value !== 'number' || Math.abs(node.value) <= Number.MAX_SAFE_INTEGER) return null
    return ['a number that is too large to be exact', 'use a smaller number']
  },
  ArrayExpression: (node) => {
    if (node.elements.includes(null)) return ['an array with a hole', 'write an element between the commas']
    return node.elements.length <= ARRAY_ELEMENTS_MAX
      ? null
      : [`an array of more than ${ARRAY_ELEMENTS_MAX} elements`, 'use a pattern, or several rules']
  },
  ObjectExpression: anything,
  ObjectPattern: anything,
  Property: (node) => {
    if (node.kind !== 'init' || node.method) return ['a method, getter or setter', 'write `name: value`']
    if (node.computed) return ['a computed name', 'write the name itself']
    const key = node.key.type === 'Identifier' ? node.key.name : node.key.type === 'Literal' ? node.key.value : null
    if (typeof key !== 'string') return ['a name that is not a word or a string', 'write the name itself']
    return isBannedName(key) ? [`the name \`${key}\``, 'use another name'] : null
  },
  ArrowFunctionExpression: (node) => {
    if (node.async) return ['an async function', 'rules decide at once: remove `async`']
    if (node.expression || node.body.type !== 'BlockStatement') return null
    const [only, ...rest] = node.body.body
    const isReturn = only?.type === 'ReturnStatement' && only.argument && rest.length === 0
    return isReturn ? null : ['a function of several statements', 'write one expression, or a single `return`']
  },
  BlockStatement: anything,
  ReturnStatement: anything,
  CallExpression: (node) => (node.optional ? ['an optional call', 'remove the `?.`'] : null),
  MemberExpression: (node) => {
    if (node.optional) return ['`?.`', 'write `value !== null && value.member`']
    if (node.property.type === 'PrivateIdentifier') return ['a private name', 'use a plain name']
    const isText = node.computed && node.property.type === 'Literal' && typeof node.property.value !== 'number'
    return isText ? ['a member by text', 'write `value.member`; only arrays have `[number]`'] : null
  },
  UnaryExpression: (node) => checkOperator(node.operator === '+' ? 'unary +' : node.operator, UNARY_OPERATORS),
  BinaryExpression: (node) => checkOperator(node.operator, BINARY_OPERATORS),
  LogicalExpression: (node) => checkOperator(node.operator, LOGICAL_OPERATORS),
  ConditionalExpression: anything,
  TemplateLiteral: anything,
  TemplateElement: anything,
}

/** Every fault of the syntax, in the order of the text. */
export const checkSyntax = (program: Node, source: string): RuleFileFault[] => {
  const faults: RuleFileFault[] = []
  const waiting: { node: Node; depth: number }[] = [{ node: program, depth: 0 }]
  let nodes = 0
  for (let next = waiting.pop(); next !== undefined && faults.length < FAULTS_MAX; next = waiting.pop()) {
    const { node, depth } = next
    nodes += 1
    const reason = tooLarge(nodes, depth) ?? reasonAgainst(node, source)
    if (reason !== null) {
      faults.push({ ...positionOf(node), message: `not allowed: ${reason[0]}`, fix: reason[1] })
      if (nodes > SYNTAX_NODES_MAX) break
      continue // what is inside a refused node needs no second reason
    }
    for (const child of childrenOf(node).reverse()) waiting.push({ node: child, depth: depth + 1 })
  }
  return faults
}

const tooLarge = (nodes: number, depth: number): Reason | null => {
  if (nodes > SYNTAX_NODES_MAX) return [`more than ${SYNTAX_NODES_MAX} syntax nodes`, 'split the file']
  return depth > SYNTAX_DEPTH_MAX ? [`nesting deeper than ${SYNTAX_DEPTH_MAX}`, 'name parts with `const`'] : null
}

const reasonAgainst = (node: Node, source: string): Reason | null => {
  const check = Object.hasOwn(ALLOWED, node.type) ? ALLOWED[node.type as AnyNode['type']] : undefined
  if (check === undefined) return REFUSED_NODES[node.type] ?? [`\`${node.type}\``, 'leave it out']
  return (check as (node: Node, source: string) => Reason | null)(node, source)
}

const childrenOf = (node: Node): Node[] => Object.values(node).flat().filter(isNode)

const isNode = (value: unknown): value is Node =>
  typeof value === 'object' && value !== null && 'type' in value && typeof value.type === 'string' && 'start' in value
