import type { CallExpression, Expression, Node } from 'acorn'
import { type Argument, type Cell, compileBody, deeper, parameterOf } from './compile-function.ts'
import { compileLoop, LOOP_METHODS } from './compile-loop.ts'
import { requireOverlap } from './compile-operator.ts'
import { compilePatternTest } from './compile-pattern.ts'
import { type Binding, type Compiled, type Compiler, type Evaluate, Reads, type Scope, textOf } from './compiled.ts'
import { finish } from './finish.ts'
import { ARRAY_METHODS, FUNCTIONS, type Operation, STRING_METHODS } from './operations.ts'
import { refuse } from './refusal.ts'
import { describeKinds, hasKind, Kind } from './static-type.ts'
import { spend } from './values.ts'

const KNOWN_FUNCTIONS = [...FUNCTIONS.keys()].join(', ')

export const compileCall = (compiler: Compiler, node: CallExpression, scope: Scope): Compiled => {
  const { callee } = node
  const parameters = node.arguments.map((parameter) =>
    parameter.type === 'SpreadElement' ? refuse(parameter, '`...` is not allowed', 'name each value') : parameter,
  )
  if (callee.type === 'Identifier') {
    const binding = scope.names.get(callee.name)
    if (binding?.kind === 'helper') return compileHelperCall(compiler, node, { binding, parameters, scope })
    const operation = binding === undefined ? FUNCTIONS.get(callee.name) : undefined
    if (operation !== undefined)
      return compileOperation(compiler, node, { operation, parameters, receiver: null, scope })
    const fix = `call arrow functions declared above, or ${KNOWN_FUNCTIONS}`
    return refuse(callee, `\`${callee.name}\` cannot be called here`, fix)
  }
  if (callee.type !== 'MemberExpression' || callee.computed || callee.property.type !== 'Identifier') {
    return refuse(callee, 'only named functions and methods can be called', 'name the function with `const`')
  }
  const { object, property } = callee
  if (object.type === 'Super') return refuse(callee, '`super` is not allowed', 'leave it out')
  if (object.type === 'Identifier' && !scope.names.has(object.name)) {
    const operation = FUNCTIONS.get(`${object.name}.${property.name}`)
    if (operation !== undefined)
      return compileOperation(compiler, node, { operation, parameters, receiver: null, scope })
  }
  return compileMethodCall(compiler, node, { object, name: property.name, parameters, scope })
}

const compileMethodCall = (
  compiler: Compiler,
  node: CallExpression,
  {
    object,
    name,
    parameters,
    scope,
  }: {
    readonly object: Expression
    readonly name: string
    readonly parameters: readonly Expression[]
    readonly scope: Scope
  },
): Compiled => {
  const receiver = compiler.compile(object, scope)
  const [first, ...rest] = parameters
  if (first !== undefined && rest.length === 0) {
    if (LOOP_METHODS.has(name) && hasKind(receiver.type, Kind.array)) {
      return compileLoop(compiler, node, { receiver, name, callback: first, scope })
    }
    if (name === 'test' && hasKind(receiver.type, Kind.pattern)) {
      return compilePatternTest(compiler, node, { receiver, text: compiler.compile(first, scope), scope })
    }
  }
  const methods = [
    ...(hasKind(receiver.type, Kind.string) ? STRING_METHODS : []),
    ...(hasKind(receiver.type, Kind.array) ? ARRAY_METHODS : []),
  ]
  const [operation, ...others] = methods.flatMap(([each, method]) => (each === name ? [method] : []))
  if (operation !== undefined && others.length === 0) {
    return compileOperation(compiler, node, { operation, parameters, receiver, scope })
  }
  const known = [
    ...methods.map(([each]) => each),
    ...(hasKind(receiver.type, Kind.array) ? LOOP_METHODS : []),
    ...(hasKind(receiver.type, Kind.pattern) ? ['test'] : []),
  ]
  const message = `${describeKinds(receiver.type.kinds)} has no method \`${name}\` that takes this`
  return refuse(node, message, known.length === 0 ? 'compare the value instead' : `use one of: ${known.join(', ')}`)
}

type OperationCall = {
  readonly operation: Operation
  readonly parameters: readonly Expression[]
  readonly receiver: Compiled | null
  readonly scope: Scope
}

