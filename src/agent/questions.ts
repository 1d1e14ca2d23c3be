/**
 * What the node asks its owner before a call that a rule lets through only with their word. The question is a message of
 * its own, built by our code; its code never reaches the model. It binds one event (`confirmation.ts`), counts once, and
 * is answered with no when nobody answers in time, the turn is stopped, or the node restarts: a call that was asked about
 * before the restart is not asked about again.
 */
import type { Clock } from '../utils/clock.ts'
import type { Timing } from '../utils/timing.ts'
import { createConfirmationCode, hashConfirmationCode } from './confirmation-code.ts'
import { type Journal, OWNER_LANE, OWNER_PRINCIPAL } from './journal.ts'
import type { Outbox } from './outbox.ts'
import type { State } from './persistence.ts'

/** Questions that one turn may ask; an owner who is asked more often stops reading. */
const QUESTIONS_OF_TURN_MAX = 3
const ANSWER_WITHIN_MS = 10 * 60_000
/** Codes that fit nothing which is asked in a channel: somebody is guessing there. */
export const WRONG_CODES_MAX = 5

export type Question = {
  readonly turn: string
  readonly toolUseId: string
  readonly channel: string
  /** The message that the turn began with. */
  readonly replyTo: string
  readonly senderId: string
  /** What is asked about, in our words. */
  readonly summary: string
  readonly digest: string
}

/** As the event carries it. */
export type Confirmation = { readonly by: string; readonly at: number; readonly digest: string }

/** What waits for the owner's word: a call of a turn, or a proposed rule. */
export type OpenQuestion = {
  readonly kind: 'call' | 'rule'
  /** Names it; of a call, the key of the message that asks. */
  readonly key: string
  readonly at: number
  readonly channel: string
  /** What is asked. */
  readonly summary: string
  readonly hasCode: (code: string) => boolean
  /** No, to this alone; nothing when it is answered already. */
  readonly decline: (why: string) => void
}

export type Questions = {
  /** Resolves when it is answered; null is no, with `why` in words for the model. */
  readonly ask: (question: Question, signal: AbortSignal) => Promise<Confirmation | { readonly why: string }>
  /** The owner's answer by code; false when no open question of the channel has this code. */
  readonly confirm: (channel: string, code: string) => boolean
  readonly open: () => readonly OpenQuestion[]
  /** How many wrong codes came in a channel since the newest thing was asked there, this one included. */
  readonly noteWrongCode: (channel: string, newest: Pick<OpenQuestion, 'key'>) => number
  /** A restart is a no: call it before anything runs. */
  readonly closeAbandoned: () => void
}

type Parts = {
  readonly state: State
  readonly journal: Journal
  readonly outbox: Pick<Outbox, 'add'>
  readonly clock: Clock
  readonly timing: Timing
  /** A question waits in the outbox. */
  readonly onAsked: (channel: string) => void
}

type Row = {
  seq: number
  key: string
  at: number
  turn: string
  channel: string
  summary: string
  digest: string
  code_hash: string
}

const NO_TIME = 'the owner did not answer in time'
const STOPPED = 'the turn was ended'
const RESTARTED = 'the node restarted before there was an answer'
const CONFIRMED_BEFORE = 'the owner confirmed it, but the node restarted before it ran, and a word counts once'

