/**
 * The keeper: the only one who can add a rule, because the folder of the rules and the key that signs them are its alone. It
 * trusts nobody who asks. A request is data within limits, the rule is judged here again, a name is given once, and nothing
 * is ever changed or taken away. It runs no other program.
 *
 * With one user (`isSeparate: false`) the same code runs as that user, who could do all of this without it: then the history
 * still tells what was done, and does not hold anybody back.
 */
import type { DecisionHead } from '../constraint-history/decision-head.ts'
import type { AuditFault } from '../constraint-history/history.types.ts'
import { readPublicKeys } from '../constraint-history/repository.ts'
import { describeIssues } from '../utils/describe-issues.ts'
import { diskFault } from '../utils/disk-fault.ts'
import { NodeError } from '../utils/node-error.ts'
import {
  type Appended,
  type KeeperAnswer,
  type KeeperRequest,
  type PublicKeys,
  type RefusalCode,
  requestSchema,
} from './keeper-protocol.ts'
import type { KeeperPlace } from './open-rules.ts'
import { createRateLimit, HOUR_MS } from './rate-limit.ts'
import { type AcceptRule, openRuleBook, type RuleBook } from './rule-book.ts'
import { readLastHead, signHead } from './sign-head.ts'

/**
 * Of each kind, so that a flood of one stops no other. A head is asked for once an hour and at each end of the node; a rule
 * is refused oftener than added; the keys are read by everything that looks.
 */
const REQUESTS_PER_HOUR_MAX = { append: 200, 'sign-decision-head': 200, 'public-keys': 1000 }
/** Lines of the log about requests that were none; who sends thousands fills no disk by it. */
const COMPLAINTS_PER_HOUR_MAX = 100
/** Characters of a complaint about a request: it quotes what was sent. */
const COMPLAINT_CHARACTERS_MAX = 500

/** Hears of each request once. Contract: must not throw. */
export type KeeperLog = (entry: {
  readonly op: string
  readonly name: string | null
  /** `ok`, or the code of the refusal. */
  readonly result: string
}) => void

export type KeeperOptions = KeeperPlace & { readonly accept: AcceptRule; readonly log: KeeperLog }

export type Keeper = {
  /** Answers one request, whatever it is. Contract: does not throw. */
  readonly handle: (request: unknown) => KeeperAnswer
  /** Takes a rule out of force, by a record of its own. No request leads here. */
  readonly retire: RuleBook['retire']
  readonly faults: readonly AuditFault[]
}

/** @throws {NodeError} KEEPER_FAILED without a key, RULES_TAMPERED when what was begun cannot be completed. */
export const createKeeper = (options: KeeperOptions): Keeper => {
  const { folder, clock, log } = options
  const book = openRuleBook(options)
  const limit = (max: number) => createRateLimit(clock, { max, spanMs: HOUR_MS })
  const requests = {
    append: limit(REQUESTS_PER_HOUR_MAX.append),
    'sign-decision-head': limit(REQUESTS_PER_HOUR_MAX['sign-decision-head']),
    'public-keys': limit(REQUESTS_PER_HOUR_MAX['public-keys']),
  }
  const complaints = limit(COMPLAINTS_PER_HOUR_MAX)

  const publicKeys = (): PublicKeys => ({
    keys: [...readPublicKeys(folder)],
    head: book.head(),
    faults: book.faults.map(({ what, mend }) => `${what} (${mend})`),
    decisionHead: readLastHead(options.keyFolder),
  })
  const answer = (request: KeeperRequest): Appended | DecisionHead | PublicKeys => {
    if (!requests[request.op].take())
      throw new NodeError('KEEPER_BUSY', `too many requests '${request.op}' within an hour`)
    switch (request.op) {
      case 'append':
        return book.append(request)
      case 'sign-decision-head':
        return signHead(options, book.signer, toEnds(request))
      case 'public-keys':
        return publicKeys()
    }
  }
  return {
    ...{ faults: book.faults, retire: book.retire },
    handle: (input) => {
      const request = parseRequest(input)
      if (typeof request === 'string') {
        if (complaints.take()) log({ op: 'malformed', name: null, result: 'USAGE' })
        return { ok: false, code: 'USAGE', message: request, hint: null }
      }
      const { op } = request
      const name = 'name' in request ? request.name : null
      try {
        const value = answer(request)
        log({ op, name, result: 'ok' })
        return { ok: true, value }
      } catch (error) {
        const refusal = toRefusal(diskFault(error, folder))
        log({ op, name, result: refusal.code })
        return refusal
      }
    },
  }
}

/** The request, or what is wrong with it. */
const parseRequest = (input: unknown): KeeperRequest | string => {
  try {
    const parsed = requestSchema.safeParse(input)
    return parsed.success ? parsed.data : describeIssues(parsed.error).slice(0, COMPLAINT_CHARACTERS_MAX)
  } catch (error) {
    if (error instanceof RangeError) return 'it is nested too deeply'
    throw error
  }
}

const toEnds = ({ count, hash, previous }: KeeperRequest & { readonly op: 'sign-decision-head' }) => ({
  end: { count, hash },
  previous,
})

const REFUSALS: readonly RefusalCode[] = ['USAGE', 'RULE_REFUSED', 'RULES_TAMPERED', 'KEEPER_BUSY', 'DISK_FULL']

const toRefusal = (error: unknown): KeeperAnswer & { readonly ok: false } => {
  const message = error instanceof Error ? error.message : String(error)
  if (!(error instanceof NodeError)) return { ok: false, code: 'KEEPER_FAILED', message, hint: null }
  const code = REFUSALS.find((refusal) => refusal === error.code) ?? 'KEEPER_FAILED'
  return { ok: false, code, message, hint: error.hint }
}
