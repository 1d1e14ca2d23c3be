import type { Lab } from './lab.ts'

export type Unit = 'us' | 'ms' | 'MB' | 'bytes'

/** What a figure should reach; an empty goal is a figure without one. */
export type Goal = {
  /** For the median, in the row's unit. */
  readonly valueMax?: number
  /** For the median over the floor's median. */
  readonly ratioMax?: number
  readonly p99Max?: number
  /** Something that is true or not, beside the number. */
  readonly claim?: { readonly text: string; readonly holds: boolean }
}

/** One figure. Names are stable: scripts compare runs by them. */
export type BenchRow = {
  readonly name: string
  readonly unit: Unit
  /** Median. */
  readonly value: number
  /** null where there are too few samples for one. */
  readonly p99: number | null
  /** The least that this could cost here, as median of samples taken between those of the figure. */
  readonly floor: { readonly what: string; readonly value: number } | null
  readonly ratio: number | null
  /** Empty when the figure has no goal; `met` is then null. */
  readonly goal: string
  readonly met: boolean | null
  readonly note: string | null
}

/** Takes the figures of `names`. Contract of `take`: rejects when it cannot, and leaves no process behind. */
export type Measurement = {
  readonly names: readonly string[]
  readonly take: (lab: Lab) => Promise<readonly BenchRow[]>
}

export type Failure = { readonly names: readonly string[]; readonly message: string; readonly hint: string | null }

/** The machine that the figures belong to. */
export type Machine = {
  readonly cpus: number
  readonly kernel: string
  readonly bun: string
  /** ISO 8601, UTC. */
  readonly date: string
  /** Processes that wanted to run in the last minute, when the run began: above `cpus` the figures are of a busy machine. */
  readonly load: number
}

/** What `plaited bench --json` prints. */
export type BenchReport = {
  readonly machine: Machine
  readonly rows: readonly BenchRow[]
  readonly failures: readonly Failure[]
}
