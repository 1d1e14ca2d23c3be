import type { ArrowFunctionExpression, Expression, Node, Pattern } from 'acorn'
import { isReservedName } from './banned-names.ts'
import { compileMember } from './compile-member.ts'
import type { Binding, Compiled, Compiler, Names, Scope } from './compiled.ts'
import { CALL_DEPTH_MAX } from './limits.ts'
import { refuse } from './refusal.ts'
import type { StaticType } from './static-type.ts'

/** A value for a parameter, compiled where the parameter is used. */
export type Argument = (scope: Scope) => Compiled

/** Where a running call keeps one parameter. Without recursion no call is ever inside itself, so one cell is enough. */
export type Cell = { value: unknown }

/** The value that a running call keeps in a cell; `own` is the call's bit of `Reads`. */
export const parameterOf =
  (cell: Cell, type: StaticType, own: number): Argument =>
  (scope) => ({
    run: () => cell.value,
    type,
    reads: own,
    cost: 1,
    trueTypes: scope.types,
    falseTypes: scope.types,
    role: null,
  })

/** The function that a callback or listener names: written in place, or a helper declared above. */
export const arrowOf = (
  node: Node,
  scope: Scope,
): { readonly arrow: ArrowFunctionExpression; readonly names: Names } => {
  if (isArrow(node)) return { arrow: node, names: scope.names }
  const binding = isIdentifier(node) ? scope.names.get(node.name) : undefined
  if (binding?.kind === 'helper') return binding
  return refuse(node, 'this is not a function', 'write an arrow function, or name one declared above')
}

/** Compiles a function's result with its parameters bound. */
export const compileBody = (
  compiler: Compiler,
  arrow: ArrowFunctionExpression,
  { args, scope }: { readonly args: readonly Argument[]; readonly scope: Scope },
): Compiled => {
  if (arrow.params.length > args.length) {
    return refuse(arrow, `the function takes ${arrow.params.length} values and gets ${args.length}`, 'pass each one')
  }
  const names = new Map(scope.names)
  for (const [index, argument] of args.entries()) {
    const parameter = arrow.params[index]
    if (parameter !== undefined) bindParameter(compiler, { parameter, argument, names })
  }
  return compiler.compile(resultOf(arrow), { ...scope, names })
}

const bindParameter = (
  compiler: Compiler,
  {
    parameter,
    argument,
    names,
  }: { readonly parameter: Pattern; readonly argument: Argument; readonly names: Map<string, Binding> },
): void => {
  if (parameter.type === 'Identifier') {
    declare(names, parameter, { kind: 'value', compile: (_, scope) => argument(scope) })
    return
  }
  if (parameter.type !== 'ObjectPattern') {
    refuse(parameter, 'this kind of parameter is not part of the language', 'write `event` or `({ type, detail })`')
    return
  }
  for (const property of parameter.properties) {
    if (property.type !== 'Property' || property.value.type !== 'Identifier' || property.key.type !== 'Identifier') {
      refuse(
        property,
        'a parameter is taken apart more than once',
        'write `({ type, detail })` and read `detail.field`',
      )
      return
    }
    const { name } = property.key
    declare(names, property.value, {
      kind: 'value',
      compile: (node, scope) => compileMember(compiler, node, { object: argument(scope), name, scope }),
    })
  }
}

/** Adds a name that means nothing else yet: a rule is read by people, so nothing may be hidden or redefined. */
export const declare = (names: Map<string, Binding>, identifier: Node & { name: string }, binding: Binding): void => {
  const { name } = identifier
  if (isReservedName(name)) refuse(identifier, `\`${name}\` already has a meaning`, 'use another name')
  if (names.has(name)) refuse(identifier, `\`${name}\` hides another \`${name}\``, 'use another name')
  names.set(name, binding)
}

/** The depth inside one more call. */
export const deeper = (node: Node, { depth }: Scope): number =>
  depth < CALL_DEPTH_MAX
    ? depth + 1
    : refuse(node, `more than ${CALL_DEPTH_MAX} calls inside one another`, 'use fewer helpers and callbacks')

const resultOf = (arrow: ArrowFunctionExpression): Expression => {
  if (arrow.body.type !== 'BlockStatement') return arrow.body
  const [only] = arrow.body.body
  const result = only?.type === 'ReturnStatement' ? only.argument : null
  return result ?? refuse(arrow, 'a function of several statements', 'write one expression, or a single `return`')
}

const isArrow = (node: Node): node is ArrowFunctionExpression => node.type === 'ArrowFunctionExpression'
const isIdentifier = (node: Node): node is Node & { name: string } => node.type === 'Identifier' && 'name' in node
