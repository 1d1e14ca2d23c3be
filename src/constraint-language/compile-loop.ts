import type { CallExpression, Expression, Node } from 'acorn'
import { arrowOf, type Cell, compileBody, deeper, parameterOf } from './compile-function.ts'
import { requireCondition } from './compile-operator.ts'
import { type Compiled, type Compiler, type Evaluate, Reads, type Scope } from './compiled.ts'
import { finish } from './finish.ts'
import type { RuleEvent } from './rule.types.ts'
import { arrayOf, BOOLEAN, NEVER, NUMBER, type StaticType } from './static-type.ts'
import { asArray, isTrue, spend } from './values.ts'

/** The methods that take a function: the only loops there are. */
export const LOOP_METHODS: ReadonlySet<string> = new Set(['some', 'every', 'filter', 'map'])

/** `list.some((element, index) => ...)` and its kin. */
export const compileLoop = (
  compiler: Compiler,
  node: CallExpression,
  {
    receiver,
    name,
    callback,
    scope,
  }: { readonly receiver: Compiled; readonly name: string; readonly callback: Expression; readonly scope: Scope },
): Compiled => {
  const { arrow, names } = arrowOf(callback, scope)
  const depth = deeper(node, scope)
  const own = Reads.parameterAt(depth)
  const element: Cell = { value: undefined }
  const index: Cell = { value: undefined }
  const args = [parameterOf(element, receiver.type.element ?? NEVER, own), parameterOf(index, NUMBER, own)]
  const body = compileBody(compiler, arrow, { args, scope: { ...scope, names, depth } })
  if (name !== 'map') requireCondition(compiler, arrow.body, body)
  return finish(compiler, node, scope, {
    run: runLoop(compiler, node, { name, list: receiver.run, body, element, index }),
    type: typeOfLoop(name, receiver.type, body.type),
    reads: receiver.reads | (body.reads & ~own),
    cost: receiver.cost + body.cost,
  })
}

const runLoop = (
  { meter, faultAt }: Compiler,
  node: Node,
  {
    name,
    list,
    body,
    element,
    index,
  }: {
    readonly name: string
    readonly list: Evaluate
    readonly body: Compiled
    readonly element: Cell
    readonly index: Cell
  },
): Evaluate => {
  const fault = faultAt(node)
  const { run, cost } = body
  /** The body's value for one element; each round is charged with what the body costs. */
  const round = (event: RuleEvent, value: unknown, at: number): unknown => {
    spend(fault, meter, cost)
    element.value = value
    index.value = at
    return run(event)
  }
  const holds = (event: RuleEvent, value: unknown, at: number): boolean => isTrue(fault, round(event, value, at))
  switch (name) {
    case 'some':
      return (event) => asArray(fault, list(event)).some((value, at) => holds(event, value, at))
    case 'every':
      return (event) => asArray(fault, list(event)).every((value, at) => holds(event, value, at))
    case 'filter':
      return (event) => asArray(fault, list(event)).filter((value, at) => holds(event, value, at))
    default:
      return (event) => asArray(fault, list(event)).map((value, at) => round(event, value, at))
  }
}

const typeOfLoop = (name: string, list: StaticType, result: StaticType): StaticType => {
  if (name === 'map') return arrayOf(result)
  return name === 'filter' ? arrayOf(list.element ?? NEVER) : BOOLEAN
}