export const createQuestions = (parts: Parts): Questions => {
  const { journal, outbox, clock, timing, onAsked } = parts
  const rows = createRows(parts.state)
  const lastOfEarlierRun = rows.newest()
  const waiting = new Map<number, (answer: Confirmation | { readonly why: string }) => void>()
  const wrongCodes = new Map<string, { readonly newest: string; readonly count: number }>()

  const close = (row: Row, answer: 'confirmed' | { readonly why: string }): void => {
    const at = clock.now()
    const why = answer === 'confirmed' ? null : answer.why
    journal.transaction('question.answered', () => {
      rows.close(row.seq, { at, why })
      journal.append({ type: 'question.answered', turn: row.turn, payload: { question: row.seq, why } })
    })
    waiting.get(row.seq)?.(answer === 'confirmed' ? { by: 'owner', at, digest: row.digest } : answer)
    waiting.delete(row.seq)
  }

  /** By the clock: a timer may be late. */
  const openInTime = (): readonly Row[] => rows.open().filter(({ at }) => clock.now() - at < ANSWER_WITHIN_MS)

  const store = (question: Question, code: string): number =>
    journal.transaction('question.asked', () => {
      const number = rows.countOf(question.turn) + 1
      const { turn, channel, replyTo, senderId, summary } = question
      const key = `${turn}/q${number}`
      const seq = rows.add(question, { at: clock.now(), codeHash: hashConfirmationCode(code) })
      journal.append({ type: 'question.asked', turn, payload: { question: seq, summary } })
      outbox.add({ key, kind: 'question', channel, turn, to: senderId, replyTo, text: wordsOf(summary, code) })
      return seq
    })

  return {
    ask: async (question, signal) => {
      const before = rows.answerBefore(question, lastOfEarlierRun)
      if (before !== null) return { why: before.why ?? CONFIRMED_BEFORE }
      if (rows.countOf(question.turn) >= QUESTIONS_OF_TURN_MAX) {
        return { why: `the owner has been asked ${QUESTIONS_OF_TURN_MAX} times in this turn already` }
      }
      const seq = store(question, createConfirmationCode())
      const answered = Promise.withResolvers<Confirmation | { readonly why: string }>()
      waiting.set(seq, answered.resolve)
      onAsked(question.channel)
      const over = new AbortController()
      const ending = AbortSignal.any([signal, over.signal])
      const denyInTime = async (): Promise<void> => {
        await timing.wait(ANSWER_WITHIN_MS, ending)
        const why = signal.aborted ? STOPPED : NO_TIME
        const row = rows.open().find((open) => open.seq === seq)
        if (row) close(row, { why })
        else answered.resolve({ why })
      }
      denyInTime().catch(answered.reject) // a state that cannot be written ends the turn, not the process
      return answered.promise.finally(() => over.abort())
    },
    confirm: (channel, code) => {
      const hash = hashConfirmationCode(code)
      const row = openInTime().find((open) => open.channel === channel && open.code_hash === hash)
      if (row) close(row, 'confirmed')
      return row !== undefined
    },
    open: () =>
      openInTime().map((row) => ({
        kind: 'call',
        key: row.key,
        at: row.at,
        channel: row.channel,
        summary: row.summary,
        hasCode: (code) => hashConfirmationCode(code) === row.code_hash,
        decline: (why) => {
          if (rows.open().some(({ seq }) => seq === row.seq)) close(row, { why })
        },
      })),
    noteWrongCode: (channel, { key: newest }) => {
      const before = wrongCodes.get(channel)
      const count = before?.newest === newest ? before.count + 1 : 1
      wrongCodes.set(channel, { newest, count })
      return count
    },
    closeAbandoned: () => {
      for (const row of rows.open()) close(row, { why: RESTARTED })
    },
  }
}

const createRows = (state: State) => {
  const { database } = state
  const open = database.query<Row, []>(
    `select seq, at, turn, channel, summary, digest, code_hash, turn || '/q' ||
       (select count(*) from questions earlier where earlier.turn = q.turn and earlier.seq <= q.seq) as key
     from questions q where state = 'open' order by seq`,
  )
  const count = database.query<{ count: number }, [string]>('select count(*) as count from questions where turn = ?')
  const newest = database.query<{ seq: number }, []>('select coalesce(max(seq), 0) as seq from questions')
  const before = database.query<{ why: string | null }, [string, string, number]>(
    'select why from questions where turn = ? and tool_use_id = ? and seq <= ? order by seq desc limit 1',
  )
  const insert = database.query<
    { seq: number },
    [number, string, string, string, string, string, string, string, string]
  >(
    `insert into questions (at, turn, tool_use_id, channel, summary, digest, code_hash, lane, principal)
     values (?, ?, ?, ?, ?, ?, ?, ?, ?) returning seq`,
  )
  const close = database.query<undefined, [string, number, string | null, number]>(
    'update questions set state = ?, answered_at = ?, why = ? where seq = ?',
  )
  return {
    open: () => open.all(),
    countOf: (turn: string): number => count.get(turn)?.count ?? 0,
    newest: (): number => newest.get()?.seq ?? 0,
    /** What the same call was answered with, up to that row. */
    answerBefore: ({ turn, toolUseId }: Question, last: number) => before.get(turn, toolUseId, last),
    add: (
      { turn, toolUseId, channel, summary, digest }: Question,
      { at, codeHash }: { readonly at: number; readonly codeHash: string },
    ): number =>
      insert.get(at, turn, toolUseId, channel, summary, digest, codeHash, OWNER_LANE, OWNER_PRINCIPAL)?.seq ?? 0,
    close: (seq: number, { at, why }: { readonly at: number; readonly why: string | null }): void =>
      void close.run(why === null ? 'confirmed' : 'denied', at, why, seq),
  }
}

const wordsOf = (summary: string, code: string): string =>
  `May I do this?\n${summary}\nAnswer ${code} and I do exactly this, once. Say no, or nothing for ${ANSWER_WITHIN_MS / 60_000} minutes, and I do not.`
