/** A predicate could not be decided on an event: in `block` it counts as blocked, in `waitFor` as denied. */
export class RuleFault extends Error {
  /** `file#export` of the rule. */
  readonly key: string
  /** Line in the rule file, from 1. */
  readonly line: number
  readonly reason: string

  constructor({ key, line, reason }: { readonly key: string; readonly line: number; readonly reason: string }) {
    super(`${key} line ${line}: ${reason}`)
    this.name = 'RuleFault'
    this.key = key
    this.line = line
    this.reason = reason
  }
}
