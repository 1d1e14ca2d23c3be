import type { BinaryExpression, Expression, LogicalExpression, Node, UnaryExpression } from 'acorn'
import { type Compiled, type Compiler, type Evaluate, isPermission, Reads, type Scope, textOf } from './compiled.ts'
import { finish, NO_EVENT } from './finish.ts'
import { refuse } from './refusal.ts'
import type { RuleEvent } from './rule.types.ts'
import { BOOLEAN, describeKinds, hasKind, Kind, NUMBER, STRING, type StaticType, unionOf } from './static-type.ts'
import { asNumber, asText, COMPARED_PER_STEP, isTrue, spend, spendOnEquality } from './values.ts'

const PRIMITIVE = Kind.string | Kind.number | Kind.boolean | Kind.null

export const compileUnary = (compiler: Compiler, node: UnaryExpression, scope: Scope): Compiled => {
  const inner = compiler.compile(node.argument, scope)
  const { run } = inner
  const fault = compiler.faultAt(node)
  const part = { reads: inner.reads, cost: inner.cost + 1 }
  if (node.operator === '-') {
    requireNumber(compiler, node.argument, inner)
    return finish(compiler, node, scope, { ...part, run: (event) => -asNumber(fault, run(event)), type: NUMBER })
  }
  requireCondition(compiler, node.argument, inner)
  const negated = finish(compiler, node, scope, { ...part, run: (event) => !isTrue(fault, run(event)), type: BOOLEAN })
  return { ...negated, trueTypes: inner.falseTypes, falseTypes: inner.trueTypes }
}

/**
 * `&&`, `||` and `??` as in JavaScript. The right side is compiled for the event types that can reach it, so that
 * `type === 'permission:file:write' && detail.path` knows which fields exist; a left side that is certain is dropped.
 */
export const compileLogical = (compiler: Compiler, node: LogicalExpression, scope: Scope): Compiled => {
  const left = compiler.compile(node.left, scope)
  if (node.operator === '??') return compileNullish(compiler, node, { left, scope })
  requireCondition(compiler, node.left, left)
  const isAnd = node.operator === '&&'
  const [onward, decided] = isAnd ? [left.trueTypes, left.falseTypes] : [left.falseTypes, left.trueTypes]
  if (onward.size === 0) {
    const message = `\`${textOf(compiler, node.left)}\` is always ${isAnd ? 'false' : 'true'} here`
    return refuse(node.left, message, 'remove it, or correct the event type it names')
  }
  const right = compiler.compile(node.right, { ...scope, types: onward })
  const isDecidable = left.reads === Reads.nothing || left.reads === Reads.type
  if (decided.size === 0 && isDecidable) return right // but never a side that could fault
  const fault = compiler.faultAt(node.left)
  const { run: runLeft } = left
  const { run: runRight } = right
  const run: Evaluate = isAnd
    ? (event) => {
        const value = runLeft(event)
        return isTrue(fault, value) ? runRight(event) : value
      }
    : (event) => {
        const value = runLeft(event)
        return isTrue(fault, value) ? value : runRight(event)
      }
  const type = unionOf(left.type, right.type)
  const reads = left.reads | right.reads
  const joined = finish(compiler, node, scope, { run, type, reads, cost: left.cost + right.cost })
  return isAnd
    ? { ...joined, trueTypes: right.trueTypes, falseTypes: left.falseTypes.union(right.falseTypes) }
    : { ...joined, trueTypes: left.trueTypes.union(right.trueTypes), falseTypes: right.falseTypes }
}

const compileNullish = (
  compiler: Compiler,
  node: LogicalExpression,
  { left, scope }: { readonly left: Compiled; readonly scope: Scope },
): Compiled => {
  const right = compiler.compile(node.right, scope)
  if (!hasKind(left.type, Kind.null)) {
    return refuse(node.left, `\`${textOf(compiler, node.left)}\` is never null`, 'remove the `??` and its right side')
  }
  return finish(compiler, node, scope, {
    run: (event) => left.run(event) ?? right.run(event),
    type: unionOf({ ...left.type, kinds: left.type.kinds & ~Kind.null }, right.type),
    reads: left.reads | right.reads,
    cost: left.cost + right.cost,
  })
}

export const compileBinary = (compiler: Compiler, node: BinaryExpression, scope: Scope): Compiled => {
  if (node.left.type === 'PrivateIdentifier') return refuse(node, 'private names are not allowed', 'use a plain name')
  const left = compiler.compile(node.left, scope)
  const right = compiler.compile(node.right, scope)
  const operands = { left, right, leftNode: node.left, rightNode: node.right }
  const { run, type } =
    node.operator === '===' || node.operator === '!=='
      ? compileEquality(compiler, node, operands)
      : compileArithmetic(compiler, node, operands)
  return finish(compiler, node, scope, {
    run,
    type,
    reads: left.reads | right.reads,
    cost: left.cost + right.cost + 1,
  })
}

type Operands = {
  readonly left: Compiled
  readonly right: Compiled
  readonly leftNode: Expression
  readonly rightNode: Expression
}

const compileEquality = (
  compiler: Compiler,
  node: BinaryExpression,
  { left, right }: Operands,
): Pick<Compiled, 'run' | 'type'> => {
  requireOverlap(compiler, node, { left: left.type, right: right.type })
  const equal = equality(compiler, node, left.reads === Reads.nothing ? [right, left] : [left, right])
  return { run: node.operator === '===' ? equal : (event) => !equal(event), type: BOOLEAN }
}

