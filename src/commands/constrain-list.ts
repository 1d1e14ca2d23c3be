import { type RuleHistory, readRuleHistories } from '../agent/constraint-store.ts'
import { formatInstant } from '../utils/clock.ts'
import { escapeUnsafeCharacters, printableJson } from '../utils/escape-unsafe-characters.ts'
import type { RunCommand } from './command.types.ts'
import { loadHomeRules } from './load-rules.ts'

/** Each rule with who asked for it, when and why. */
export const runConstrainList: RunCommand = async ({ home, json, io }) => {
  const { config, ruleSet } = loadHomeRules(home)
  const histories = readRuleHistories(config.home.constraints)
  const rules = ruleSet.rules.map(({ key, sentence }) => {
    const record = histories.get(key.split('#', 1)[0] ?? '')?.record ?? null
    return { rule: key, sentence, who: record?.who ?? null, at: record?.at ?? null, intent: record?.intent ?? null }
  })
  const retired = [...histories.values()].flatMap(({ retirement }) => retirement ?? [])
  if (json) io.out(`${printableJson({ folder: config.home.constraints, rules, retired: retired.map(toListed) })}\n`)
  else
    io.out(
      `${escapeUnsafeCharacters(
        [
          ...rules.map(({ rule, sentence, who, at, intent }) =>
            [rule, sentence, ...(at === null ? [] : [`${who}, ${formatInstant(at)}: ${intent}`])].join('\n    '),
          ),
          ...retired.map(({ rule, who, at, reason }) => `retired ${rule}\n    ${who}, ${formatInstant(at)}: ${reason}`),
        ].join('\n'),
      )}\n`,
    )
  return 0
}

const toListed = ({ rule, who, at, reason }: NonNullable<RuleHistory['retirement']>) => ({ rule, who, at, reason })
