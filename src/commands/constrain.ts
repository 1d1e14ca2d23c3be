import { NodeError } from '../utils/node-error.ts'
import type { RunCommand } from './command.types.ts'

const loadProposing = () => import('./constrain-propose.ts')

/** `retire` is for people at the machine; everything else may be asked of a running node. */
const VERBS: Readonly<Record<string, () => Promise<RunCommand>>> = {
  list: async () => (await import('./constrain-list.ts')).runConstrainList,
  add: async () => (await loadProposing()).runConstrainAdd,
  propose: async () => (await loadProposing()).runConstrainPropose,
  confirm: async () => (await loadProposing()).runConstrainConfirm,
  verify: async () => (await import('./constrain-verify.ts')).runConstrainVerify,
  explore: async () => (await import('./constrain-explore.ts')).runConstrainExplore,
  retire: async () => (await import('./constrain-retire.ts')).runConstrainRetire,
}

export const runConstrain: RunCommand = async (invocation) => {
  const [verb = 'list'] = invocation.positionals
  const load = Object.hasOwn(VERBS, verb) ? VERBS[verb] : undefined
  if (load) return (await load())(invocation)
  throw new NodeError('USAGE', `constrain does not know '${verb}'`, {
    hint: `it knows ${Object.keys(VERBS).join(', ')}`,
  })
}
