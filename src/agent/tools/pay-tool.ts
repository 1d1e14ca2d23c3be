import { z } from 'zod'
import { parseMicros } from '../../utils/micros.ts'
import type { Tool } from './tool.types.ts'

const input = z.strictObject({
  amount: z
    .string()
    .refine((amount) => parseMicros(amount) !== null, 'must be a decimal number of USD with at most six places'),
  payee: z.string().min(1).max(256),
})

/** Gated like every call. No payment method exists yet, so an allowed payment answers just that. */
export const payTool: Tool<z.output<typeof input>> = {
  name: 'pay',
  description: 'Pays an amount in USD to a payee.',
  input,
  idempotent: false,
  prepare: ({ amount, payee }) => ({
    summary: `pay ${amount} USD to ${payee}`,
    action: { kind: 'payment', input: { amountMicros: parseMicros(amount) ?? 0, payTo: payee } },
  }),
}
