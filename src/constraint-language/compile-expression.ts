/**
 * Turns a checked syntax tree into nested closures. Rule text is never run: each node becomes one closure of ours over the
 * closures of its parts, and a closure takes the event and returns a value or throws a `RuleFault`.
 *
 * Every expression is compiled for the set of event types that can reach it. `type === 'x' && rest` compiles `rest` for
 * `x` alone, so that fields are checked against the right events, and a type test that is certain costs nothing at run
 * time. There are no variables besides parameters and no recursion, so time is bounded by the size of the text and by what
 * loops and text operations charge to the meter.
 */
import type {
  ArrayExpression,
  ConditionalExpression,
  Expression,
  Identifier,
  Literal,
  ObjectExpression,
  TemplateLiteral,
} from 'acorn'
import { compileCall } from './compile-call.ts'
import { compileMemberExpression } from './compile-member.ts'
import { compileBinary, compileLogical, compileUnary, requireCondition } from './compile-operator.ts'
import { compilePatternLiteral } from './compile-pattern.ts'
import {
  type Budget,
  type Compiled,
  type Compiler,
  createFaultAt,
  Reads,
  type Scope,
  textOf,
  type Vocabulary,
} from './compiled.ts'
import { finish, spendNodes } from './finish.ts'
import { STEPS_MAX } from './limits.ts'
import { refuse } from './refusal.ts'
import {
  arrayOf,
  BOOLEAN,
  describeKinds,
  hasKind,
  Kind,
  NEVER,
  NULL,
  NUMBER,
  objectOf,
  STRING,
  type StaticType,
  stringOf,
  unionOf,
} from './static-type.ts'
import { asPrinted, isTrue, spend } from './values.ts'

/** Compiles what belongs to one `key`; faults at run time carry it. */
export const createCompiler = ({
  source,
  key,
  vocabulary,
  budget,
}: {
  readonly source: string
  readonly key: string
  readonly vocabulary: Vocabulary
  readonly budget: Budget
}): Compiler => {
  const compiler: Compiler = {
    source,
    meter: { left: STEPS_MAX },
    budget,
    vocabulary,
    faultAt: createFaultAt(key),
    compile: (node, scope) => compileExpression(compiler, node, scope),
  }
  return compiler
}

const compileExpression = (compiler: Compiler, node: Expression, scope: Scope): Compiled => {
  spendNodes(compiler, node, 1)
  switch (node.type) {
    case 'Literal':
      return compileLiteral(compiler, node, scope)
    case 'Identifier':
      return compileIdentifier(node, scope)
    case 'TemplateLiteral':
      return compileTemplate(compiler, node, scope)
    case 'ArrayExpression':
      return compileArray(compiler, node, scope)
    case 'ObjectExpression':
      return compileObject(compiler, node, scope)
    case 'UnaryExpression':
      return compileUnary(compiler, node, scope)
    case 'BinaryExpression':
      return compileBinary(compiler, node, scope)
    case 'LogicalExpression':
      return compileLogical(compiler, node, scope)
    case 'ConditionalExpression':
      return compileConditional(compiler, node, scope)
    case 'MemberExpression':
      return compileMemberExpression(compiler, node, scope)
    case 'CallExpression':
      return compileCall(compiler, node, scope)
    default:
      return refuse(node, `\`${textOf(compiler, node)}\` cannot stand here`, 'write a value: a field, literal or call')
  }
}

const compileLiteral = (compiler: Compiler, node: Literal, scope: Scope): Compiled => {
  if (node.regex) return compilePatternLiteral(compiler, node, { regex: node.regex, scope })
  const { value } = node
  return finish(compiler, node, scope, { run: () => value, type: typeOfLiteral(node), reads: Reads.nothing, cost: 1 })
}

const typeOfLiteral = (node: Literal): StaticType => {
  if (typeof node.value === 'string') return stringOf([node.value])
  if (typeof node.value === 'number') return NUMBER
  if (typeof node.value === 'boolean') return BOOLEAN
  return node.value === null ? NULL : refuse(node, 'this literal is not allowed', 'write a string or number')
}

const compileIdentifier = (node: Identifier, scope: Scope): Compiled => {
  const binding = scope.names.get(node.name)
  if (binding?.kind === 'value') return binding.compile(node, scope)
  if (binding?.kind === 'helper') return refuse(node, `\`${node.name}\` is a function`, `call it: ${node.name}(...)`)
  if (binding !== undefined) return refuse(node, `\`${node.name}\` is not a value`, 'use a constant or a field')
  const fix =
    ABSENT_NAMES.get(node.name) ?? `declare it above with \`const\`, or take it from the event: ({ type, detail })`
  return refuse(node, `there is no \`${node.name}\` here`, fix)
}

