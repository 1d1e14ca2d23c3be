// The three example files of the specification, byte for byte.

export const BLOCK_SENSITIVE_FILES = `// /data/constraints/block-sensitive-files.ts
import { bThread, bSync } from 'plaited'

const sensitivePattern = /\\.(env|pem|key|credentials)$/

export const blockSensitiveWrites = bThread([
  bSync({
    waitFor: ({ type, detail }) =>
      type === 'permission:file:write' &&
      sensitivePattern.test(detail.path),
    block: ({ type, detail }) =>
      type === 'permission:file:write' &&
      sensitivePattern.test(detail.path),
  }),
], true)
`
export const BLOCK_DANGEROUS_BASH = `// /data/constraints/block-dangerous-bash.ts
import { bThread, bSync } from 'plaited'

const dangerousPatterns = [/rm\\s+-rf\\s+\\//, /mkfs/, /dd\\s+if=/, /:(){ :|:& };:/]

export const blockDangerousBash = bThread([
  bSync({
    block: ({ type, detail }) =>
      type === 'permission:bash:exec' &&
      dangerousPatterns.some(p => p.test(detail.cmd)),
  }),
], true)
`
export const MAX_PAYMENT_5USD = `// /data/constraints/max-payment-5usd.ts
import { bThread, bSync } from 'plaited'

export const blockLargePayments = bThread([
  bSync({
    waitFor: ({ type, detail }) =>
      type === 'permission:payment:send' &&
      parseFloat(detail.amount) > 5.0,
    block: ({ type, detail }) =>
      type === 'permission:payment:send' &&
      parseFloat(detail.amount) > 5.0,
  }),
], true)
`
