import type { Expression, MemberExpression, Node } from 'acorn'
import { type Compiled, type Compiler, type Evaluate, Reads, type Scope } from './compiled.ts'
import { finish } from './finish.ts'
import { refuse } from './refusal.ts'
import { describeKinds, hasKind, Kind, NUMBER, objectOf, type StaticType, stringOf } from './static-type.ts'
import { asArray, asNumber, describe, type Fault } from './values.ts'

const OPAQUE_OBJECT = objectOf(new Map())

/** The event, as far as it is known at this place. */
export const compileEvent = (scope: Scope): Compiled => ({
  run: (event) => event,
  type: OPAQUE_OBJECT,
  reads: Reads.type | Reads.detail,
  cost: 1,
  trueTypes: scope.types,
  falseTypes: scope.types,
  role: 'event',
})

/** The event's detail: it has the fields that every event which can reach this place has. */
export const compileDetail = (compiler: Compiler, scope: Scope): Compiled => ({
  run: (event) => event.detail,
  type: { ...OPAQUE_OBJECT, ...compiler.vocabulary.detailOf(scope.types) },
  reads: Reads.detail,
  cost: 1,
  trueTypes: scope.types,
  falseTypes: scope.types,
  role: 'detail',
})

export const compileMemberExpression = (compiler: Compiler, node: MemberExpression, scope: Scope): Compiled => {
  if (node.object.type === 'Super') return refuse(node, '`super` is not part of the language', 'leave it out')
  const object = compiler.compile(node.object, scope)
  const { property } = node
  if (property.type === 'PrivateIdentifier') return refuse(node, 'private names are not allowed', 'use a plain name')
  if (node.computed) return compileIndex(compiler, node, { object, index: property, scope })
  if (property.type !== 'Identifier') return refuse(node, 'a member needs a name', 'write `value.name`')
  return compileMember(compiler, property, { object, name: property.name, scope })
}

/** `object.name`, also where a parameter is taken apart. */
export const compileMember = (
  compiler: Compiler,
  node: Node,
  { object, name, scope }: { readonly object: Compiled; readonly name: string; readonly scope: Scope },
): Compiled => {
  if (object.role === 'event') return compileEventMember(compiler, node, { name, scope })
  if (name === 'length' && hasKind(object.type, Kind.string | Kind.array))
    return compileLength(compiler, node, { object, scope })
  const type = object.type.fields?.get(name) ?? refuseField(node, object.type, name)
  const fault = compiler.faultAt(node)
  return finish(compiler, node, scope, {
    run: object.role === 'detail' ? readOfDetail(name, fault) : readOf(object.run, name, fault),
    type,
    reads: object.reads,
    cost: object.cost + 1,
  })
}

type Fields = Readonly<Record<string, unknown>>

// A plain read is an own read: no name of Object.prototype gets past the syntax check.
const readOf =
  (run: Evaluate, name: string, fault: Fault): Evaluate =>
  (event) => {
    const holder = run(event)
    if (typeof holder !== 'object' || holder === null) return fault(`cannot read .${name} of ${describe(holder)}`)
    const value = (holder as Fields)[name]
    return value === undefined ? fault(`the event has no .${name} here`) : value
  }

/** Most reads are of the detail itself: in one closure, since each more is another place in memory to visit. */
const readOfDetail =
  (name: string, fault: Fault): Evaluate =>
  (event) => {
    const holder: Fields | null | undefined = event.detail
    if (typeof holder !== 'object' || holder === null) return fault(`cannot read .${name} of ${describe(holder)}`)
    const value = holder[name]
    return value === undefined ? fault(`the event has no .${name} here`) : value
  }

const compileEventMember = (
  compiler: Compiler,
  node: Node,
  { name, scope }: { readonly name: string; readonly scope: Scope },
): Compiled => {
  if (name === 'detail') return compileDetail(compiler, scope)
  if (name !== 'type') return refuse(node, `an event has no \`${name}\``, 'use `type` or `detail`')
  return finish(compiler, node, scope, {
    run: (event) => event.type,
    type: stringOf(scope.types),
    reads: Reads.type,
    cost: 1,
  })
}

const compileLength = (
  compiler: Compiler,
  node: Node,
  { object, scope }: { readonly object: Compiled; readonly scope: Scope },
): Compiled => {
  const fault = compiler.faultAt(node)
  return finish(compiler, node, scope, {
    run: (event) => {
      const value = object.run(event)
      return typeof value === 'string' ? value.length : asArray(fault, value).length
    },
    type: NUMBER,
    reads: object.reads,
    cost: object.cost + 1,
  })
}

const compileIndex = (
  compiler: Compiler,
  node: MemberExpression,
  { object, index, scope }: { readonly object: Compiled; readonly index: Expression; readonly scope: Scope },
): Compiled => {
  const position = compiler.compile(index, scope)
  if (!hasKind(object.type, Kind.array) || !hasKind(position.type, Kind.number)) {
    return refuse(node, 'only arrays have `[ ]`, and only with a number', 'write `value.name`, or `list[0]`')
  }
  const fault = compiler.faultAt(node)
  return finish(compiler, node, scope, {
    run: (event) => {
      const list = asArray(fault, object.run(event))
      const value = list[asNumber(fault, position.run(event))]
      return value === undefined ? fault('the array has no element at this place') : value
    },
    type: object.type.element ?? refuse(node, 'the array is always empty', 'leave it out'),
    reads: object.reads | position.reads,
    cost: object.cost + position.cost + 1,
  })
}

const refuseField = (node: Node, type: StaticType, name: string): never => {
  const lacking = type.partial.get(name)
  if (lacking !== undefined) {
    const others = lacking.length > 1 ? ` and ${lacking.length - 1} more` : ''
    const fix = "name the event first: type === 'permission:...' && ..., or on('permission:...', ...)"
    return refuse(node, `\`${name}\` does not exist in ${lacking[0] ?? 'every event'}${others}`, fix)
  }
  if (type.fields === null) {
    return refuse(
      node,
      `${describeKinds(type.kinds)} has no \`${name}\``,
      'methods must be called; fields belong to objects',
    )
  }
  const known = [...type.fields.keys()].join(', ')
  return refuse(node, `there is no field \`${name}\``, known === '' ? 'check the name' : `use one of: ${known}`)
}
