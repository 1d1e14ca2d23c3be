/**
 * The control socket of a running node: `HOME/run/node.sock`, HTTP over a unix socket in a folder that only the owner may
 * enter. Reaching it is the proof of being the owner, so it has no other authentication and never listens on a network.
 */
import { chmodSync, rmSync } from 'node:fs'
import { z } from 'zod'
import {
  budgetExtensionSchema,
  type Operations,
  restoreSchema,
  ruleDraftSchema,
  TURN_CHARACTERS_MAX,
  toolOperationSchema,
} from '../operations.ts'
import { NodeError } from '../utils/node-error.ts'
import { type Fault, faultOf, readBody } from './control-protocol.ts'
import { createSayStream, heardSchema } from './say-stream.ts'

/** Bytes of one request: a message or a file to write. */
const REQUEST_BYTES_MAX = 16 * 1024 * 1024

const logSchema = z.strictObject({ limit: z.int().min(1).max(10_000) })
/** Asked by whoever wants to know whether a node answers. */
const KNOCK = '/knock'

const turnSchema = z.string().max(TURN_CHARACTERS_MAX).nullable()
const turnOnlySchema = z.strictObject({ turn: turnSchema })
const eventsSchema = z.strictObject({
  ...{ after: z.int().nonnegative(), limit: z.int().min(1).max(1000), turn: turnSchema },
})
const budgetSchema = z.strictObject({ extension: budgetExtensionSchema.nullable() })
const stopSchema = z.strictObject({ cause: z.enum(['word', 'interrupt']) })
const confirmRuleSchema = z.strictObject({ code: z.string().max(64) })
const declineRuleSchema = z.strictObject({ codeOrName: z.string().max(64) })
const questionSchema = z.strictObject({ key: z.string().max(128) })
const unlinkSchema = z.strictObject({ channel: z.string().max(64), senderId: z.string().max(2048) })
const nothing = z.strictObject({})

export type ControlServer = { readonly close: () => Promise<void> }

/** Hears of every request that was not answered as asked. Contract: must not throw. */
export type ControlFaultListener = (fault: { readonly path: string; readonly error: unknown }) => void

/** The caller holds the home's lease, so a socket that is already there belongs to a dead node and is replaced. */
export const startControlServer = (
  socket: string,
  operations: Operations,
  onFault: ControlFaultListener,
): ControlServer => {
  rmSync(socket, { force: true })
  const speech = createSayStream(operations)
  const routes: Readonly<Record<string, Route>> = {
    '/status': route(nothing, () => operations.status()),
    '/stop': route(stopSchema, ({ cause }) => operations.stop(cause)),
    '/resume': route(nothing, () => operations.resume()),
    '/link': route(nothing, () => operations.link()),
    '/links': route(nothing, () => operations.links()),
    '/unlink': route(unlinkSchema, ({ channel, senderId }) => operations.unlink(channel, senderId)),
    '/undo': route(turnOnlySchema, ({ turn }) => operations.undo(turn)),
    '/redo': route(nothing, () => operations.redo()),
    '/restore': route(restoreSchema, (file) => operations.restore(file)),
    '/heard': route(heardSchema, async ({ messageId }) => speech.heard(messageId)),
    '/log': route(logSchema, ({ limit }) => operations.log(limit)),
    '/diff': route(turnOnlySchema, ({ turn }) => operations.diff(turn)),
    '/events': route(eventsSchema, (query) => operations.events(query)),
    '/propose-rule': route(ruleDraftSchema, (rule) => operations.proposeRule(rule)),
    '/confirm-rule': route(confirmRuleSchema, ({ code }) => operations.confirmRule(code)),
    '/decline-rule': route(declineRuleSchema, ({ codeOrName }) => operations.declineRule(codeOrName)),
    '/open-questions': route(nothing, () => operations.openQuestions()),
    '/decline-question': route(questionSchema, ({ key }) => operations.declineQuestion(key)),
    '/audit': route(nothing, () => operations.auditDecisions()),
    '/budget': route(budgetSchema, ({ extension }) => operations.budget(extension)),
    // A client that leaves ends what it asked for.
    '/execute': route(toolOperationSchema, async (operation, left) =>
      encodeOutcome(await operations.execute(operation, left)),
    ),
  }
  const answer = async (request: Request): Promise<Response> => {
    const { pathname: path } = new URL(request.url)
    if (path === KNOCK && request.method === 'GET') return respond({ ok: true, value: null })
    const fault = (error: unknown): Fault => {
      onFault({ path, error })
      return faultOf(error)
    }
    if (request.method !== 'POST') return respond({ ok: false, error: fault(new NodeError('USAGE', 'only POST')) })
    if (path === '/say') return speech.say(request, fault)
    const handler = Object.hasOwn(routes, path) ? routes[path] : undefined
    if (!handler) return respond({ ok: false, error: fault(new NodeError('USAGE', `no operation ${path}`)) })
    try {
      return respond({ ok: true, value: (await handler(await readBody(request), request.signal)) ?? null })
    } catch (error) {
      return respond({ ok: false, error: fault(error) })
    }
  }
  const server = Bun.serve({
    unix: socket,
    maxRequestBodySize: REQUEST_BYTES_MAX,
    fetch: (request, listening) => {
      listening.timeout(request, 0) // a turn may be silent for as long as its command runs
      return answer(request)
    },
  })
  chmodSync(socket, 0o600)
  return {
    close: async () => {
      await server.stop(true)
      rmSync(socket, { force: true })
    },
  }
}

type Route = (body: unknown, left: AbortSignal) => Promise<unknown>

const route =
  <Body>(schema: z.ZodType<Body>, handle: (body: Body, left: AbortSignal) => Promise<unknown>): Route =>
  async (body, left) =>
    handle(schema.parse(body), left)

const respond = (answer: unknown): Response => Response.json(answer)

const encodeOutcome = (outcome: Awaited<ReturnType<Operations['execute']>>) =>
  outcome.kind === 'process'
    ? {
        ...outcome,
        stdout: Buffer.from(outcome.stdout).toString('base64'),
        stderr: Buffer.from(outcome.stderr).toString('base64'),
      }
    : outcome
