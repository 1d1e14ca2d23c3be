/**
 * What the owner confirms is one event: its digest covers type, fields, turn and call, and nothing that changes by itself
 * (counters, time, taint). A confirmation for another event, or a second use, is none.
 */
import { createHash } from 'node:crypto'
import { canonicalJson, type Json } from '../utils/canonical-json.ts'
import type { PermissionEvent } from './permission-event.ts'
import { commonFields } from './permission-vocabulary.ts'

/** Fields of single events that count up by themselves. */
const COUNTERS: ReadonlySet<string> = new Set(['dayMicros', 'monthMicros', 'dayMicroUsd'])

/** sha256 of the canonical form. */
export const digestOf = ({ type, detail }: PermissionEvent): string => {
  const { turn, toolUseId } = detail
  const own = Object.entries(detail).filter(([name]) => !Object.hasOwn(commonFields.shape, name) && !COUNTERS.has(name))
  // The vocabulary knows no field that JSON could not hold.
  const bound = { type, turn, toolUseId, fields: Object.fromEntries(own) as Record<string, Json> }
  return createHash('sha256').update(canonicalJson(bound)).digest('hex')
}
