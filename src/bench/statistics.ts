/** Fewer samples than this have no p99: it would be the largest one under another name. */
const P99_SAMPLES_MIN = 100

/** The smallest sample that at least `fraction` of all samples do not exceed. @throws {RangeError} without samples. */
export const percentile = (samples: readonly number[], fraction: number): number => {
  const sorted = samples.toSorted((a, b) => a - b)
  const found = sorted[Math.max(0, Math.ceil(sorted.length * fraction) - 1)]
  if (found === undefined) throw new RangeError('no samples were taken')
  return found
}

export const median = (samples: readonly number[]): number => percentile(samples, 0.5)

/** null when the samples are too few for one. */
export const p99 = (samples: readonly number[]): number | null =>
  samples.length < P99_SAMPLES_MIN ? null : percentile(samples, 0.99)
