/**
 * Kills a node again and again: at every point that it names, at the n-th transaction of a run for each n, and at random
 * times. Several homes die side by side, each through many crashes; what one leaves, the next start goes on with. A dice
 * with a seed decides, so that a plan can be played again (a time is not a place, so its random times fall differently).
 */
import { type CrashHome, createCrashHome, ignoreEffects, LIVES, type RunRequest } from './crash-home.ts'
import { examine, type Findings } from './examine.ts'
import type { Letter } from './mailbox.ts'
import { AFTERWARDS, DAY_CAP_USD, RAISE, SCENES, type Scene } from './scenes.ts'

/** A home is left after so many kills: its history is long enough then, and its budget has been raised often. */
const HOME_KILLS = 40
/** Kills between two looks at everything. */
const EXAMINE_KILLS = 20
/** As many homes as the smallest machine has cores. */
const HOMES_AT_ONCE = 2
/** Kills in a row that are aimed at the turn which the one before left: one more than a turn survives. */
const INSISTING_KILLS = 4
/** One of so many kills is followed by insisting ones. */
const INSISTS_EVERY = 20
/** One of so many kills comes when a command has had its effect and has no result yet. */
const EFFECT_SHARE = 8
/** One of so many others comes at a random time. */
const TIMED_SHARE = 3
/** One of so many runs finds nobody there to take its first reply. */
const REFUSES_FIRST_EVERY = 5
/** Aims per kill before the campaign says that it cannot reach its number. */
const AIMS_PER_KILL_MAX = 3

type Aim = {
  readonly scene: Scene
  readonly killAt: RunRequest['killAt']
  readonly killAfter?: NonNullable<RunRequest['killAfter']>
  readonly refusesFirst: boolean
}

export type CampaignReport = {
  readonly kills: number
  readonly byPoint: ReadonlyMap<string, number>
  /** Points that a life without a kill passes. */
  readonly known: ReadonlySet<string>
  readonly findings: Findings
}

/** @throws when anything was lost or doubled, or when a point was not reached. */
export const runCampaign = async ({
  kills,
  seed,
  onProgress,
}: {
  readonly kills: number
  readonly seed: number
  readonly onProgress: (kills: number) => void
}): Promise<CampaignReport> => {
  const dice = createDice(seed)
  const profile = await profileScenes()
  const aims = planAims(profile, kills, dice)
  const byPoint = new Map<string, number>()
  const findings: Findings[] = [profile.findings]
  let killed = 0
  let aimed = 0

  const note = (point: string): void => {
    byPoint.set(point, (byPoint.get(point) ?? 0) + 1)
    onProgress(++killed)
  }
  const missed = (): string | undefined => [...profile.known].find((point) => !byPoint.has(point))
  const isDone = (): boolean => killed >= kills && missed() === undefined
  const nextAim = (): Aim => {
    if (++aimed > kills * AIMS_PER_KILL_MAX) throw new Error(`${killed} kills after ${aimed} aims, none at ${missed()}`)
    const point = missed()
    return aims.shift() ?? (point === undefined ? atRandomTime(profile, dice) : atPoint(profile, point, dice))
  }
  const liveAndDie = async (index: number): Promise<void> => {
    using life = await createLife({ keyed: index % 2 === 0, dice, note, firstStartMs: 1 + dice(2 * profile.longestMs) })
    for (let deaths = 0; !isDone() && deaths < HOME_KILLS;) {
      const before = deaths
      deaths += await life.die(nextAim())
      if (Math.floor(deaths / EXAMINE_KILLS) > Math.floor(before / EXAMINE_KILLS)) await life.examine()
    }
    findings.push(await life.examine())
  }
  let homes = 0
  const lane = async (): Promise<void> => {
    while (!isDone()) await liveAndDie(homes++)
  }
  await Promise.all(Array.from({ length: HOMES_AT_ONCE }, lane))
  return { kills: killed, byPoint, known: profile.known, findings: sumUp(findings) }
}

const sumUp = (findings: readonly Findings[]): Findings => {
  const sums: Record<string, number> = {}
  for (const [name, count] of findings.flatMap(Object.entries)) sums[name] = (sums[name] ?? 0) + count
  return sums
}

