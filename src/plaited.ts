/** The package's public entry: what `import ... from 'plaited'` names for rules and modules. */
export { bSync } from './behavioral/b-sync.ts'
export { bThread } from './behavioral/b-thread.ts'
export { behavioral } from './behavioral/behavioral.ts'
export type {
  Behavioral,
  BehavioralOptions,
  BPErrorKind,
  BPErrorReport,
  BPEvent,
  BPListener,
  BPPredicate,
  BSync,
  BThread,
  Decision,
  DecisionError,
  Detail,
  Disconnect,
  EventDetails,
  Handlers,
  Idioms,
  ObservedEvent,
  RequestTemplate,
  RulesFunction,
  SetOptions,
  SnapshotEntry,
  SnapshotListener,
  SnapshotMessage,
  ThreadStatus,
  TypedListener,
} from './behavioral/behavioral.types.ts'
export { isBPEvent } from './behavioral/is-bp-event.ts'
export { on } from './behavioral/on.ts'
export { shuffleSyncs } from './behavioral/shuffle-syncs.ts'
export { useRandomEvent } from './behavioral/use-random-event.ts'
