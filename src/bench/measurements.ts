import { auditMeasurement } from './audit-row.ts'
import type { Measurement } from './bench.types.ts'
import { channelMeasurement } from './channel-rows.ts'
import { decisionMeasurement } from './decision-row.ts'
import { gateMeasurements } from './gate-rows.ts'
import { journalMeasurement } from './journal-row.ts'
import { laneMeasurement } from './lane-rows.ts'
import { requestMeasurement } from './request-row.ts'
import { soakMeasurement } from './soak-row.ts'
import { launcherMeasurement, startMeasurement } from './start-rows.ts'
import { stopMeasurement } from './stop-row.ts'
import { turnMeasurement } from './turn-rows.ts'
import { largeWorkspaceMeasurement, workspaceMeasurement } from './workspace-rows.ts'

/** Every figure of `plaited bench`. The request comes before other turns: their history would be in it. */
export const MEASUREMENTS: readonly Measurement[] = [
  ...gateMeasurements,
  decisionMeasurement,
  journalMeasurement,
  startMeasurement,
  launcherMeasurement,
  requestMeasurement,
  turnMeasurement,
  laneMeasurement,
  stopMeasurement,
  workspaceMeasurement,
  channelMeasurement,
]

/** What takes minutes; `bench --large` takes these figures after the others. */
export const LARGE_MEASUREMENTS: readonly Measurement[] = [auditMeasurement, soakMeasurement, largeWorkspaceMeasurement]
