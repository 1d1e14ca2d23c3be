import type { BPErrorReport } from './behavioral.types.ts'

/** Reports kept for `errors()` when nobody listens: enough to see what went wrong, too few to be a leak. */
const KEPT_REPORTS_MAX = 100

/** Takes every contained error to `onError`; what no `onError` took is kept, the oldest dropped first. */
export type ErrorReports = {
  /** Contract: does not throw. */
  readonly report: (report: BPErrorReport) => void
  readonly kept: () => readonly BPErrorReport[]
}

/** Builds the error reports of one engine. */
export const createErrorReports = (onError: ((report: BPErrorReport) => void) | undefined): ErrorReports => {
  const kept: BPErrorReport[] = []
  const keep = (failure: BPErrorReport): void => {
    kept.push(failure)
    if (kept.length > KEPT_REPORTS_MAX) kept.shift()
  }
  const report = (failure: BPErrorReport): void => {
    if (onError === undefined) {
      keep(failure)
      return
    }
    contain(
      () => onError(failure),
      (error) => {
        keep(failure)
        keep({ kind: 'onError', error })
      },
    )
  }
  return { report, kept: () => [...kept] }
}

/**
 * Calls foreign code so that neither what it throws nor a promise that it rejects gets out; both go to `onFailure`,
 * which must not throw. An unhandled rejection would end the process.
 */
export const contain = (call: () => unknown, onFailure: (error: unknown) => void): void => {
  try {
    const result = call()
    if (isThenable(result)) Promise.resolve(result).then(undefined, onFailure)
  } catch (error) {
    onFailure(error)
  }
}

const isThenable = (value: unknown): value is PromiseLike<unknown> =>
  typeof value === 'object' && value !== null && 'then' in value && typeof value.then === 'function'
