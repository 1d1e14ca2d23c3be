import type { Attack } from './attack.types.ts'
import { FILE_TOOL_ATTACKS } from './attacks/file-tools.ts'
import { KERNEL_ATTACKS } from './attacks/kernel.ts'
import { LIMIT_ATTACKS } from './attacks/limits.ts'
import { NAMESPACE_ATTACKS } from './attacks/namespace.ts'
import { NETWORK_ATTACKS } from './attacks/network.ts'
import { PLANTED_ATTACKS } from './attacks/planted.ts'
import { PROCESS_ATTACKS } from './attacks/process.ts'
import { READ_ATTACKS } from './attacks/read.ts'
import { SANITY_CHECKS } from './attacks/sanity.ts'
import { TERMINAL_ATTACKS } from './attacks/terminal.ts'
import { WRITE_ATTACKS } from './attacks/write.ts'

/** In the order of the groups; a name occurs once in its group. */
export const ATTACKS: readonly Attack[] = [
  ...READ_ATTACKS,
  ...WRITE_ATTACKS,
  ...NAMESPACE_ATTACKS,
  ...PROCESS_ATTACKS,
  ...NETWORK_ATTACKS,
  ...KERNEL_ATTACKS,
  ...TERMINAL_ATTACKS,
  ...LIMIT_ATTACKS,
  ...PLANTED_ATTACKS,
  ...FILE_TOOL_ATTACKS,
  ...SANITY_CHECKS,
]
