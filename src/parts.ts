/** Configuration -> concrete adapters. Heavy packages are imported here, when they are first needed. */
import { join } from 'node:path'
import type { Model } from './agent/model/model.types.ts'
import { priceOf } from './agent/model/model-prices.ts'
import { createSandboxLanes as createLanes, type SandboxLanes } from './agent/sandbox/sandbox.ts'
import type { Config, Secrets } from './config.ts'

export type { SandboxLanes }

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
  })
