import type { CallExpression, Expression, Node } from 'acorn'
import { arrowOf, compileBody } from './compile-function.ts'
import { compileEvent } from './compile-member.ts'
import { requireCondition } from './compile-operator.ts'
import { type Compiler, type Evaluate, isPermission, type Names, type TypeSet, textOf } from './compiled.ts'
import { STEPS_MAX } from './limits.ts'
import { refuse } from './refusal.ts'
import type { Listener, RuleEvent } from './rule.types.ts'
import { isTrue } from './values.ts'

type Place = { readonly position: 'block' | 'waitFor'; readonly names: Names }

/** The listener or list of listeners given to `block` or `waitFor`. */
export const compileListeners = (compiler: Compiler, node: Expression, place: Place): readonly Listener[] => {
  if (node.type !== 'ArrayExpression') return [compileListener(compiler, node, place)]
  if (node.elements.length === 0) refuse(node, `\`${place.position}\` is empty`, 'name an event or a predicate')
  return node.elements.map((element) =>
    element === null || element.type === 'SpreadElement'
      ? refuse(element ?? node, 'this is not a listener', 'name each event or predicate')
      : compileListener(compiler, element, place),
  )
}

const compileListener = (compiler: Compiler, node: Expression, place: Place): Listener => {
  if (node.type === 'Literal') {
    return createListener(compiler, node, { types: eventTypesOf(compiler, node, place), run: () => true, cost: 1 })
  }
  if (node.type === 'CallExpression') return compileOn(compiler, node, place)
  const { types, permissionTypes } = compiler.vocabulary
  const reachable = place.position === 'block' ? permissionTypes : types
  return compilePredicate(compiler, node, { place, reachable, isNamed: false })
}

/** `on('permission:...', predicate)` or `on(['permission:...', ...], predicate)`. */
const compileOn = (compiler: Compiler, node: CallExpression, place: Place): Listener => {
  const { callee } = node
  const isOn = callee.type === 'Identifier' && callee.name === 'on' && place.names.get('on')?.kind === 'import'
  if (!isOn) {
    const fix = "write a predicate, on('permission:...', predicate), or the event's name; import what you use"
    return refuse(node, `\`${textOf(compiler, callee)}\` makes no listener here`, fix)
  }
  const [types, predicate, ...rest] = node.arguments
  if (types === undefined || predicate === undefined || rest.length > 0) {
    return refuse(node, '`on` takes an event and a predicate', 'without a predicate, write the name of the event alone')
  }
  return compilePredicate(compiler, predicate, {
    place,
    reachable: eventTypesOf(compiler, types, place),
    isNamed: true,
  })
}

const compilePredicate = (
  compiler: Compiler,
  node: Node,
  { place, reachable, isNamed }: { readonly place: Place; readonly reachable: TypeSet; readonly isNamed: boolean },
): Listener => {
  const scope = { names: place.names, types: reachable, depth: 0 }
  const { arrow, names } = arrowOf(node, scope)
  const body = compileBody(compiler, arrow, { args: [compileEvent], scope: { ...scope, names } })
  requireCondition(compiler, arrow.body, body)
  if (body.trueTypes.size === 0) refuse(arrow, 'this predicate is never true', 'correct its conditions')
  const isOpaque = !isNamed && body.trueTypes.size === reachable.size
  const { run, cost } = body
  return createListener(compiler, arrow, { types: isOpaque ? null : body.trueTypes, run, cost })
}

/** The outermost closure of a predicate, in one piece for each case: the gate runs hundreds of them for one decision. */
const createListener = (
  { meter, faultAt }: Compiler,
  node: Node,
  { types, run, cost }: { readonly types: TypeSet | null; readonly run: Evaluate; readonly cost: number },
): Listener => {
  const fault = faultAt(node)
  const stepsLeft = STEPS_MAX - cost
  const stepsUsed = () => STEPS_MAX - meter.left
  const test = (event: RuleEvent): boolean => {
    meter.left = stepsLeft
    return isTrue(fault, run(event))
  }
  if (types === null) return { eventTypes: null, test, stepsUsed }
  const eventTypes = [...types]
  const [only] = eventTypes
  if (eventTypes.length > 1) return { eventTypes, test: (event) => types.has(event.type) && test(event), stepsUsed }
  return {
    eventTypes,
    test: (event) => {
      if (event.type !== only) return false
      meter.left = stepsLeft
      return isTrue(fault, run(event))
    },
    stepsUsed,
  }
}

const eventTypesOf = (compiler: Compiler, node: Node, place: Place): TypeSet => {
  const given = 'value' in node ? [node] : 'elements' in node && Array.isArray(node.elements) ? node.elements : []
  const types = given.map((each) => eventTypeOf(compiler, each as Node, place))
  return types.length > 0 ? new Set(types) : refuse(node, 'no event is named', "write its name: 'permission:...'")
}

const eventTypeOf = (compiler: Compiler, node: Node, { position }: Place): string => {
  const type = 'value' in node ? node.value : null
  const { types, permissionTypes } = compiler.vocabulary
  if (typeof type !== 'string') return refuse(node, 'this is not the name of an event', "write it: 'permission:...'")
  if (!types.has(type)) return refuse(node, `there is no event \`${type}\``, `use one of: ${[...types].join(', ')}`)
  if (position === 'waitFor' || isPermission(type)) return type
  const fix = `use one of: ${[...permissionTypes].join(', ')}`
  return refuse(node, `\`${type}\` cannot be blocked: it has already happened when rules see it`, fix)
}
