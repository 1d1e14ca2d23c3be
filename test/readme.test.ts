/** README's promises: its transcript is what the demo prints, its table is the configuration, its commands exist. */
import { describe, expect, test } from 'bun:test'
import { join } from 'node:path'
import { COMMANDS } from '../src/commands/command-table.ts'
import { variables } from '../src/config.ts'
import { projectRoot } from './helpers.ts'
import { launcher, plaited, run, temporaryHome } from './run-plaited.ts'

const readme = await Bun.file(join(projectRoot, 'README.md')).text()

/** Ids change from run to run. */
const normalise = (text: string): string => text.replace(/\b[0-9a-f]{10}\b/g, '<commit>').trim()

describe('README', () => {
  test('shows the transcript that the demo prints', async () => {
    const [, transcript = ''] = /```transcript\n([\s\S]*?)```/.exec(readme) ?? []
    const { stdout } = await plaited(['demo'])
    expect(normalise(stdout)).toStartWith(normalise(transcript))
    expect(transcript.split('\n').length).toBeGreaterThan(10)
  })

  test('lists every setting with its default and meaning', () => {
    const rows = Object.entries(variables).map(([name, schema]) => {
      const fallback = schema.safeParse(undefined)
      const value = fallback.success && fallback.data !== undefined ? `\`${fallback.data}\`` : '-'
      return `| \`${name}\` | ${value} | ${schema.description} |`
    })
    const cells = (row: string) => row.replace(/\s*\|\s*/g, '|')
    for (const row of rows) expect(cells(readme)).toContain(cells(row))
  })

  test('names only commands that exist', () => {
    const named = [...readme.matchAll(/bin\/plaited ([a-z]+)/g)].map(([, name]) => name)
    expect(named).not.toBeEmpty()
    for (const name of named) expect(COMMANDS.map((command) => command.name)).toContain(name ?? '')
  })

  /** Runs elsewhere: `test` is what runs this, `start` is in first-hour.test.ts, `bench` takes most of a minute. */
  const ELSEWHERE = ['test', 'start', 'bench', 'events']
  /** Exit codes other than 0 that the text around a command announces. */
  const EXIT_CODES: Readonly<Record<string, number>> = { decide: 1, sandbox: 1 }
  const commands = [...readme.matchAll(/^ {4}bin\/plaited (.+?)(?: +#.*)?$/gm)].map(([, command = '']) => command)

  test.each(commands.filter((command) => !ELSEWHERE.includes(command.split(' ')[0] ?? '')))(
    'bin/plaited %s runs as it stands there',
    async (command) => {
      using home = temporaryHome()
      const name = command.split(' ')[0] ?? ''
      const { exitCode } = await run(['sh', '-c', `${launcher} ${command}`], {
        environment: { PLAITED_HOME: home.path },
        stdin: 'help\n',
      })
      expect(exitCode).toBe(EXIT_CODES[name] ?? 0)
    },
  )
})
