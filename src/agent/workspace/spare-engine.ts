/**
 * What lies in the worktree can hold the git of the machine up for ever, without a program being run: a FIFO in the place
 * of a `.gitignore` or of a nested repository's `HEAD`, or one short pattern that git matches in exponential time. Our own
 * engine reads regular files of a bounded size alone, and matches in bounded time. So once git was ended early, that one
 * goes on with the same git dir, until the node starts again.
 */
import { NodeError } from '../../utils/node-error.ts'
import type { GitEngine, Look } from './engine.types.ts'

/** `first`, and `spare` from the moment on in which a run of `first` had to be ended. */
export const withSpareEngine = (first: GitEngine, spare: GitEngine): GitEngine => {
  let engine = first

  /** Leaves the first engine if the task shows that it does not come to an end. */
  const watch = async <T>(used: GitEngine, task: Promise<T>): Promise<T> => {
    try {
      return await task
    } catch (error) {
      if (used === first && error instanceof NodeError && error.code === 'SANDBOX_FAILED') engine = spare
      throw error
    }
  }

  /** The same, and asks the spare one then. */
  const ask = async <T>(use: (engine: GitEngine) => Promise<T>): Promise<T> => {
    const used = engine
    try {
      return await watch(used, use(used))
    } catch (error) {
      if (engine === used) throw error
      return use(engine)
    }
  }

  const look: GitEngine['look'] = async (request) => {
    let used = first
    const looked = await ask((asked) => {
      used = asked
      return asked.look(request)
    })
    const act = <T>(use: (look: Look) => Promise<T>): Promise<T> =>
      ask(async (asked) => use(asked === used ? looked : await asked.look(request)))
    return {
      ...looked,
      putBack: (plan) => act((one) => one.putBack(plan)),
      commit: (commit) => act((one) => one.commit(commit)),
    }
  }

  return {
    get name() {
      return engine.name
    },
    recover: first.recover,
    commitsSince: (known, main) => ask(({ commitsSince }) => commitsSince(known, main)),
    changesOf: (sha) => ask(({ changesOf }) => changesOf(sha)),
    heldBy: (main, shas) => ask(({ heldBy }) => heldBy(main, shas)),
    look,
    survey: first.survey, // runs no git
    makeRoom: first.makeRoom, // likewise
    // Not done a second time: the worktree may have changed in part.
    takeBack: (request) => watch(engine, engine.takeBack(request)),
    restore: (request) => watch(engine, engine.restore(request)),
    diff: (shas) => ask(({ diff }) => diff(shas)),
  }
}