const ABSENT_NAMES: ReadonlyMap<string, string> = new Map([
  ['undefined', 'compare with === null: absent fields are null, never missing'],
  ['Date', 'use detail.hour and detail.weekday'],
])

const compileTemplate = (compiler: Compiler, node: TemplateLiteral, scope: Scope): Compiled => {
  const values = node.expressions.map((each) => compiler.compile(each, scope))
  for (const [index, { type }] of values.entries()) {
    if (hasKind(type, Kind.string | Kind.number | Kind.boolean | Kind.null)) continue
    refuse(node.expressions[index] ?? node, `${describeKinds(type.kinds)} in a template`, 'put in a string or number')
  }
  const texts = node.quasis.map(({ value }) => value.cooked ?? '')
  const fault = compiler.faultAt(node)
  const { meter } = compiler
  return finish(compiler, node, scope, {
    run: (event) => {
      let text = texts[0] ?? ''
      for (let index = 0; index < values.length; index += 1) {
        const printed = asPrinted(fault, values[index]?.run(event))
        spend(fault, meter, text.length + printed.length)
        text += printed + (texts[index + 1] ?? '')
      }
      return text
    },
    type: values.length === 0 ? stringOf(texts) : STRING,
    ...totalOf(values),
  })
}

const compileArray = (compiler: Compiler, node: ArrayExpression, scope: Scope): Compiled => {
  const elements = node.elements.map((element) =>
    element === null || element.type === 'SpreadElement'
      ? refuse(element ?? node, 'an array with a hole or `...`', 'name each value')
      : compiler.compile(element, scope),
  )
  const runs = elements.map(({ run }) => run)
  return finish(compiler, node, scope, {
    run: (event) => runs.map((run) => run(event)),
    type: arrayOf(elements.map(({ type }) => type).reduce(unionOf, NEVER)),
    ...totalOf(elements),
  })
}

const compileObject = (compiler: Compiler, node: ObjectExpression, scope: Scope): Compiled => {
  const members = new Map<string, Compiled>()
  for (const property of node.properties) {
    if (property.type !== 'Property') return refuse(property, '`...` is not allowed', 'name each value')
    const name = property.key.type === 'Identifier' ? property.key.name : String((property.key as Literal).value)
    if (members.has(name)) refuse(property, `\`${name}\` stands there twice`, 'remove one')
    members.set(name, compiler.compile(property.value, scope))
  }
  const runs = [...members].map(([name, { run }]) => [name, run] as const)
  return finish(compiler, node, scope, {
    run: (event) => Object.fromEntries(runs.map(([name, run]) => [name, run(event)])),
    type: objectOf(new Map([...members].map(([name, { type }]) => [name, type]))),
    ...totalOf([...members.values()]),
  })
}

const compileConditional = (compiler: Compiler, node: ConditionalExpression, scope: Scope): Compiled => {
  const test = compiler.compile(node.test, scope)
  requireCondition(compiler, node.test, test)
  if (test.trueTypes.size === 0 || test.falseTypes.size === 0) {
    return refuse(
      node.test,
      `\`${textOf(compiler, node.test)}\` is always the same here`,
      'keep only the part that counts',
    )
  }
  const yes = compiler.compile(node.consequent, { ...scope, types: test.trueTypes })
  const no = compiler.compile(node.alternate, { ...scope, types: test.falseTypes })
  const fault = compiler.faultAt(node.test)
  const chosen = finish(compiler, node, scope, {
    run: (event) => (isTrue(fault, test.run(event)) ? yes.run(event) : no.run(event)),
    type: unionOf(yes.type, no.type),
    ...totalOf([test, yes, no]),
  })
  return {
    ...chosen,
    trueTypes: yes.trueTypes.union(no.trueTypes),
    falseTypes: yes.falseTypes.union(no.falseTypes),
  }
}

const totalOf = (parts: readonly Compiled[]): Pick<Compiled, 'reads' | 'cost'> => ({
  reads: parts.reduce<number>((reads, part) => reads | part.reads, Reads.nothing),
  cost: parts.reduce((cost, part) => cost + part.cost, 1),
})
