/** Long work that stops every few milliseconds, so that a process with other things to do can do them in between. */
export type Steps<T> = Generator<void, T>

/** Does all of it at once. */
export const runSteps = <T>(steps: Steps<T>): T => {
  for (;;) {
    const step = steps.next()
    if (step.done) return step.value
  }
}

/** Lets timers and requests have their turn between steps. */
export const runStepsGently = async <T>(steps: Steps<T>): Promise<T> => {
  for (;;) {
    const step = steps.next()
    if (step.done) return step.value
    await new Promise<void>((resolve) => setImmediate(resolve))
  }
}
