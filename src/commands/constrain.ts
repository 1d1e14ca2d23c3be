import type { RunCommand } from './command.types.ts'
import { readVerb, type VerbForm } from './read-verb.ts'

type Verb = VerbForm & { readonly load: () => Promise<RunCommand> }

const loadProposing = () => import('./constrain-propose.ts')
const NO_WORDS = { takes: '', wordsMin: 0, wordsMax: 0 }

/** `retire` is for people at the machine; everything else may be asked of a running node. */
const VERBS = {
  list: { ...NO_WORDS, load: async () => (await import('./constrain-list.ts')).runConstrainList },
  add: {
    ...{ takes: 'FILE [--yes CODE]', wordsMin: 1, wordsMax: 1, options: ['yes'] },
    load: async () => (await loadProposing()).runConstrainAdd,
  },
  propose: {
    ...{ takes: 'WORDS, such as never allow payments over $3', wordsMin: 1, wordsMax: Number.POSITIVE_INFINITY },
    load: async () => (await loadProposing()).runConstrainPropose,
  },
  confirm: {
    ...{ takes: 'CODE', wordsMin: 1, wordsMax: 1 },
    load: async () => (await loadProposing()).runConstrainConfirm,
  },
  decline: {
    ...{ takes: 'CODE_OR_NAME', wordsMin: 1, wordsMax: 1 },
    load: async () => (await loadProposing()).runConstrainDecline,
  },
  verify: { ...NO_WORDS, load: async () => (await import('./constrain-verify.ts')).runConstrainVerify },
  explore: { ...NO_WORDS, load: async () => (await import('./constrain-explore.ts')).runConstrainExplore },
  retire: {
    ...{ takes: 'NAME --reason TEXT', wordsMin: 1, wordsMax: 1, options: ['reason'] },
    load: async () => (await import('./constrain-retire.ts')).runConstrainRetire,
  },
} satisfies Readonly<Record<string, Verb>>

export const runConstrain: RunCommand = async (invocation) => {
  const { positionals } = invocation
  const asked = positionals.length === 0 ? { ...invocation, positionals: ['list'] } : invocation
  const { verb, words } = readVerb('constrain', asked, VERBS)
  return (await VERBS[verb].load())({ ...invocation, positionals: words })
}
