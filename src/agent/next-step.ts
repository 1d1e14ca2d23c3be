/**
 * What a turn does next, read from its journal alone, and every bound that keeps it from going on for ever: steps, pauses,
 * empty answers, answers that do not fit, calls in circles. The bounds are counted in the journal, so a restart does not
 * begin them anew. Failures of the service are passed on; how long to rest after them is `model-retry.ts`.
 */
import { readShortening } from './answer-length.ts'
import { describeShortening } from './budget-sentences.ts'
import type { JournalEvent } from './journal.ts'
import type { ModelReply, ToolUseBlock } from './model/model.types.ts'
import { type ModelFailure, readFailure } from './model-retry.ts'
import { isEmptyAnswer, isToolUse, readReply, resultKey } from './projection.ts'
import { findRepetitions } from './repeated-calls.ts'
import type { TurnEnd, TurnEnding } from './turn.types.ts'

/** Answers of the model per turn. */
const STEPS_MAX = 50
/** A service may pause an answer and wants it back as it is; one that never ends is not an answer. */
const PAUSES_MAX = 5
/** An empty answer is followed by a question for a real one, this often. */
const EMPTY_ANSWERS_MAX = 2

export type ModelStep = {
  readonly kind: 'model'
  /** Numbers the requests of the turn, failed ones included. */
  readonly attempt: number
  /** Since the last answer, oldest first. */
  readonly failures: readonly ModelFailure[]
  /** `short` once the conversation did not fit into the model. */
  readonly history: 'full' | 'short'
}

export type CallStep = {
  readonly block: ToolUseBlock
  readonly ref: string
  /** Why it must not run, for the model; null when it may. */
  readonly heldBack: string | null
}

export type NextStep =
  | ModelStep
  | { readonly kind: 'calls'; readonly calls: readonly CallStep[] }
  | { readonly kind: 'end'; readonly ending: TurnEnding }

export const nextStep = (events: readonly JournalEvent[]): NextStep => {
  const answers = events.filter((event) => event.type === 'model.message').map(toAnswer)
  const last = answers.at(-1)
  if (!last) return askModel(events, answers)
  if (last.stopReason === 'refusal') return end('model-error', REFUSED)
  if (last.stopReason === 'model_context_window_exceeded') {
    return answers.filter(isOverflow).length > 1 ? end('model-error', OVERFLOWN) : askModel(events, answers)
  }
  const calls = last.content.filter(isToolUse)
  const open = openCalls(events, last)
  if (open.length > 0) return runOrEnd(events, open, last)
  if (last.stopReason === 'pause_turn' && trailing(answers, isPaused) > PAUSES_MAX) return end('model-error', PAUSED)
  if (calls.length > 0 || last.stopReason === 'pause_turn') return askModel(events, answers)
  if (!isEmptyAnswer(last)) return end('done', answerText(events, answers))
  return trailing(answers, isEmptyAnswer) > EMPTY_ANSWERS_MAX ? end('model-error', EMPTY) : askModel(events, answers)
}

type Answer = Pick<ModelReply, 'content' | 'stopReason'> & { readonly ref: string | null }

const toAnswer = (event: JournalEvent): Answer => ({ ref: event.ref, ...readReply(event) })

const isOverflow = ({ stopReason }: Answer): boolean => stopReason === 'model_context_window_exceeded'
const isTooLong = (event: JournalEvent): boolean =>
  event.type === 'model.error' && readFailure(event).fault === 'too-long'
const isPaused = ({ stopReason }: Answer): boolean => stopReason === 'pause_turn'

/** How many answers up to the last one are alike. */
const trailing = (answers: readonly Answer[], isAlike: (answer: Answer) => boolean): number =>
  answers.length - 1 - answers.findLastIndex((answer) => !isAlike(answer))

const end = (kind: TurnEnd, text: string): NextStep => ({ kind: 'end', ending: { end: kind, text } })

