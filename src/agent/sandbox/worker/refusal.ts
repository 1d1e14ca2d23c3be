/** An expected "no" of a file tool: its message is the answer that the model reads. */
export class Refusal extends Error {
  /** Number of the system's error, where one was the cause. */
  readonly errno: number | null

  constructor(message: string, errno: number | null = null) {
    super(message)
    this.name = 'Refusal'
    this.errno = errno
  }
}
