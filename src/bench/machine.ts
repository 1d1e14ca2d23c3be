import { cpus, loadavg, release, type } from 'node:os'
import { type Clock, formatInstant } from '../utils/clock.ts'
import type { Machine } from './bench.types.ts'

export const readMachine = (clock: Clock): Machine => ({
  cpus: cpus().length,
  kernel: `${type()} ${release()}`,
  bun: Bun.version,
  date: formatInstant(clock.now()),
  load: loadavg()[0] ?? 0,
})