const askModel = (events: readonly JournalEvent[], answers: readonly Answer[]): NextStep => {
  if (answers.length >= STEPS_MAX) return end('step-limit', STEPS_SPENT)
  const lastAnswer = events.findLastIndex((event) => event.type === 'model.message')
  return {
    kind: 'model',
    attempt: events.filter((event) => event.type === 'model.request').length,
    failures: events
      .slice(lastAnswer + 1)
      .filter((event) => event.type === 'model.error')
      .map(readFailure),
    history: answers.some(isOverflow) || events.some(isTooLong) ? 'short' : 'full',
  }
}

type OpenCall = Pick<CallStep, 'block' | 'ref'>

const openCalls = (events: readonly JournalEvent[], { ref, content }: Answer): readonly OpenCall[] => {
  const answered = new Set(events.filter((event) => event.type === 'tool.result').map((event) => event.ref))
  return content
    .filter(isToolUse)
    .map((block) => ({ block, ref: resultKey(ref, block.id) }))
    .filter((call) => !answered.has(call.ref))
}

const runOrEnd = (events: readonly JournalEvent[], open: readonly OpenCall[], answer: Answer): NextStep => {
  // Only this stop reason says that the answer is whole.
  const cutOff = answer.stopReason !== 'tool_use'
  const repetitions = findRepetitions(events)
  const insisting = open.find(({ ref }) => repetitions.get(ref) === 'insists')
  if (insisting) return end('repeating', describeCircle(insisting.block, cutOff ? describeCut(events, answer) : null))
  const calls = open.map((call) => ({
    ...call,
    heldBack: cutOff ? CUT_OFF : repetitions.has(call.ref) ? describeRepetition(call.block) : null,
  }))
  return { kind: 'calls', calls }
}

/** The parts of a paused answer are one answer. */
const answerText = (events: readonly JournalEvent[], answers: readonly Answer[]): string => {
  const first = answers.slice(0, -1).findLastIndex((answer) => !isPaused(answer)) + 1
  const text = answers
    .slice(first)
    .flatMap(({ content }) => content.map((block) => (block.type === 'text' ? block['text'] : '')))
    .join('')
  const last = answers.at(-1)
  return last?.stopReason === 'max_tokens'
    ? `${text}\n\n(My answer was cut ${describeCut(events, last)}.)`.trim()
    : text.trim()
}

/** Where an answer was cut. */
const describeCut = (events: readonly JournalEvent[], { ref }: Answer): string => {
  const span = readShortening(events, ref)
  return span === null ? 'at its length limit' : `at a cap: ${describeShortening(span)}`
}

const CUT_OFF = 'Not run: the answer was cut off, so its arguments may be incomplete. Call it again, shorter.'

const STEPS_SPENT = `I stopped after ${STEPS_MAX} steps without finishing. Say what to do next.`
const REFUSED =
  'The model service declined to answer this. It would go on declining as long as it sees this message, so I leave the message and what came of it out of what I send from now on. Say it differently, or choose another model (PLAITED_MODEL).'
const OVERFLOWN =
  'This does not fit into the model, even with most of the earlier conversation left out. Ask for less at a time, or choose a model with a larger context (PLAITED_MODEL).'
const PAUSED = `The model service paused its answer ${PAUSES_MAX + 1} times without finishing it, so I stopped. Your next message, for instance "go on", goes on with it.`
const EMPTY = `The model gave an empty answer ${EMPTY_ANSWERS_MAX + 1} times. What was done so far is kept; say it again, or differently.`

/** Characters of a call's input that the owner is shown. */
const SHOWN_INPUT_LENGTH_MAX = 200

const describeCircle = ({ name, input }: ToolUseBlock, cut: string | null): string =>
  cut !== null
    ? `I stopped: again and again my answer was cut before the call of ${name} was complete (${cut}), so it never ran. What was done so far is kept. Ask for it in smaller parts.`
    : `I was going in circles and stopped: I kept calling ${name} with ${JSON.stringify(input).slice(0, SHOWN_INPUT_LENGTH_MAX)}. What was done so far is kept. Say what to do differently.`

const describeRepetition = ({ name }: ToolUseBlock): string =>
  `Not run: you have called ${name} with exactly this input several times in a row. Use what it answered, do something else, or tell the owner what is in the way.`
