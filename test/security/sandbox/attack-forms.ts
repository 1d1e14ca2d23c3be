import type { BashResult } from '../../../src/agent/sandbox/tests/sandbox-fixture.ts'
import type { Attack, BashOptions, Group, Scene } from './attack.types.ts'
import { probeFault } from './probe-program.ts'

/** Looks for what the general verdict cannot see; null when there is nothing. */
export type Finding = (scene: Scene, result: BashResult) => string | null

type Form = BashOptions & { readonly finding?: Finding; readonly alone?: boolean }

/** An attack that is a script, in the folder of its own. */
export const scriptAttack = (
  group: Group,
  name: string,
  script: (scene: Scene) => string,
  { finding, alone = false, ...options }: Form = {},
): Attack => ({
  ...{ group, name, alone },
  attempt: async (scene) => {
    const result = await scene.bash(script(scene), options)
    return finding?.(scene, result) ?? null
  },
})

/** An attack that is a Bun program. */
export const programAttack = (
  group: Group,
  name: string,
  body: (scene: Scene) => string,
  { finding, alone = false, ...options }: Form = {},
): Attack => ({
  ...{ group, name, alone },
  attempt: async (scene) => {
    const result = await scene.program(body(scene), options)
    return finding?.(scene, result) ?? null
  },
})

/** Attacks that are one call to the kernel each, made by one process that the host then looks at. */
export const probeAttacks = (group: Group, probes: Readonly<Record<string, string>>): readonly Attack[] =>
  Object.keys(probes).map((name) => ({
    group,
    name,
    attempt: async (scene) => probeFault(await scene.probes(group, probes), name),
  }))
