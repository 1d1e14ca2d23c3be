/** Tasks that must not run beside each other: each starts when the ones before it have ended, however they ended. */
export type Lane = {
  readonly run: <T>(task: () => Promise<T>) => Promise<T>
  /** Resolves when everything that was put in until now has ended. */
  readonly idle: () => Promise<void>
}

export const createLane = (): Lane => {
  let last: Promise<void> = Promise.resolve()
  return {
    run: (task) => {
      const result = last.then(task)
      last = result.then(
        () => {},
        () => {}, // whoever put the task in gets its fault
      )
      return result
    },
    idle: () => last,
  }
}
