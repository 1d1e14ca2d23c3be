import type { ParseArgsConfig } from 'node:util'

/** Where a command reads and writes; tests hand in their own. */
export type Io = {
  readonly out: (text: string) => void
  readonly error: (text: string) => void
  readonly stdin: NodeJS.ReadableStream
  readonly isTerminal: boolean
}

/** Options as they were given; one without a value is true. */
export type Options = Readonly<Record<string, string | true | undefined>>

export type Invocation = {
  readonly positionals: readonly string[]
  readonly values: Options
  readonly home: string | undefined
  readonly json: boolean
  readonly io: Io
  /** Aborts at SIGINT or SIGTERM. */
  readonly signal: AbortSignal
}

/** Resolves with the exit code: 0 done, 1 refused or failed, 2 usage, 78 configuration. */
export type RunCommand = (invocation: Invocation) => Promise<number>

export type CommandEntry = {
  readonly name: string
  readonly summary: string
  /** What stands in its usage behind the common options. */
  readonly takes?: string
  readonly options?: NonNullable<ParseArgsConfig['options']>
  /** Words that it takes behind its options; default none. */
  readonly positionalsMax?: number
  /** It answers people only: `--json` is refused. */
  readonly refusesJson?: true
  /** `--home` changes nothing, and its usage leaves it out. */
  readonly usesNoHome?: true
  /** It ends by itself, in order, when its signal aborts. */
  readonly endsAtSignal?: true
  /** Everything behind the name is handed over unparsed. */
  readonly raw?: true
  readonly load: () => Promise<RunCommand>
}