/** NaN equals nothing, so that a rule comparing an unreadable number would silently not match: a fault instead. */
const equality = (
  { meter, faultAt }: Compiler,
  node: Node,
  [left, right]: readonly [Compiled, Compiled],
): ((event: RuleEvent) => boolean) => {
  const fault = faultAt(node)
  const { run: runLeft } = left
  const { run: runRight } = right
  const expected = right.reads === Reads.nothing ? runRight(NO_EVENT) : undefined
  const isLong = typeof expected === 'string' && expected.length > COMPARED_PER_STEP
  if (expected !== undefined && typeof expected !== 'number' && !isLong) return (event) => runLeft(event) === expected
  return (event) => {
    const a = runLeft(event)
    const b = runRight(event)
    spendOnEquality(fault, meter, [a, b])
    return a === b || (Number.isNaN(a) || Number.isNaN(b) ? fault('compares with NaN') : false)
  }
}

/** Refuses a comparison that could never be true: the rule would silently never block. */
export const requireOverlap = (
  compiler: Compiler,
  node: Node,
  { left, right }: { readonly left: StaticType; readonly right: StaticType },
): void => {
  const shared = left.kinds & right.kinds & PRIMITIVE
  if (shared === 0) {
    const message = `${describeKinds(left.kinds)} is never equal to ${describeKinds(right.kinds)}`
    const isNullTest = left.kinds === Kind.null || right.kinds === Kind.null
    const fix = isNullTest ? 'leave the comparison out' : 'compare values of one type: parseFloat(text), String(number)'
    refuse(node, message, fix)
  }
  const { literals } = left
  const others = right.literals
  if (shared !== Kind.string || literals === null || others === null || !literals.isDisjointFrom(others)) return
  const [from, to] = literals.size >= others.size ? [literals, others] : [others, literals]
  const [sought = ''] = to
  const where = `\`${textOf(compiler, node)}\` is never true here`
  if (!sought.includes(':') || ![...from].some((type) => compiler.vocabulary.types.has(type))) {
    refuse(node, where, `use one of: ${[...from].map((literal) => `'${literal}'`).join(', ')}`)
  }
  refuse(node, unreachableType(compiler, sought) ?? where, `use one of: ${[...from].join(', ')}`)
}

const unreachableType = (compiler: Compiler, type: string): string | null => {
  if (!compiler.vocabulary.types.has(type)) return `there is no event \`${type}\``
  return isPermission(type) ? null : `\`${type}\` cannot be blocked: it has already happened when rules see it`
}

const compileArithmetic = (
  compiler: Compiler,
  node: BinaryExpression,
  { left, right, leftNode, rightNode }: Operands,
): Pick<Compiled, 'run' | 'type'> => {
  const fault = compiler.faultAt(node)
  const { run: runLeft } = left
  const { run: runRight } = right
  if (node.operator === '+' && hasKind(left.type, Kind.string) && hasKind(right.type, Kind.string)) {
    const { meter } = compiler
    return {
      run: (event) => {
        const start = asText(fault, runLeft(event))
        const end = asText(fault, runRight(event))
        spend(fault, meter, start.length + end.length)
        return start + end
      },
      type: STRING,
    }
  }
  requireNumber(compiler, leftNode, left)
  requireNumber(compiler, rightNode, right)
  switch (node.operator) {
    case '+':
      return { run: (event) => asNumber(fault, runLeft(event)) + asNumber(fault, runRight(event)), type: NUMBER }
    case '-':
      return { run: (event) => asNumber(fault, runLeft(event)) - asNumber(fault, runRight(event)), type: NUMBER }
    case '*':
      return { run: (event) => asNumber(fault, runLeft(event)) * asNumber(fault, runRight(event)), type: NUMBER }
    case '/':
      return { run: (event) => asNumber(fault, runLeft(event)) / asNumber(fault, runRight(event)), type: NUMBER }
    case '%':
      return { run: (event) => asNumber(fault, runLeft(event)) % asNumber(fault, runRight(event)), type: NUMBER }
    case '<':
      return { run: (event) => asNumber(fault, runLeft(event)) < asNumber(fault, runRight(event)), type: BOOLEAN }
    case '<=':
      return { run: (event) => asNumber(fault, runLeft(event)) <= asNumber(fault, runRight(event)), type: BOOLEAN }
    case '>':
      return { run: (event) => asNumber(fault, runLeft(event)) > asNumber(fault, runRight(event)), type: BOOLEAN }
    case '>=':
      return { run: (event) => asNumber(fault, runLeft(event)) >= asNumber(fault, runRight(event)), type: BOOLEAN }
    default:
      return refuse(node, `\`${node.operator}\` is not part of the language`, 'use arithmetic or ===')
  }
}

const requireNumber = (compiler: Compiler, node: Node, { type }: Compiled): void => {
  if (hasKind(type, Kind.number)) return
  const text = textOf(compiler, node)
  const fix = hasKind(type, Kind.string) ? `use parseFloat(${text})` : 'use a number'
  refuse(node, `\`${text}\` is ${describeKinds(type.kinds)}, not a number`, fix)
}

/** Refuses a condition that is an array, object or pattern: those are always true. */
export const requireCondition = (compiler: Compiler, node: Node, { type }: Compiled): void => {
  if (hasKind(type, PRIMITIVE)) return
  const fix = hasKind(type, Kind.array) ? 'compare its length: list.length > 0' : 'compare one of its fields'
  refuse(node, `\`${textOf(compiler, node)}\` is ${describeKinds(type.kinds)}, which is always true`, fix)
}
