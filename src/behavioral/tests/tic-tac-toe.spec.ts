/** A whole program in the style the engine is for: every rule of the game and of the strategy is a thread of its own. */
import { describe, expect, test } from 'bun:test'
import { bSync } from '../b-sync.ts'
import { bThread } from '../b-thread.ts'
import { behavioral } from '../behavioral.ts'
import type { RulesFunction } from '../behavioral.types.ts'
import { on } from '../on.ts'

type Player = 'X' | 'O'
type Move = { readonly square: number }

const SQUARES = [0, 1, 2, 3, 4, 5, 6, 7, 8] as const
const CORNERS = [0, 2, 6, 8] as const
const SIDES = [1, 3, 5, 7] as const
const LINES = [
  [0, 1, 2],
  [3, 4, 5],
  [6, 7, 8],
  [0, 3, 6],
  [1, 4, 7],
  [2, 5, 8],
  [0, 4, 8],
  [2, 4, 6],
] as const

const takes = (player: Player | readonly Player[], squares: readonly number[]) =>
  on<Move>(player, ({ detail }) => squares.includes(detail.square))
const awaitMove = (player: Player, squares: readonly number[]) => bSync({ waitFor: takes(player, squares) })
const requestO = (square: number) => bSync({ request: { type: 'O', detail: { square } } })

type Threads = Record<string, RulesFunction>
const collect = (...groups: readonly (readonly (readonly [string, RulesFunction])[])[]): Threads =>
  Object.fromEntries(groups.flat())

const enforceTurns = bThread([bSync({ waitFor: 'X', block: 'O' }), bSync({ waitFor: 'O', block: 'X' })], true)

const squareTakenOnce = SQUARES.map((square) => {
  const taken = takes(['X', 'O'], [square])
  return [`square ${square} is taken once`, bThread([bSync({ waitFor: taken }), bSync({ block: taken })])] as const
})

const detectWins = (['X', 'O'] as const).flatMap((player) =>
  LINES.map((line) => {
    const move = awaitMove(player, line)
    const win = bSync({ request: { type: 'win', detail: { player, line } } })
    return [`${player} wins ${line}`, bThread([move, move, move, win])] as const
  }),
)

const stopAfterWin = bThread([bSync({ waitFor: 'win' }), bSync({ block: ['X', 'O'] })])

/** Once a player has two squares of a line, O asks for each square of it; only the free one is not blocked. */
const takeThird = (player: Player) =>
  LINES.flatMap((line) =>
    line.map((square) => {
      const move = awaitMove(player, line)
      return [`O takes ${square} after two ${player} in ${line}`, bThread([move, move, requestO(square)])] as const
    }),
  )

/** X in two opposite corners forks at either of the others, so O must attack from a side instead. */
const answerOppositeCorners = (
  [
    [0, 8],
    [8, 0],
    [2, 6],
    [6, 2],
  ] as const
).flatMap(([first, second]) =>
  SIDES.map((side) => {
    const rules = [awaitMove('X', [first]), awaitMove('X', [second]), requestO(side)]
    return [`O answers ${first},${second} with ${side}`, bThread(rules)] as const
  }),
)

/** X beside a corner in both directions forks there. */
const closeFork = [
  { corner: 0, row: [1, 2], column: [3, 6] },
  { corner: 2, row: [0, 1], column: [5, 8] },
  { corner: 6, row: [7, 8], column: [0, 3] },
  { corner: 8, row: [6, 7], column: [2, 5] },
].flatMap(({ corner, row, column }) => [
  [`O closes ${corner}, row first`, bThread([awaitMove('X', row), awaitMove('X', column), requestO(corner)])] as const,
  [
    `O closes ${corner}, column first`,
    bThread([awaitMove('X', column), awaitMove('X', row), requestO(corner)]),
  ] as const,
])

/** Repeated, because any move of O fulfils every request for one: requests are fulfilled by type. */
const prefer = (squares: readonly number[]) =>
  squares.map((square) => [`O prefers ${square}`, bThread([requestO(square)], true)] as const)

