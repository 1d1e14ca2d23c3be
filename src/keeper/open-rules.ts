/**
 * What the keeper does before it listens: it makes or reads its key, completes what a kill left, takes in the shipped rules
 * of a new home, and audits the rest. Nothing here removes or repairs: what does not fit is told, and no rule is added then.
 */
import { lstatSync, readdirSync, readFileSync, renameSync, rmSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { auditHistoryNow } from '../constraint-history/audit-history.ts'
import type { Anchor, AuditFault } from '../constraint-history/history.types.ts'
import { beginKeyHistory } from '../constraint-history/key-history.ts'
import { placeFaultOf } from '../constraint-history/place-fault.ts'
import {
  gitDirOf,
  hasBranch,
  layOutRepository,
  readBranch,
  readKeys,
  readPublicKeys,
} from '../constraint-history/repository.ts'
import { parseFileName, ruleFile } from '../constraint-history/rule-records.ts'
import type { Signer } from '../constraint-history/ssh-signature.ts'
import { makeOpenFolder, syncFolder, takeOpenFolder, writeWhole } from '../constraint-history/write-whole.ts'
import type { Clock } from '../utils/clock.ts'
import { NodeError } from '../utils/node-error.ts'
import { append, completePending, type KeeperHook, type Recheck, treeOf } from './complete-append.ts'
import { hasKey, makeKey, readKey } from './keeper-key.ts'
import { planRule, sha256Of } from './plan-append.ts'

export type KeeperPlace = {
  /** The constraints folder. */
  readonly folder: string
  /** Where the key is. */
  readonly keyFolder: string
  /** Folder of the rules that plaited ships. */
  readonly seeds: string
  readonly clock: Clock
  readonly atPoint: KeeperHook
  /** The keeper is root and the node is not: nobody else may own or write a file of the rules. */
  readonly isSeparate: boolean
}

export type OpenedRules = {
  readonly signer: Signer
  readonly head: Anchor | null
  /** While there are any, no rule is added. */
  readonly faults: readonly AuditFault[]
}

/** @throws {NodeError} KEEPER_FAILED without a key, RULES_TAMPERED when what was begun cannot be completed. */
export const openRules = (place: KeeperPlace, recheck: Recheck): OpenedRules => {
  const { folder, keyFolder, clock, atPoint } = place
  if (!hasKey(keyFolder) && !hasBranch(folder)) {
    if (!isThere(folder)) layOutSeeds(place)
    requireReadable(folder)
    makeKey(keyFolder) // behind the seeds: whoever finds a key finds a home that had rules
  }
  const signer = readKey(keyFolder)
  if (!isThere(folder)) return { signer, head: null, faults: [folderGone(folder)] }
  // From a home that the agent's user made.
  if (place.isSeparate && lstatSync(folder).isDirectory()) takeOpenFolder(folder)
  const planted = [folder, gitDirOf(folder)].filter((path) => isPlanted(path))
  if (planted.length > 0) return { signer, head: null, faults: planted.map(plantedFault) }
  const unreadable = placeFaultOf(folder)
  if (unreadable !== null) return { signer, head: null, faults: [unreadable] }
  if (!hasBranch(folder)) {
    const strange = strangeFiles(place)
    if (strange.length > 0) return { signer, head: null, faults: strange }
    if (readKeys(folder) !== 'broken') layOutRepository(folder, beginKeyHistory(signer, clock.now()))
  }
  completePending({ folder, signer, atPoint }, recheck)
  adoptSeeds(place, signer)
  const { head, faults } = auditHistoryNow({ folder, anchor: null, ownedByRoot: place.isSeparate })
  return { signer, head, faults: [...faults, ...keyFaults(folder, signer)] }
}

const folderGone = (folder: string): AuditFault => ({
  what: `${folder} is gone, and this keeper has signed rules before`,
  mend: 'put it back, or restore data/constraints from a backup',
})

/** Only then it shows whether there are signed rules in it: a new key would be none of theirs. */
const requireReadable = (folder: string): void => {
  const fault = isPlanted(folder) ? null : placeFaultOf(folder)
  if (fault !== null) throw new NodeError('KEEPER_FAILED', fault.what, { hint: fault.mend })
}

/** A link that leads nowhere is something, too. */
const isThere = (path: string): boolean => lstatSync(path, { throwIfNoEntry: false }) !== undefined

/** The shipped rules appear together or not at all. Staged beside the key, where nobody else can put a name. */
const layOutSeeds = ({ folder, keyFolder, seeds }: KeeperPlace): void => {
  const staging = join(keyFolder, 'constraints.new')
  rmSync(staging, { recursive: true, force: true })
  makeOpenFolder(staging)
  for (const name of readdirSync(seeds)) writeWhole(join(staging, name), readFileSync(join(seeds, name)))
  renameSync(staging, folder)
  syncFolder(dirname(folder)) // a key without them would stand for rules that are gone
}

/** A link, or somebody else's folder: what the keeper would write there could end up anywhere. */
const isPlanted = (path: string): boolean => {
  try {
    const found = lstatSync(path)
    return !found.isDirectory() || found.uid !== process.getuid?.()
  } catch {
    return false // nothing, or out of reach: then nothing is written there either
  }
}

const plantedFault = (path: string): AuditFault => ({
  what: `${path} is not a folder that the keeper made`,
  mend: 'move it elsewhere, and restore data/constraints from a backup when there is one',
})

const seedsOf = ({ seeds }: KeeperPlace): ReadonlyMap<string, string> =>
  new Map(
    readdirSync(seeds)
      .sort()
      .map((name) => [name, readFileSync(join(seeds, name), 'utf8')]),
  )

/** Before anything was signed, the folder must hold the shipped rules and nothing else. */
const strangeFiles = (place: KeeperPlace): readonly AuditFault[] => {
  const seeds = seedsOf(place)
  const present = readdirSync(place.folder).filter((name) => name !== '.git')
  const strange = present
    .filter((name) => !isSeed(place.folder, name, seeds) && parseFileName(name)?.part !== 'record')
    .map((name) => ({
      what: `${join(place.folder, name)} was never signed, and is not as plaited ships it`,
      mend: 'move it elsewhere; afterwards add it with: plaited constrain add FILE',
    }))
  const missing = [...seeds.keys()]
    .filter((name) => !present.includes(name))
    .map((name) => ({
      what: `${join(place.folder, name)} is missing, which plaited ships`,
      mend: `copy it back from ${place.seeds}; a signed rule can be retired: plaited constrain retire NAME --reason TEXT`,
    }))
  return [...strange, ...missing]
}

const isSeed = (folder: string, name: string, seeds: ReadonlyMap<string, string>): boolean => {
  const seed = Buffer.from(seeds.get(name) ?? '')
  const path = join(folder, name)
  const found = lstatSync(path) // a pipe would be waited for, a device read without end
  return seeds.has(name) && found.isFile() && found.size === seed.length && readFileSync(path).equals(seed)
}

/** Signs the shipped rules that lie there unsigned. */
const adoptSeeds = (place: KeeperPlace, signer: Signer): void => {
  const { folder, clock, atPoint } = place
  const present = new Set(readdirSync(folder))
  const seeds = seedsOf(place)
  for (const [file, source] of seeds) {
    const name = parseFileName(file)?.name
    const head = readBranch(folder)
    if (name === undefined || treeOf(folder, head).has(ruleFile(name))) continue
    if (!present.has(file) || !isSeed(folder, file, seeds)) continue
    const record = {
      ...{ v: 1 as const, rule: name, sha256: sha256Of(source), who: 'plaited', intent: 'shipped with plaited' },
      ...{ at: clock.now(), examples: null },
    }
    append({ folder, signer, atPoint }, planRule(record, source, head))
  }
}

/** A key that the history does not know would sign commits that no audit accepts. */
const keyFaults = (folder: string, signer: Signer): readonly AuditFault[] => {
  const isKnown = readPublicKeys(folder).at(-1) === signer.publicKey
  return isKnown
    ? []
    : [{ what: 'the constraint key is not the one that signed the rules', mend: 'restore data/keeper from a backup' }]
}
