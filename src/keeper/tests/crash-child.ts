/** Opens a home's keeper and asks it for something, and dies without a word at the named point. */
import { createKeeper } from '../keeper.ts'
import { request } from './keeper-fixture.ts'

const [root = '', task = '', point = '', time = '0'] = Bun.argv.slice(2)
let reached = 0
const keeper = createKeeper({
  ...{ folder: `${root}/constraints`, keyFolder: `${root}/keeper`, seeds: `${root}/seeds` },
  ...{ clock: { now: () => 1_800_000_000_000 }, accept: () => ({ ok: true }), log: () => {}, isSeparate: false },
  atPoint: (at) => {
    if (at === point && ++reached > Number(time)) process.kill(process.pid, 'SIGKILL')
  },
})
if (task === 'append') keeper.handle(request('no-pay'))
if (task === 'retire') keeper.retire({ name: 'first', who: 'user 0', reason: 'wrong' })
