import { expect, test } from 'bun:test'
import { whyNoSandbox } from '../../../src/agent/sandbox/tests/sandbox-fixture.ts'
import { describeWhen } from '../../helpers.ts'
import { killNine } from './kill-nine.ts'

const TIMEOUT_MS = 60_000
const reason = await whyNoSandbox()

describeWhen(reason === null, `${reason}`, 'kill -9 of the node at a random moment of a random command', () => {
  test(
    'leaves no process, no half commit, and no descriptor that stays open',
    async () => {
      const { processesLeft, repositoryFaults, descriptorsEarly, descriptorsLate } = await killNine({
        calls: 20,
        kills: 3,
      })
      expect({ processesLeft, repositoryFaults }).toEqual({ processesLeft: [], repositoryFaults: '' })
      // The pool may be in the middle of its refill, with the descriptors of two sandboxes more.
      expect(descriptorsLate - descriptorsEarly).toBeLessThan(12)
    },
    TIMEOUT_MS,
  )
})
