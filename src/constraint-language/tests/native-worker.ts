/**
 * Runs rule files as what they also are: JavaScript. Only for tests, and only in a worker that is thrown away afterwards;
 * the product never does this.
 */
import type { RuleEvent } from '../rule.types.ts'

export type NativeJob = { readonly source: string; readonly events: readonly RuleEvent[] }
/** For each listener of a file, in the order of its text, and each event. */
export type NativeAnswers = readonly (readonly (boolean | 'threw')[])[]

type Predicate = (event: RuleEvent) => unknown
type Typed = { readonly types: readonly string[]; readonly predicate: Predicate }
type Listener = string | Predicate | Typed
type Idioms = { readonly waitFor?: Listener | readonly Listener[]; readonly block?: Listener | readonly Listener[] }

const listOf = (given: Listener | readonly Listener[] | undefined): readonly Listener[] =>
  given === undefined ? [] : Array.isArray(given) ? (given as readonly Listener[]) : [given as Listener]

const toPredicate = (listener: Listener): Predicate => {
  if (typeof listener === 'string') return ({ type }) => type === listener
  if (typeof listener === 'function') return listener
  return (event) => listener.types.includes(event.type) && listener.predicate(event)
}

const readListeners = (source: string): readonly Predicate[] => {
  const listeners: Predicate[] = []
  const bSync = ({ waitFor, block }: Idioms) => {
    for (const listener of [...listOf(waitFor), ...listOf(block)]) listeners.push(toPredicate(listener))
  }
  const on = (types: string | readonly string[], predicate: Predicate): Typed => ({ types: [types].flat(), predicate })
  const body = source.replaceAll(/^import .*$/gm, '').replaceAll(/^export const/gm, 'const')
  new Function('bThread', 'bSync', 'on', `'use strict'\n${body}`)(() => {}, bSync, on)
  return listeners
}

const answer = ({ source, events }: NativeJob): NativeAnswers =>
  readListeners(source).map((predicate) =>
    events.map((event) => {
      try {
        return Boolean(predicate(event))
      } catch {
        return 'threw'
      }
    }),
  )

globalThis.addEventListener('message', (message: MessageEvent<readonly NativeJob[]>) => {
  postMessage(message.data.map(answer))
})
