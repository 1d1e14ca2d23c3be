/** The rules of a home for commands that only ask them: no lease, no state, nothing runs. */
import { existsSync } from 'node:fs'
import { loadRules, type RuleSet } from '../agent/constraint-store.ts'
import { type Config, readConfig } from '../config.ts'
import { prepareHome } from '../home.ts'
import { provideRules } from '../reach-keeper.ts'

/** A home with rules, made when there is none. One that has them is only read, so it may be read-only or another user's. */
export const openHome = (home: string | undefined): Config => {
  const { config } = readConfig({ home })
  if (existsSync(config.home.constraints)) return config
  prepareHome(config.home, config.dropTo?.gid ?? null)
  provideRules(config.home)
  return config
}

export const loadHomeRules = (home: string | undefined): { readonly config: Config; readonly ruleSet: RuleSet } => {
  const config = openHome(home)
  return { config, ruleSet: loadRules(config.home.constraints) }
}
