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

/**
 * What a file tool answers where the system denies it: under a root node, files and folders that the owner makes are
 * closed to the user of the sandbox, and only the owner can share them.
 */
export const deniedReason = (group: number): string =>
  `permission denied; what the owner made can be shared with tools by the owner alone: chgrp -R ${group} PATH && chmod -R g+rwX PATH`
