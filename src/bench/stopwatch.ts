/** Something to time. Contract: rejects or throws when it did not do its work, so that no failure counts as fast. */
export type Task = () => unknown

export type PairOptions = {
  readonly count: number
  /** Run before the first sample, and not counted: they load code and let the compiler settle. */
  readonly warmups: number
  /** Idle time before each sample, as between the steps of a model; null: none at all. */
  readonly gapMs: number | null
  /** Ends it between two samples. */
  readonly signal: AbortSignal
}

/** Both in milliseconds. */
export type Pairs = { readonly subject: readonly number[]; readonly floor: readonly number[] }

export const timeMs = async (task: Task): Promise<number> => {
  const startedAt = performance.now()
  await task()
  return performance.now() - startedAt
}

/** Times two tasks in turns, so that whatever else the machine does meets both alike. */
export const timePairs = async (
  subject: Task,
  floor: Task,
  { count, warmups, gapMs, signal }: PairOptions,
): Promise<Pairs> => {
  const samples = { subject: [] as number[], floor: [] as number[] }
  for (let index = -warmups; index < count; index++) {
    for (const [name, task] of [['subject', subject] as const, ['floor', floor] as const]) {
      signal.throwIfAborted()
      if (gapMs !== null) await Bun.sleep(gapMs)
      const ms = await timeMs(task)
      if (index >= 0) samples[name].push(ms)
    }
  }
  return samples
}

const US_PER_MS = 1000

/**
 * For calls that are shorter than a look at the clock is exact: microseconds per call, each sample the mean of a batch.
 * The tasks are synchronous; batches of the two alternate.
 */
export const timeBatches = (
  subject: () => void,
  floor: () => void,
  { batches, warmups, calls }: { readonly batches: number; readonly warmups: number; readonly calls: number },
): Pairs => {
  const samples = { subject: [] as number[], floor: [] as number[] }
  for (let index = -warmups; index < batches; index++) {
    for (const [name, task] of [['subject', subject] as const, ['floor', floor] as const]) {
      const startedAt = performance.now()
      for (let call = 0; call < calls; call++) task()
      const us = ((performance.now() - startedAt) * US_PER_MS) / calls
      if (index >= 0) samples[name].push(us)
    }
  }
  return samples
}

/** Microseconds of single calls, for the tail that a batch's mean hides. */
export const timeCalls = (task: () => void, count: number): readonly number[] =>
  Array.from({ length: count }, () => {
    const startedAt = performance.now()
    task()
    return (performance.now() - startedAt) * US_PER_MS
  })
