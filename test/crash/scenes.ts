/** What the owner says in one run: everything that a conversation has. `n` makes names and effects unique in a home. */
import type { Letter } from './mailbox.ts'
import type { RunPlan } from './node-child.ts'

export type Scene = {
  readonly name: string
  readonly play: (n: number) => { readonly letters: readonly Letter[]; readonly steer: RunPlan['steer'] }
}

/** Not under git, so that no undo takes its lines back: each says that a command ran. */
export const EFFECTS_LOG = 'effects.log'
/** Under git, and only appended to: a call that runs twice leaves a line twice. */
export const DIARY = 'diary.md'

/** The day cap of every home, which no call fits into until the owner raises it. */
export const DAY_CAP_USD = '0.001'
const DAY_CAP_STEP_USD = '0.1'

/** Long enough to be stopped; short enough for a run in which the word to stop was never said. */
const LONG_SECONDS = 1

const LINGER_SECONDS = 0.02

const job = (id: string, text: string): Letter => ({ id, text, followUp: true })
const word = (id: string, text: string): Letter => ({ id, text, followUp: false })
/** It lingers, so that the node can die between what it did and its result. */
const run = (token: string): string => `run echo ${token} >> ${EFFECTS_LOG}; sleep ${LINGER_SECONDS}`
const append = (token: string): string => `append ${DIARY}: ${token}\\n`

export const SCENES: readonly Scene[] = [
  {
    name: 'money',
    play: (n) => ({
      letters: [RAISE(n), job(`spend-${n}`, `list && then ${run(`T${n}a`)}`)],
      steer: null,
    }),
  },
  {
    name: 'work',
    play: (n) => ({
      letters: [
        word(`wake-${n}`, 'resume'), // two stops of earlier runs may have frozen it
        job(`work-${n}`, [run(`T${n}a`), append(`T${n}b`), run(`T${n}c`), `read ${DIARY}`].join(' && then ')),
      ],
      steer: null,
    }),
  },
  {
    name: 'steering',
    play: (n) => ({
      letters: [job(`steered-${n}`, [run(`T${n}a`), run(`T${n}b`)].join(' && then '))],
      steer: {
        point: 'tool.start',
        letters: [
          word(`aside-${n}`, 'status'),
          word(`also-${n}`, append(`T${n}c`)),
          word(`and-${n}`, [append(`T${n}d`), run(`T${n}e`)].join(' && then ')),
        ],
      },
    }),
  },
  {
    name: 'stop',
    play: (n) => ({
      letters: [
        job(`long-${n}`, `${run(`T${n}a`)}; sleep ${LONG_SECONDS}`),
        job(`dismissed-${n}`, run(`T${n}b`)),
        job(`also-dismissed-${n}`, append(`T${n}c`)),
      ],
      steer: { point: 'tool.start', letters: [word(`stop-${n}`, 'stop')] },
    }),
  },
  {
    name: 'undo',
    play: (n) => ({
      letters: [job(`mistake-${n}`, [`write mistake-${n}.txt: T${n}a`, append(`T${n}b`)].join(' && then '))],
      steer: { point: 'turn.end', letters: [word(`undo-${n}`, 'undo')] },
    }),
  },
  {
    name: 'words',
    play: (n) => ({
      letters: [
        word(`resume-${n}`, 'resume'),
        word(`log-${n}`, 'log'),
        word(`hello-${n}`, 'hello'),
        word(`never-${n}`, 'run rm -rf /'),
        word(`budget-${n}`, 'budget'),
      ],
      steer: null,
    }),
  },
]

/** The owner lets the node spend more. */
export const RAISE = (n: number): Letter => word(`raise-${n}`, `budget +${DAY_CAP_STEP_USD} today`)

/** After every fault: works again, and answers what is left behind it. */
export const AFTERWARDS = (n: number): readonly Letter[] => [
  word(`again-${n}`, 'resume'),
  job(`after-${n}`, `read ${DIARY}`),
]
