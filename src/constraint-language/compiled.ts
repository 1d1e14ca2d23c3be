import type { ArrowFunctionExpression, Expression, Node } from 'acorn'
import type { Pattern } from './pattern.ts'
import type { TableWork } from './pattern-automaton.ts'
import type { EventFields, RuleEvent } from './rule.types.ts'
import { RuleFault } from './rule-fault.ts'
import { mergeFields, type StaticType, typesOfTable } from './static-type.ts'

/** Evaluates one expression. @throws {RuleFault} */
export type Evaluate = (event: RuleEvent) => unknown
export type TypeSet = ReadonlySet<string>

/** What an expression depends on, as a bit mask: nothing (then it is computed once), the event's type, its detail, or the
 * parameters of the callbacks around it, one bit for each level. */
export const Reads = { nothing: 0, type: 1, detail: 2, parameterAt: (depth: number): number => 4 << depth } as const

export type Compiled = {
  readonly run: Evaluate
  readonly type: StaticType
  readonly reads: number
  /** Nodes that one evaluation visits; what a loop charges for each round. */
  readonly cost: number
  /** Event types for which the value can be true, and those for which it can be false. */
  readonly trueTypes: TypeSet
  readonly falseTypes: TypeSet
  /** The event itself or its detail: their type depends on what is known about the event where they are used. */
  readonly role: 'event' | 'detail' | null
}

export type Binding =
  | { readonly kind: 'value'; readonly compile: (node: Node, scope: Scope) => Compiled }
  | { readonly kind: 'helper'; readonly arrow: ArrowFunctionExpression; readonly names: Names }
  | { readonly kind: 'import' | 'rule' }

export type Names = ReadonlyMap<string, Binding>

/** Where an expression stands. */
export type Scope = {
  readonly names: Names
  /** Event types that can reach this place. */
  readonly types: TypeSet
  /** Callbacks and helper calls around it. */
  readonly depth: number
}

/** One compilation: a rule, or the constants of a file. */
export type Compiler = {
  readonly source: string
  /** Counts down while a predicate runs; every listener starts it anew. Predicates never run inside one another. */
  readonly meter: { left: number }
  readonly budget: Budget
  readonly vocabulary: Vocabulary
  readonly compile: (node: Expression, scope: Scope) => Compiled
  /** A thrower for what goes wrong at this node. */
  readonly faultAt: (node: Node) => (reason: string) => never
}

/** What a whole file may use up while it is compiled, and the patterns it has compiled already. */
export type Budget = {
  nodesLeft: number
  stepsLeft: number
  readonly tableWork: TableWork
  readonly patterns: Map<string, Pattern>
}

/** The event types that exist and what a rule may know about the detail of any set of them. */
export type Vocabulary = {
  readonly types: TypeSet
  readonly permissionTypes: TypeSet
  readonly detailOf: (types: TypeSet) => Pick<StaticType, 'fields' | 'partial'>
}

export const createVocabulary = (fields: EventFields): Vocabulary => {
  const types = new Set(Object.keys(fields))
  const known = new Map<string, Pick<StaticType, 'fields' | 'partial'>>()
  const members = new Map<string, ReadonlyMap<string, StaticType>>()
  const membersOf = (type: string): ReadonlyMap<string, StaticType> => {
    const found = members.get(type) ?? typesOfTable(fields[type] ?? {})
    members.set(type, found)
    return found
  }
  return {
    types,
    permissionTypes: new Set([...types].filter(isPermission)),
    detailOf: (wanted) => {
      const key = [...wanted].join(' ')
      const detail = known.get(key) ?? mergeFields([...wanted].map((type) => [type, membersOf(type)]))
      known.set(key, detail)
      return detail
    },
  }
}

/** Only these can be blocked: everything else has already happened. */
export const isPermission = (type: string): boolean => type.startsWith('permission:')

export const createFaultAt =
  (key: string): Compiler['faultAt'] =>
  (node) => {
    const line = node.loc?.start.line ?? 1
    return (reason) => {
      throw new RuleFault({ key, line, reason })
    }
  }

/** The source of a node for a message, shortened. */
export const textOf = (compiler: Compiler, node: Node): string => {
  const text = compiler.source.slice(node.start, node.end).replaceAll(/\s+/g, ' ')
  return text.length > 60 ? `${text.slice(0, 57)}...` : text
}
