/**
 * The hostile suite: every attack of `attacks.ts` against the real sandbox, as whoever runs the tests; under root also from a
 * node that is an ordinary user, whose sandbox shares its uid with it. SECURITY.md says what each layer promises.
 */
import { beforeAll, describe, expect, test } from 'bun:test'
import { whyNoSandbox } from '../../../src/agent/sandbox/tests/sandbox-fixture.ts'
import { describeWhen } from '../../helpers.ts'
import { isRoot } from '../../run-plaited.ts'
import { GROUPS, type Verdict } from './attack.types.ts'
import { ATTACKS } from './attacks.ts'
import { runSuiteAsOrdinaryUser, whyNoOrdinaryUser } from './ordinary-user.ts'
import { runSuite } from './run-suite.ts'

const TIMEOUT_MS = 120_000
/** What the owner was promised. */
const ATTACKS_MIN = 100
const SANITY_CHECKS_MIN = 10

const reason = await whyNoSandbox()
const reasonNotOrdinary = reason ?? whyNoOrdinaryUser()

let verdicts: readonly Verdict[] = []
let verdictsOfUser: readonly Verdict[] = []
beforeAll(async () => {
  const runs = [reason === null ? runSuite() : [], reasonNotOrdinary === null ? runSuiteAsOrdinaryUser() : []] as const
  ;[verdicts, verdictsOfUser] = await Promise.all(runs)
}, TIMEOUT_MS)

const judge = (who: string, found: () => readonly Verdict[]): void => {
  for (const group of GROUPS)
    describe(`${group} (${who})`, () => {
      test.each(ATTACKS.filter((attack) => attack.group === group).map(({ name }) => name))('%s', (name) => {
        const verdict = found().find((each) => each.group === group && each.name === name)
        expect(verdict?.faults).toEqual([])
      })
    })
}

describeWhen(reason === null, `${reason}`, 'nothing escapes the sandbox', () => {
  judge(isRoot ? 'root, uid dropped' : 'an ordinary user', () => verdicts)
})

describeWhen(
  reasonNotOrdinary === null,
  `${reasonNotOrdinary}`,
  'nothing escapes the sandbox of an ordinary user',
  () => {
    judge('an ordinary user', () => verdictsOfUser)
  },
)

describe('the suite', () => {
  test('is as large as was promised, and no claim stands in it twice', () => {
    const sanity = ATTACKS.filter(({ group }) => group === 'sanity')
    expect(ATTACKS.length - sanity.length).toBeGreaterThanOrEqual(ATTACKS_MIN)
    expect(sanity.length).toBeGreaterThanOrEqual(SANITY_CHECKS_MIN)
    expect(new Set(ATTACKS.map(({ group, name }) => `${group}: ${name}`)).size).toBe(ATTACKS.length)
    expect(new Set(ATTACKS.map(({ group }) => group)).size).toBe(GROUPS.length)
  })
})
