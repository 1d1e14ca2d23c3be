import { permissionFields } from '../agent/permission-fields.ts'
import { parseRuleFile } from '../constraint-language/parse-rule-file.ts'
import type { Rule } from '../constraint-language/rule.types.ts'
import type { PermissionExample } from './permission-examples.ts'

/** As many as the language allows in one file. */
const RULES_PER_FILE = 32

/**
 * `count` rules, dealt out over the examples in turn: written in the rule language, read as every rule is. Every
 * `sequenceEvery`th is a sequence that waits for a fact first.
 */
export const generateRules = (
  examples: readonly PermissionExample[],
  count: number,
  { sequenceEvery = Number.POSITIVE_INFINITY } = {},
): readonly Rule[] => {
  const texts = Array.from({ length: count }, (_, n) => {
    const { type, predicate } = examples[n % examples.length] ?? never(n)
    const block = `block: on('${type}', ({ detail }) => ${predicate(n)})`
    const syncs =
      n % sequenceEvery === sequenceEvery - 1
        ? `bSync({ ${block}, waitFor: 'untrusted:read' }), bSync({ ${block}, waitFor: 'owner:message' })`
        : `bSync({ ${block} })`
    return `export const rule${n} = bThread([${syncs}], true)\n`
  })
  return Array.from({ length: Math.ceil(count / RULES_PER_FILE) }, (_, file) => {
    const own = texts.slice(file * RULES_PER_FILE, (file + 1) * RULES_PER_FILE)
    return readRules(`bench-${file}`, `import { bThread, bSync, on } from 'plaited'\n${own.join('')}`)
  }).flat()
}

const never = (n: number): never => {
  throw new RangeError(`no example for rule ${n}`)
}

const readRules = (file: string, source: string): readonly Rule[] => {
  const parsed = parseRuleFile({ file, source, fields: permissionFields })
  if (!parsed.ok) throw new Error(`generated rules do not parse: ${JSON.stringify(parsed.faults[0])}`)
  return parsed.rules
}