const strategy: Threads = collect(
  [['enforce turns', enforceTurns]],
  squareTakenOnce,
  detectWins,
  [['stop after a win', stopAfterWin]],
  takeThird('O'),
  takeThird('X'),
  answerOppositeCorners,
  closeFork,
  prefer([4, ...CORNERS, ...SIDES]),
)

const start = (threads: Threads) => {
  const { bThreads, trigger, useFeedback, decide, explain } = behavioral<{
    X: Move
    O: Move
    win: { player: Player }
  }>()
  const board = new Map<number, Player>()
  const winners: Player[] = []
  useFeedback({
    X: ({ square }) => void board.set(square, 'X'),
    O: ({ square }) => void board.set(square, 'O'),
    win: ({ player }) => void winners.push(player),
  })
  bThreads.set(threads)
  const play = (player: Player, square: number): void => trigger({ type: player, detail: { square } })
  const text = (): string => SQUARES.map((square) => board.get(square) ?? '.').join('')
  return { board, winners, play, text, decide, explain }
}

const rulesOnly = collect([['enforce turns', enforceTurns]], squareTakenOnce, detectWins, [
  ['stop after a win', stopAfterWin],
])

describe('tic-tac-toe', () => {
  test('without threads anybody may do anything', () => {
    const { play, text } = start({})
    play('O', 4)
    play('O', 4)
    play('X', 4)
    expect(text()).toBe('....X....')
  })

  test('a player who moves twice in a row is not heard', () => {
    const { play, text } = start(rulesOnly)
    play('X', 0)
    play('X', 1)
    expect(text()).toBe('X........')
  })

  test('a taken square stays with its owner', () => {
    const { play, text } = start(rulesOnly)
    play('X', 0)
    play('O', 0)
    expect(text()).toBe('X........')
  })

  test('three in a line win, and nobody moves after that', () => {
    const { play, text, winners } = start(rulesOnly)
    const moves = [
      ['X', 0],
      ['O', 3],
      ['X', 1],
      ['O', 4],
      ['X', 2],
      ['O', 5],
    ] as const
    for (const [player, square] of moves) play(player, square)
    expect(text()).toBe('XXXOO....')
    expect(winners).toEqual(['X'])
  })

  test('an illegal move is denied by the name of the rule', () => {
    const { decide, explain } = start(rulesOnly)
    expect(decide({ type: 'X', detail: { square: 0 } }).allowed).toBe(true)
    const blockedBy = ['enforce turns', 'square 0 is taken once']
    expect(explain({ type: 'X', detail: { square: 0 } }).blockedBy.toSorted()).toEqual(blockedBy)
  })

  test('O answers each move at once: it blocks two in a line and completes its own', () => {
    const { play, text, winners } = start(strategy)
    play('X', 0)
    expect(text()).toBe('X...O....')
    play('X', 1)
    expect(text()).toBe('XXO.O....')
    play('X', 8)
    expect(text()).toBe('XXO.O.O.X')
    expect(winners).toEqual(['O'])
  })

  test('X wins no game, whatever it plays', () => {
    const outcomes = { X: 0, O: 0, draw: 0 }
    const explore = (moves: readonly number[]): void => {
      const { board, winners, play } = start(strategy)
      for (const square of moves) play('X', square)
      const [winner] = winners
      if (winner === undefined) expect(board.size).toBe(Math.min(2 * moves.length, SQUARES.length))
      const isOver = winner !== undefined || board.size === SQUARES.length
      if (isOver) outcomes[winner ?? 'draw'] += 1
      const free = isOver ? [] : SQUARES.filter((square) => !board.has(square))
      for (const square of free) explore([...moves, square])
    }
    explore([])
    expect(outcomes.X).toBe(0)
    expect(outcomes.O).toBeGreaterThan(0)
    expect(outcomes.draw).toBeGreaterThan(0)
  })
})
