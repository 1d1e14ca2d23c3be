import type { Listener, Rule, RuleEvent } from '../rule.types.ts'
import { RuleFault } from '../rule-fault.ts'
import type { NativeAnswers, NativeJob } from './native-worker.ts'

/** What the engine of JavaScript says about accepted files; the worker that asked it is gone afterwards. */
export const runNatively = async (jobs: readonly NativeJob[]): Promise<readonly NativeAnswers[]> => {
  const worker = new Worker(new URL('native-worker.ts', import.meta.url))
  try {
    return await new Promise((resolve, reject) => {
      worker.addEventListener('message', ({ data }: MessageEvent<readonly NativeAnswers[]>) => resolve(data))
      worker.addEventListener('error', ({ message }) => reject(new Error(message)))
      worker.postMessage(jobs)
    })
  } finally {
    worker.terminate()
  }
}

/** The listeners of rules in the order in which the worker answers for them. */
export const listenersOf = (rules: readonly Rule[]): readonly Listener[] =>
  rules.flatMap(({ syncs }) => syncs.flatMap(({ waitFor, block }) => [...waitFor, ...block]))

/** What the evaluator says. */
export const answerOf = ({ test }: Listener, event: RuleEvent): boolean | 'fault' => {
  try {
    return test(event)
  } catch (error) {
    if (error instanceof RuleFault) return 'fault'
    throw error
  }
}
