/**
 * What an event carries. It is the one `any` of the code base: rules and b-threads are written without type syntax
 * (`({ detail }) => detail.path`), which `unknown` would refuse. `on<{ path: string }>` and `behavioral<Details>` narrow it.
 */
// biome-ignore lint/suspicious/noExplicitAny: see above; every other signature builds on this alias
export type Detail = any

/** An event: `type` is its name, `detail` what it carries. */
export type BPEvent<D = Detail> = { readonly type: string; readonly detail?: D }

/** An event as predicates see it: an absent detail reads as `undefined`. */
export type ObservedEvent<D = Detail> = { readonly type: string; readonly detail: D }

/** A question about an event; any truthy answer is a match. Must be pure: the engine decides how often it asks. */
export type BPPredicate<D = Detail> = (event: ObservedEvent<D>) => boolean

/** A predicate with the event types it can match, made by `on`; the engine calls it for those types only. */
export type TypedListener = { readonly types: readonly string[]; readonly predicate: BPPredicate }

/** A name matches the events of that type; a bare predicate is asked about every event. */
export type BPListener = string | BPPredicate | TypedListener

/** A request computed anew at every selection; `undefined` requests nothing this time. */
export type RequestTemplate = () => BPEvent | undefined

/** What a thread declares at a synchronisation point. */
export type Idioms = {
  readonly request?: BPEvent | RequestTemplate | undefined
  readonly waitFor?: BPListener | readonly BPListener[] | undefined
  readonly block?: BPListener | readonly BPListener[] | undefined
  readonly interrupt?: BPListener | readonly BPListener[] | undefined
}

/** The body of a thread: it yields idioms and is resumed with the event that woke it. */
export type RulesFunction = () => Generator<Idioms, void, BPEvent>

/** Signature of `bThread`. */
export type BThread = (rules: readonly RulesFunction[], repeat?: true | (() => boolean)) => RulesFunction

/** Signature of `bSync`. */
export type BSync = (idioms: Idioms) => RulesFunction

/** Detail by event type, for typed feedback handlers. */
export type EventDetails = Record<string, Detail>

/** Side effects by event type; a program handles as few of its events as it likes. */
export type Handlers<Details extends EventDetails = EventDetails> = {
  readonly [Type in keyof Details]?: (detail: Details[Type]) => void | Promise<void>
}

/** Ends a subscription; calling it again does nothing. */
export type Disconnect = () => void

/** One candidate of a selection, as snapshot listeners see it. */
export type SnapshotEntry = {
  /** Name of the requesting thread, `Symbol(type)` for an external event. */
  readonly thread: string
  /** The event came from outside, through `trigger` or `decide`. */
  readonly trigger: boolean
  /** The type is the selected one; several entries of one type may be true. */
  readonly selected: boolean
  readonly type: string
  readonly detail: Detail
  /** Lower wins; external events have 0. */
  readonly priority: number
  /** The first thread, in the order of parking, that blocks the candidate. */
  readonly blockedBy: string | undefined
  /** The first thread, in the order of parking, that the candidate would interrupt. */
  readonly interrupts: string | undefined
}

/** The candidates of one selection by priority. When none is `selected`, all were blocked: a deadlock or a denial. */
export type SnapshotMessage = readonly SnapshotEntry[]

/** Receives every selection before the event takes effect. */
export type SnapshotListener = (message: SnapshotMessage) => void | Promise<void>

/** Where a contained error came from; `limit` and `duplicate` are the engine's own refusals. */
export type BPErrorKind =
  'thread' | 'request' | 'block' | 'waitFor' | 'interrupt' | 'handler' | 'snapshot' | 'onError' | 'duplicate' | 'limit'

/** An error that the engine contained instead of letting it out of `trigger` or `decide`. */
export type BPErrorReport = {
  readonly kind: BPErrorKind
  readonly thread?: string
  /** Type of the event that was being processed. */
  readonly type?: string
  readonly error: unknown
}

/** Options of `behavioral`. Without `onError` the last reports wait in `errors()`. */
export type BehavioralOptions = { readonly onError?: (report: BPErrorReport) => void }

/** Answer to "may this event happen now?". `allowed` exactly when `blockedBy` is empty. */
export type Decision = {
  readonly allowed: boolean
  /** Every thread that blocks the event, or that failed to answer, in the order of parking. */
  readonly blockedBy: readonly string[]
  /** Why threads failed to answer; each of them is in `blockedBy` too. */
  readonly errors: readonly DecisionError[]
}

/** A thread that could not answer, and what it threw. */
export type DecisionError = { readonly thread: string; readonly error: unknown }

/** Options of `bThreads.set`. */
export type SetOptions = {
  /**
   * For threads that guard: a duplicate name or a body that is no generator throws and adds nothing, and a thread that
   * later throws or ends denies every decision from then on.
   */
  readonly strict?: boolean
}

/** A thread is `running` between `set` and the next step, `pending` when parked, neither when it has ended. */
export type ThreadStatus = { readonly running: boolean; readonly pending: boolean }

/** A behavioral program: threads that request, wait for and block events, and the means to feed and watch it. */
export type Behavioral<Details extends EventDetails = EventDetails> = {
  readonly bThreads: {
    /** Adds threads; they start with the next event. A taken name is reported and ignored, or refused when strict. */
    set: (threads: Readonly<Record<string, RulesFunction>>, options?: SetOptions) => void
    has: (name: string) => ThreadStatus
  }
  /** Sends an event in and runs the program until nothing more can happen. Does not throw. */
  readonly trigger: (event: BPEvent) => void
  readonly useFeedback: (handlers: Handlers<Details>) => Disconnect
  readonly useSnapshot: (listener: SnapshotListener) => Disconnect
  /** Asks whether the event may happen; if so it happens, otherwise it is forgotten. Callers deep-freeze the event. */
  readonly decide: (event: BPEvent) => Decision
  /** The answer of `decide` without letting the event happen. */
  readonly explain: (event: BPEvent) => Decision
  /** The last reports that no `onError` took, oldest first. */
  readonly errors: () => readonly BPErrorReport[]
}
