import type { Node } from 'acorn'
import type { RuleFileFault } from './rule.types.ts'

/** Leaves the compiler when a construct is refused; `parseRuleFile` turns it into a `RuleFileFault`. */
export class Refusal extends Error {
  readonly fault: RuleFileFault

  constructor(fault: RuleFileFault) {
    super(fault.message)
    this.name = 'Refusal'
    this.fault = fault
  }
}

/** Where a node stands, counted from 1 as editors do. */
export const positionOf = (node: Node): { line: number; column: number } => ({
  line: node.loc?.start.line ?? 1,
  column: (node.loc?.start.column ?? 0) + 1,
})

/** @throws {Refusal} always. */
export const refuse = (node: Node, message: string, fix: string): never => {
  throw new Refusal({ ...positionOf(node), message, fix })
}
