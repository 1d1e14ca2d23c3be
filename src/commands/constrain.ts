import { printableJson } from '../utils/escape-unsafe-characters.ts'
import { NodeError } from '../utils/node-error.ts'
import type { RunCommand } from './command.types.ts'
import { loadHomeRules } from './load-rules.ts'

/** `list` shows the rules; adding, proving and retiring them comes with the ratchet. */
export const runConstrain: RunCommand = async ({ positionals, home, json, io }) => {
  const [verb = 'list'] = positionals
  if (verb !== 'list') {
    throw new NodeError('NOT_AVAILABLE_YET', `'constrain ${verb}' is planned and not built yet`, {
      hint: "'plaited constrain list' shows the rules; for now a rule is added by putting its file into data/constraints",
    })
  }
  const { config, ruleSet } = loadHomeRules(home)
  const rules = ruleSet.rules.map(({ key, sentence }) => ({ rule: key, sentence }))
  if (json) io.out(`${printableJson({ folder: config.home.constraints, rules })}\n`)
  else io.out(`${rules.map(({ rule, sentence }) => `${rule}\n    ${sentence}`).join('\n')}\n`)
  return 0
}
