import type { Node } from 'acorn'
import { type Compiled, type Compiler, type Evaluate, Reads, type Scope } from './compiled.ts'
import { finish, NO_EVENT } from './finish.ts'
import { compilePattern, isPattern, type Pattern } from './pattern.ts'
import { PatternRefusal } from './pattern-syntax.ts'
import { refuse } from './refusal.ts'
import { BOOLEAN, describeKinds, hasKind, Kind, PATTERN } from './static-type.ts'
import { asText, describe, type Fault, spend } from './values.ts'

/** A regular expression in the text of a rule. */
export const compilePatternLiteral = (
  compiler: Compiler,
  node: Node,
  { regex, scope }: { readonly regex: { readonly pattern: string; readonly flags: string }; readonly scope: Scope },
): Compiled => {
  const pattern = patternAt(compiler, node, regex)
  return finish(compiler, node, scope, { run: () => pattern, type: PATTERN, reads: Reads.nothing, cost: 1 })
}

const patternAt = (
  { budget: { patterns, tableWork } }: Compiler,
  node: Node,
  { pattern: source, flags }: { readonly pattern: string; readonly flags: string },
): Pattern => {
  const key = `${flags}/${source}`
  try {
    const pattern = patterns.get(key) ?? compilePattern(source, flags, tableWork)
    patterns.set(key, pattern)
    return pattern
  } catch (error) {
    if (error instanceof PatternRefusal) return refuse(node, error.message, error.fix)
    throw error
  }
}

/** `pattern.test(text)`: charged by the length of the text and the size of the pattern. */
export const compilePatternTest = (
  compiler: Compiler,
  node: Node,
  { receiver, text, scope }: { readonly receiver: Compiled; readonly text: Compiled; readonly scope: Scope },
): Compiled => {
  if (!hasKind(text.type, Kind.string)) {
    return refuse(node, `a pattern tests strings, and this is ${describeKinds(text.type.kinds)}`, 'pass a string')
  }
  const fault = compiler.faultAt(node)
  const { meter } = compiler
  const { run: runText } = text
  const testWith = (pattern: Pattern, value: string): boolean => {
    spend(fault, meter, value.length * pattern.stepsPerCharacter)
    return pattern.test(value)
  }
  const known = receiver.reads === Reads.nothing ? asPattern(fault, receiver.run(NO_EVENT)) : null
  return finish(compiler, node, scope, {
    run:
      known === null
        ? (event) => testWith(asPattern(fault, receiver.run(event)), asText(fault, runText(event)))
        : testOfKnown(known, runText, { fault, meter }),
    type: BOOLEAN,
    reads: receiver.reads | text.reads,
    cost: receiver.cost + text.cost + 1,
  })
}

const testOfKnown = (
  { test, stepsPerCharacter }: Pattern,
  run: Evaluate,
  { fault, meter }: { readonly fault: Fault; readonly meter: Compiler['meter'] },
): Evaluate => {
  return (event) => {
    const text = asText(fault, run(event))
    spend(fault, meter, text.length * stepsPerCharacter)
    return test(text)
  }
}

const asPattern = (fault: Fault, value: unknown): Pattern =>
  isPattern(value) ? value : fault(`needs a pattern and got ${describe(value)}`)
