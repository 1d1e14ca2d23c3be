/** The command line: names and forms are stable, scripts rely on them. */
import type { CommandEntry } from './command.types.ts'

export const COMMANDS: readonly CommandEntry[] = [
  {
    name: 'demo',
    refusesJson: true,
    endsAtSignal: true,
    summary: 'the whole node with a scripted model: plays a short script; on a terminal it stays open',
    load: async () => (await import('./demo.ts')).runDemo,
  },
  {
    name: 'chat',
    refusesJson: true,
    endsAtSignal: true,
    summary: 'talk to the agent; piped, each line is one turn, in order, and stop is heard at once',
    takes: '[--model scripted|MODEL]',
    options: { model: { type: 'string' } },
    load: async () => (await import('./chat.ts')).runChat,
  },
  {
    name: 'start',
    endsAtSignal: true,
    summary: 'the node with all configured channels and HTTP, until a signal',
    takes: '[--model scripted|MODEL]',
    options: { model: { type: 'string' } },
    load: async () => (await import('./start.ts')).runStart,
  },
  {
    name: 'stop',
    summary: 'end the running turn at once',
    load: async () => (await import('./stop.ts')).runStop,
  },
  {
    name: 'resume',
    summary: 'let a node work again that was stopped twice within a minute',
    load: async () => (await import('./resume.ts')).runResume,
  },
  {
    name: 'status',
    summary: 'what runs, was spent, is queued, and which sandbox holds it',
    load: async () => (await import('./status.ts')).runStatus,
  },
  {
    name: 'budget',
    positionalsMax: 3,
    summary: 'what is spent and may be spent; raises the cap of this day or month',
    takes: '[+AMOUNT today|month]',
    load: async () => (await import('./budget.ts')).runBudget,
  },
  {
    name: 'doctor',
    summary: 'checks everything the node needs; each fault with the command that mends it',
    takes: '[--fix]',
    options: { fix: { type: 'boolean' } },
    load: async () => (await import('./doctor.ts')).runDoctor,
  },
  {
    name: 'decide',
    positionalsMax: 1,
    summary: 'asks the rules about an event without acting; exit 0 allowed, 1 blocked, 2 malformed',
    takes: `'{"type":"permission:bash:exec","detail":{"cmd":"rm -rf /"}}'`,
    load: async () => (await import('./decide.ts')).runDecide,
  },
  {
    name: 'constrain',
    positionalsMax: Number.POSITIVE_INFINITY,
    summary: 'the rules: list, add FILE, propose WORDS, confirm CODE, decline CODE, verify, explore, retire NAME',
    takes:
      '[list | add FILE [--yes CODE] | propose WORDS | confirm CODE | decline CODE_OR_NAME | verify | explore | retire NAME --reason TEXT]',
    options: { reason: { type: 'string' }, yes: { type: 'string' } },
    load: async () => (await import('./constrain.ts')).runConstrain,
  },
  {
    name: 'sandbox',
    positionalsMax: Number.POSITIVE_INFINITY,
    summary: 'what the tools do, without the rules; exec ends as its command, 124 killed at a limit, 125 no sandbox',
    takes: 'exec [--timeout MS] -- CMD... | read PATH | write PATH TEXT | limits',
    options: { timeout: { type: 'string' } },
    load: async () => (await import('./sandbox.ts')).runSandbox,
  },
  {
    name: 'link',
    summary: 'a code that makes whoever types it into a channel another identity of yours',
    load: async () => (await import('./link.ts')).runLink,
  },
  {
    name: 'links',
    summary: 'the identities that may speak as you besides OWNER_ID',
    load: async () => (await import('./link.ts')).runLinks,
  },
  {
    name: 'unlink',
    positionalsMax: 2,
    summary: 'takes an identity back, at once; 1 when there was none',
    takes: 'CHANNEL IDENTITY',
    load: async () => (await import('./link.ts')).runUnlink,
  },
  {
    name: 'undo',
    positionalsMax: 1,
    summary: "takes back a turn's changes (default: the newest), as a new commit; 1 when there is nothing",
    takes: '[TURN]',
    load: async () => (await import('./undo.ts')).runUndo,
  },
  {
    name: 'redo',
    summary: 'takes back the newest undo; 1 when there is nothing',
    load: async () => (await import('./redo.ts')).runRedo,
  },
  {
    name: 'restore',
    positionalsMax: 1,
    summary: 'brings one file back to what it was after a turn, as a new commit',
    takes: 'FILE@TURN',
    load: async () => (await import('./restore.ts')).runRestore,
  },
  {
    name: 'log',
    summary: 'turns and their commits, newest first',
    takes: '[--limit N]',
    options: { limit: { type: 'string' } },
    load: async () => (await import('./log.ts')).runLog,
  },
  {
    name: 'diff',
    positionalsMax: 1,
    summary: 'what a turn changed (default: the newest commit)',
    takes: '[TURN]',
    load: async () => (await import('./diff.ts')).runDiff,
  },
  {
    name: 'events',
    endsAtSignal: true,
    summary: 'the journal, oldest first; --follow waits for more',
    takes: '[--follow] [--after SEQ] [--turn ID]',
    options: { follow: { type: 'boolean' }, after: { type: 'string' }, turn: { type: 'string' } },
    load: async () => (await import('./events.ts')).runEvents,
  },
  {
    name: 'explain',
    positionalsMax: 1,
    summary: 'one decision: what was asked and answered, and whether the same rules decide it again',
    takes: 'DECISION',
    load: async () => (await import('./explain.ts')).runExplain,
  },
  {
    name: 'audit',
    positionalsMax: 1,
    summary: 'walks the chain of decisions and names the first row that does not fit',
    takes: 'verify',
    load: async () => (await import('./audit.ts')).runAudit,
  },
  {
    name: 'bench',
    usesNoHome: true,
    endsAtSignal: true,
    summary: 'measures the node, each figure beside its floor from the same run',
    takes: '[--large]',
    options: { large: { type: 'boolean' } },
    load: async () => (await import('./bench.ts')).runBench,
  },
  {
    name: 'test',
    summary: 'every check of the project: format, lint, types, unused code, tests',
    takes: '[--crash | --containment] [--only GLOB | PATH]...',
    raw: true,
    load: async () => {
      const { runTestCommand } = await import('./test.ts')
      return ({ positionals, io }) => runTestCommand(positionals, { write: io.out })
    },
  },
]

/** Named by the design, built later: they say so instead of pretending. */
export const LATER_COMMANDS: readonly string[] = [
  ...['login', 'renew', 'recover-cert', 'backup', 'pay', 'peers'],
  ...['modules', 'dev', 'agents', 'jobs', 'memory', 'export'],
]
