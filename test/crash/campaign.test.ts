/** A node that dies 1,000 times (`bin/plaited test --crash`; a part of it in every test run) and loses nothing. */
import { expect, test } from 'bun:test'
import { whyNoSandbox } from '../../src/agent/sandbox/tests/sandbox-fixture.ts'
import { describeWhen } from '../helpers.ts'
import { runCampaign } from './campaign.ts'

/** Set by `plaited test --crash`. */
const isWhole = Bun.env['PLAITED_TEST_CRASH'] !== undefined
const KILLS = isWhole ? 1000 : 60
/** Plays an earlier campaign again. */
const GIVEN_SEED = Bun.env['PLAITED_TEST_CRASH_SEED']
const SEEDS = 2 ** 31
const PROGRESS_KILLS = 50
const TIMEOUT_MS = isWhole ? 25 * 60_000 : 5 * 60_000

const reason = await whyNoSandbox()

describeWhen(reason === null, reason ?? '', 'a node that is killed again and again', () => {
  test(
    `loses, repeats and pays nothing twice over ${KILLS} kills at every named point and at random times`,
    async () => {
      const seed = Number(GIVEN_SEED ?? Math.floor(Math.random() * SEEDS))
      const tell = (text: string) => process.stderr.write(`crash: ${text}\n`)
      tell(`${KILLS} kills, seed ${seed}`)
      const onProgress = (killed: number) => {
        if (killed % PROGRESS_KILLS === 0) tell(`${killed} kills`)
      }
      const { kills, byPoint, known, findings } = await runCampaign({ kills: KILLS, seed, onProgress })
      tell([...byPoint].map(([point, count]) => `${point} ${count}`).join(', '))
      tell(JSON.stringify(findings))
      expect(kills).toBeGreaterThanOrEqual(KILLS)
      expect([...known].filter((point) => !byPoint.has(point))).toEqual([])
      // The conversation had what the checks are about; few kills do not bring about everything.
      const rare = isWhole ? ['processes left'] : ['processes left', 'turns given up', 'effects unknown']
      const missing = Object.entries(findings).filter(([name, count]) => count === 0 && !rare.includes(name))
      expect(missing).toEqual([])
    },
    TIMEOUT_MS,
  )
})
