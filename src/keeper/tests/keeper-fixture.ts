import { cpSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { KeeperHook } from '../complete-append.ts'
import { createKeeper, type Keeper, type KeeperLog } from '../keeper.ts'
import { makeKeyFolder } from '../keeper-key.ts'
import type { AppendRequest } from '../keeper-protocol.ts'
import type { AcceptRule } from '../rule-book.ts'

/** 2027-01-15T08:00:00Z. */
export const TEST_NOW = 1_800_000_000_000
export const HOUR_MS = 3_600_000

export const ruleText = (name: string): string =>
  `import { bThread, bSync } from 'plaited'\nexport const ${name} = bThread([bSync({ block: 'permission:payment:send' })], true)\n`

export const request = (
  name: string,
  more: Partial<AppendRequest> = {},
): AppendRequest & { readonly op: 'append' } => ({
  ...{ op: 'append', name, source: ruleText('added'), examples: null, who: 'cli/owner', intent: `add ${name}` },
  ...more,
})

type Opening = {
  readonly accept?: AcceptRule
  readonly log?: KeeperLog
  readonly atPoint?: KeeperHook
  readonly isSeparate?: boolean
}

/** A home's folders with two shipped rules, `first` and `second`, and its keeper; `like` gives it rules and key of another. */
export const createTestHome = (like?: { readonly root: string }) => {
  const root = mkdtempSync(join(tmpdir(), 'plaited-keeper-'))
  const folders = { constraints: join(root, 'constraints'), keys: join(root, 'keeper'), seeds: join(root, 'seeds') }
  mkdirSync(folders.seeds)
  for (const name of ['first', 'second']) writeFileSync(join(folders.seeds, `${name}.ts`), ruleText(name))
  makeKeyFolder(folders.keys)
  if (like !== undefined) cpSync(like.root, root, { recursive: true })
  let now = TEST_NOW
  const clock = { now: () => now, advance: (ms: number) => (now += ms) }
  const open = ({ isSeparate = false, ...more }: Opening = {}): Keeper =>
    createKeeper({
      ...{ folder: folders.constraints, keyFolder: folders.keys, seeds: folders.seeds, clock, isSeparate },
      ...{ accept: () => ({ ok: true }), log: () => {}, atPoint: () => {}, ...more },
    })
  return {
    ...{ root, folders, clock, open },
    path: (name: string) => join(folders.constraints, name),
    [Symbol.dispose]: () => rmSync(root, { recursive: true, force: true }),
  }
}

export type TestHome = ReturnType<typeof createTestHome>

/** Git as the owner has it, without any setting of this machine; what it says on both streams. */
export const git = (
  folder: string,
  ...words: readonly string[]
): { readonly exitCode: number; readonly text: string } => {
  const { exitCode, stdout, stderr } = Bun.spawnSync(['git', '-C', folder, ...words], {
    env: { PATH: '/usr/local/bin:/usr/bin:/bin', GIT_CONFIG_NOSYSTEM: '1', GIT_CONFIG_GLOBAL: '/dev/null' },
  })
  return { exitCode, text: `${stdout}${stderr}` }
}
