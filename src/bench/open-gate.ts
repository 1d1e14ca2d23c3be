import { createConstraintEngine, type PermissionGate } from '../agent/constraint-engine.ts'
import { loadRules, type RuleSet } from '../agent/constraint-store.ts'
import { createDecisionChain } from '../agent/decision-chain.ts'
import { createPermissionEventBuilder } from '../agent/permission-event.ts'
import { openState, type State } from '../agent/persistence.ts'
import { createRulePositions } from '../agent/rule-positions.ts'
import type { Config } from '../config.ts'
import { systemClock } from '../utils/clock.ts'

type OpenGate = { readonly gate: PermissionGate; readonly ruleSet: RuleSet; readonly state: State }

/** The gate of a home with a record of its own; whoever opened it closes the state. */
export const openGate = (config: Config, statePath: string): OpenGate => {
  const ruleSet = loadRules(config.home.constraints)
  const state = openState(statePath)
  const build = createPermissionEventBuilder(systemClock, config.timezone)
  return {
    gate: createConstraintEngine({
      ...{ ruleSet, build, decisions: createDecisionChain(state, systemClock) },
      positions: createRulePositions(state),
    }),
    ruleSet,
    state,
  }
}
