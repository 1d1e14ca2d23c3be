/** What the sequences among the rules can lead to: permissions that can never be had, and what must work and does not. */
import { createRuleAcceptance } from '../constraint-acceptance/rule-acceptance.ts'
import { escapeUnsafeCharacters, printableJson } from '../utils/escape-unsafe-characters.ts'
import type { RunCommand } from './command.types.ts'
import { loadHomeRules } from './load-rules.ts'

export const runConstrainExplore: RunCommand = async ({ home, json, io }) => {
  const { ruleSet } = loadHomeRules(home)
  const found = createRuleAcceptance().explore(ruleSet.rules)
  io.out(`${json ? printableJson(found) : escapeUnsafeCharacters(describe(found))}\n`)
  return found.heldUp.length > 0 || found.unreachedSyncs.length > 0 ? 1 : 0
}

type Found = ReturnType<ReturnType<typeof createRuleAcceptance>['explore']>

const describe = ({ states, isIncomplete, unreachable, unreachedSyncs, heldUp }: Found): string =>
  [
    `${states} state${states === 1 ? '' : 's'}${isIncomplete ? ', incomplete: there are more than were walked' : ''}.`,
    ...unreachable.map((type) => `never allowed   ${type}`),
    ...unreachedSyncs.map((sync) => `never reached   ${sync}`),
    ...heldUp.map(({ what, blockedBy, after }) =>
      [`held up         ${what}, by ${blockedBy.join(', ')}`, ...after.map((event) => `    after ${event}`)].join('\n'),
    ),
    ...(heldUp.length + unreachable.length + unreachedSyncs.length === 0
      ? ['Everything that must work works in all of them.']
      : []),
  ].join('\n')
