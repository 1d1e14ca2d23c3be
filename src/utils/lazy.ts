/** Something made at first use, once; a failure is not remembered, so that the next use tries again. */
export type Lazy<T> = {
  readonly get: () => Promise<T>
  /** What was made so far, or null. */
  readonly made: () => Promise<T> | null
}

export const lazy = <T>(make: () => Promise<T>): Lazy<T> => {
  let made: Promise<T> | null = null
  return {
    get: () => {
      made ??= make().catch((error: unknown) => {
        made = null
        throw error
      })
      return made
    },
    made: () => made,
  }
}