/** One home with its run numbers. */
const createLife = async ({
  keyed,
  dice,
  note,
  firstStartMs,
}: {
  readonly keyed: boolean
  readonly dice: Dice
  readonly note: (point: string) => void
  /** Its very first start is killed after this time. */
  readonly firstStartMs: number
}) => {
  const home = createCrashHome({ keyed, dayCapUsd: DAY_CAP_USD })
  let n = 0

  const attempt = async (request: RunRequest): Promise<boolean> => {
    const { wasKilled, points } = await home.run(request)
    if (wasKilled) note(request.killAt ? (points.at(-1) ?? 'start') : 'random time')
    return wasKilled
  }

  await attempt({ ...LIVES, letters: [...AFTERWARDS(0), RAISE(0)], killAfter: { ms: firstStartMs, since: 'spawn' } })
  await begin(home, [])

  return {
    /** @returns how often it died. */
    die: async ({ scene, ...aim }: Aim): Promise<number> => {
      if (!(await attempt({ ...scene.play(++n), ...aim }))) return 0
      if (dice(INSISTS_EVERY) > 0) return 1
      let deaths = 1
      for (let again = 0; again < INSISTING_KILLS; again++) {
        const insisting = { point: again === 0 ? 'turn.resume' : 'decision', occurrence: 1 }
        if (await attempt({ ...LIVES, letters: [], killAt: insisting })) deaths++
      }
      return deaths
    },
    examine: async (): Promise<Findings> => {
      await home.run({ ...LIVES, letters: AFTERWARDS(++n) })
      return examine(home)
    },
    [Symbol.dispose]: home[Symbol.dispose],
  }
}

const begin = async (home: CrashHome, letters: readonly Letter[]): Promise<void> => {
  await home.run({ ...LIVES, letters })
  ignoreEffects(home)
}

type Profile = {
  readonly scenes: readonly { readonly scene: Scene; readonly points: readonly string[] }[]
  readonly known: ReadonlySet<string>
  readonly longestMs: number
  readonly findings: Findings
}

/** Each scene once, without a kill: what there is to aim at. */
const profileScenes = async (): Promise<Profile> => {
  using home = createCrashHome({ keyed: true, dayCapUsd: DAY_CAP_USD })
  await begin(home, AFTERWARDS(0))
  const scenes: Profile['scenes'][number][] = []
  let longestMs = 0
  for (const [n, scene] of SCENES.entries()) {
    const { points, elapsedMs } = await home.run({ ...LIVES, ...scene.play(n + 1), refusesFirst: n === 0 })
    scenes.push({ scene, points })
    longestMs = Math.max(longestMs, Math.ceil(elapsedMs))
  }
  await home.run({ ...LIVES, letters: AFTERWARDS(SCENES.length + 1) })
  const known = new Set(scenes.flatMap(({ points }) => points))
  return { scenes, known, longestMs, findings: examine(home) }
}

/** Every named point, effects, random times, and the transactions of the scenes, round after round. */
const planAims = (profile: Profile, kills: number, dice: Dice): Aim[] => {
  const { scenes, known } = profile
  const named = [...known].map((point) => atPoint(profile, point, dice))
  const numbered = scenes.flatMap(({ scene, points }) =>
    points.map((_, at): Aim => ({ ...withDice(dice), scene, killAt: { point: null, occurrence: at + 1 } })),
  )
  const effects = Array.from({ length: Math.floor(kills / EFFECT_SHARE) }, () => atPoint(profile, 'effect', dice))
  const rest = Math.max(0, kills - named.length - effects.length)
  const timed = Array.from({ length: Math.ceil(rest / TIMED_SHARE) }, () => atRandomTime(profile, dice))
  const rounds = Array.from({ length: Math.ceil(rest / numbered.length) }, () => shuffle(numbered, dice))
  return shuffle([...named, ...effects, ...timed, ...rounds.flat().slice(0, rest - timed.length)], dice)
}

const atPoint = ({ scenes }: Profile, point: string, dice: Dice): Aim => ({
  scene: pick(
    scenes.filter(({ points }) => points.includes(point)),
    dice,
  ).scene,
  killAt: { point, occurrence: 1 },
  refusesFirst: point === 'outbox.unsent',
})

const atRandomTime = ({ scenes, longestMs }: Profile, dice: Dice): Aim => ({
  ...withDice(dice),
  scene: pick(scenes, dice).scene,
  killAt: null,
  killAfter: { ms: dice(longestMs), since: 'open' },
})

const withDice = (dice: Dice) => ({ refusesFirst: dice(REFUSES_FIRST_EVERY) === 0 })

/** A whole number from 0 up to, and without, its argument. */
type Dice = (sides: number) => number

/** Mulberry32: small, and even enough to choose places by. */
const createDice = (seed: number): Dice => {
  let state = seed
  return (sides) => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return Math.floor((((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32) * sides)
  }
}

const pick = <T>(items: readonly T[], dice: Dice): T => {
  const item = items[dice(items.length)]
  if (item === undefined) throw new Error('nothing to choose from')
  return item
}

const shuffle = <T>(items: readonly T[], dice: Dice): T[] =>
  items
    .map((item) => ({ item, place: dice(2 ** 31) }))
    .toSorted((a, b) => a.place - b.place)
    .map(({ item }) => item)
