/** Configuration -> concrete adapters. Heavy packages are imported here, when they are first needed. */
import { join } from 'node:path'
import type { Model } from './agent/model/model.types.ts'
import { priceOf } from './agent/model/model-prices.ts'
import { isConfinedProgram } from './agent/sandbox/find-programs.ts'
import { createSandboxLanes as createLanes, type SandboxLanes } from './agent/sandbox/sandbox.ts'
import type { RunConfined, SandboxCheck } from './agent/sandbox/sandbox.types.ts'
import type { GitEngine } from './agent/workspace/engine.types.ts'
import { createIsomorphicGit } from './agent/workspace/isomorphic/isomorphic-git.ts'
import { withSpareEngine } from './agent/workspace/spare-engine.ts'
import { createSystemGit } from './agent/workspace/system-git.ts'
import type { Config, Secrets } from './config.ts'
import type { Clock } from './utils/clock.ts'

export type { SandboxCheck, SandboxLanes }

const PROJECT = join(import.meta.dir, '..')

/** Rules that a new home starts with. */
export const SEED_RULES = join(PROJECT, 'constraints-seed')

/** The configured model service, or the script when there is none. */
export const createModel = async (config: Config, secrets: Secrets): Promise<Model> => {
  if (config.model === null || secrets.anthropicApiKey === null) {
    const { createScriptedModel } = await import('./agent/model/scripted/scripted-model.ts')
    return createScriptedModel()
  }
  const { createAnthropicModel } = await import('./agent/model/anthropic.ts')
  return createAnthropicModel({
    apiKey: secrets.anthropicApiKey,
    baseUrl: null,
    provider: 'anthropic',
    model: config.model,
    price: priceOf(config.model),
  })
}

export const createSandboxLanes = (config: Config): SandboxLanes =>
  createLanes({
    workspace: config.home.workspace,
    gitDir: config.home.gitDir,
    runtimeDir: config.home.runtime,
    dropTo: config.dropTo,
    mode: config.sandboxMode,
    limits: config.sandboxLimits,
  })

/** Where the sandbox looks for git. */
const GIT_PLACES = ['/usr/local/bin/git', '/usr/bin/git', '/bin/git']

/** What keeps the history of the workspace: the git of the machine, or our own where the sandbox can run none, or it hangs. */
export const createGitEngine = (config: Config, run: RunConfined, clock: Clock): GitEngine => {
  const { workspace: worktree, gitDir, runtime: runtimeDir } = config.home
  const place = { worktree, gitDir, runtimeDir, run, clock, sharedGroup: config.dropTo?.gid ?? null }
  return GIT_PLACES.some((path) => isConfinedProgram(path, config.dropTo))
    ? withSpareEngine(createSystemGit(place), createIsomorphicGit(place))
    : createIsomorphicGit(place)
}
