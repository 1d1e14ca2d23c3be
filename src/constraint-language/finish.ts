import type { Node } from 'acorn'
import { type Compiled, type Compiler, type Evaluate, Reads, type Scope, type TypeSet } from './compiled.ts'
import { refuse } from './refusal.ts'
import type { RuleEvent } from './rule.types.ts'
import { RuleFault } from './rule-fault.ts'

/** Stands in for the event where an expression reads none. */
export const NO_EVENT: RuleEvent = { type: '', detail: {} }

/**
 * Completes a compiled expression with what can be known now: an expression that reads nothing is computed once, and one
 * that reads only the event's type is tried on each type, which tells where it can be true and where false.
 */
export const finish = (
  compiler: Compiler,
  node: Node,
  scope: Scope,
  part: Omit<Compiled, 'trueTypes' | 'falseTypes' | 'role'>,
): Compiled => {
  spendNodes(compiler, node, part.type.size - 1)
  const unknown = { role: null, trueTypes: scope.types, falseTypes: scope.types }
  if (part.reads === Reads.nothing) {
    const value = computeNow(compiler, node, part)
    const known = value ? { falseTypes: NO_TYPES } : { trueTypes: NO_TYPES }
    return { ...part, ...unknown, ...known, run: () => value, cost: 1 }
  }
  if (part.reads !== Reads.type) return { ...part, ...unknown }
  const answers = [...scope.types].map((type) => [type, tryOn(compiler, part, type)] as const)
  return {
    ...part,
    role: null,
    trueTypes: new Set(answers.filter(([, answer]) => answer !== false).map(([type]) => type)),
    falseTypes: new Set(answers.filter(([, answer]) => answer !== true).map(([type]) => type)),
  }
}

const NO_TYPES: TypeSet = new Set()

/** Charges to the file what it makes the compiler visit. */
export const spendNodes = ({ budget }: Compiler, node: Node, nodes: number): void => {
  budget.nodesLeft -= nodes
  if (budget.nodesLeft < 0) refuse(node, 'the file is too large once its helpers are filled in', 'split it')
}

const computeNow = (compiler: Compiler, node: Node, { run }: Pick<Compiled, 'run'>): unknown => {
  try {
    return runNow(compiler, run, NO_EVENT)
  } catch (error) {
    if (!(error instanceof RuleFault)) throw error
    return refuse(node, `this always fails: ${error.reason}`, 'change the constant')
  }
}

/** null: it cannot be decided on this type. */
const tryOn = (compiler: Compiler, { run }: Pick<Compiled, 'run'>, type: string): boolean | null => {
  try {
    return Boolean(runNow(compiler, run, { type, detail: {} }))
  } catch (error) {
    if (error instanceof RuleFault) return null
    throw error
  }
}

/** What runs while a file is compiled is charged to the file, once for all of it. */
const runNow = ({ meter, budget }: Compiler, run: Evaluate, event: RuleEvent): unknown => {
  meter.left = budget.stepsLeft
  try {
    return run(event)
  } finally {
    budget.stepsLeft = meter.left
  }
}
