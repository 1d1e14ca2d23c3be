import type { UnusableAnswer } from './program.types.ts'

/** Something that the owner has to put right before this engine works; the node has the sentences. */
export class Unusable extends Error {
  readonly answer: UnusableAnswer
  constructor(unusable: UnusableAnswer['unusable']) {
    super(unusable)
    this.name = 'Unusable'
    this.answer = { unusable }
  }
}