const compileOperation = (
  compiler: Compiler,
  node: CallExpression,
  { operation, parameters, receiver, scope }: OperationCall,
): Compiled => {
  const given = [...(receiver === null ? [] : [receiver]), ...parameters.map((each) => compiler.compile(each, scope))]
  if (given.length < operation.required || given.length > operation.parameters.length) {
    return refuse(node, `\`${textOf(compiler, node)}\` has the wrong number of values`, 'check what the call takes')
  }
  for (const [index, { type }] of given.entries()) {
    const allowed = operation.parameters[index] ?? 0
    if (hasKind(type, allowed)) continue
    const message = `\`${textOf(compiler, node)}\` takes ${describeKinds(allowed)} and gets ${describeKinds(type.kinds)}`
    refuse(node, message, 'pass a value of that type')
  }
  const [first, second] = given
  if (second !== undefined && operation === ARRAY_METHODS.get('includes') && first?.type.element) {
    requireOverlap(compiler, node, { left: first.type.element, right: second.type })
  }
  return finish(compiler, node, scope, {
    run: runOperation(compiler, node, { operation, given }),
    type: operation.result(given.map(({ type }) => type)),
    reads: given.reduce<number>((reads, each) => reads | each.reads, Reads.nothing),
    cost: given.reduce((cost, each) => cost + each.cost, 1),
  })
}

const runOperation = (
  { meter, faultAt }: Compiler,
  node: Node,
  { operation, given }: { readonly operation: Operation; readonly given: readonly Compiled[] },
): Evaluate => {
  const { apply, steps } = operation
  const [first = absent, second = absent, third = absent] = given.map(({ run }) => run)
  const fault = faultAt(node)
  if (steps !== null) {
    return (event) => {
      const a = first(event)
      const b = second(event)
      spend(fault, meter, steps(a, b))
      return apply(fault, a, b, third(event))
    }
  }
  if (given.length === 2) return (event) => apply(fault, first(event), second(event), undefined)
  return (event) => apply(fault, first(event), second(event), third(event))
}

const absent: Evaluate = () => undefined

/** A helper is compiled anew at each call, so that its fields are checked against what this call passes. */
const compileHelperCall = (
  compiler: Compiler,
  node: CallExpression,
  {
    binding,
    parameters,
    scope,
  }: {
    readonly binding: Extract<Binding, { kind: 'helper' }>
    readonly parameters: readonly Expression[]
    readonly scope: Scope
  },
): Compiled => {
  const depth = deeper(node, scope)
  const own = Reads.parameterAt(depth)
  const given = parameters.map((parameter) => passed(compiler, parameter, { scope, own }))
  const args = given.map(({ argument }) => argument)
  const body = compileBody(compiler, binding.arrow, { args, scope: { ...scope, names: binding.names, depth } })
  const stores = given.flatMap(({ store }) => store ?? [])
  const reads = given.reduce((all, { compiled }) => all | compiled.reads, body.reads & ~own)
  const call = finish(compiler, node, scope, {
    run: (event) => {
      for (const { cell, run } of stores) cell.value = run(event)
      return body.run(event)
    },
    type: body.type,
    reads,
    cost: given.reduce((cost, { compiled }) => cost + compiled.cost, body.cost + 1),
  })
  const isKnown = reads === Reads.nothing || reads === Reads.type
  return isKnown ? call : { ...call, trueTypes: body.trueTypes, falseTypes: body.falseTypes }
}

type Passed = {
  readonly compiled: Compiled
  readonly argument: Argument
  readonly store: { readonly cell: Cell; readonly run: Evaluate } | null
}

/**
 * The event, its detail and constants are passed by name, so that what is known about them stays known in the helper;
 * any other value is computed once and kept in a cell.
 */
const passed = (
  compiler: Compiler,
  parameter: Expression,
  { scope, own }: { readonly scope: Scope; readonly own: number },
): Passed => {
  const compiled = compiler.compile(parameter, scope)
  if (compiled.role !== null || compiled.reads === Reads.nothing) {
    const argument: Argument = ({ types }) => compiler.compile(parameter, { ...scope, types })
    return { compiled, argument, store: null }
  }
  const cell: Cell = { value: undefined }
  return { compiled, argument: parameterOf(cell, compiled.type, own), store: { cell, run: compiled.run } }
}
