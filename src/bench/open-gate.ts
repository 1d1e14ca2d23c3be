import { createConstraintEngine, type PermissionGate } from '../agent/constraint-engine.ts'
import { loadRules } from '../agent/constraint-store.ts'
import { createDecisionChain } from '../agent/decision-chain.ts'
import { createPermissionEventBuilder } from '../agent/permission-event.ts'
import { openState, type State } from '../agent/persistence.ts'
import type { Config } from '../config.ts'
import { systemClock } from '../utils/clock.ts'

/** The gate of a home with a record of its own; whoever opened it closes the state. */
export const openGate = (
  config: Config,
  statePath: string,
): { readonly gate: PermissionGate; readonly state: State } => {
  const state = openState(statePath)
  const gate = createConstraintEngine({
    ruleSet: loadRules(config.home.constraints),
    build: createPermissionEventBuilder(systemClock, config.timezone),
    decisions: createDecisionChain(state, systemClock),
  })
  return { gate, state }
}
