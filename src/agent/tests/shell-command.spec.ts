import { describe, expect, test } from 'bun:test'
import fc from 'fast-check'
import { parseShellCommand } from '../shell-command.ts'

const argvs = (script: string) => parseShellCommand(script).commands.map((command) => command.argv)

describe('parseShellCommand', () => {
  test('a quoted word is read as the shell would read it', () => {
    expect(argvs(`rm -rf "/" 'a b' $'c\\td'`)).toEqual([['rm', '-rf', '/', 'a b', 'c\td']])
  })

  test('a word that only the shell knows is null and marks the command dynamic', () => {
    const parsed = parseShellCommand('rm -rf "$HOME" $(pwd)/x')
    expect(parsed.commands[0]).toEqual({ argv: ['rm', '-rf', null, null], dynamic: true, via: 'direct' })
    expect(parsed.dynamic).toBe(true)
  })

  test('every command of a list, a pipe, a loop, a function and a substitution is found', () => {
    const parsed = parseShellCommand('a; b | c && (d); for i in 1; do e; done; f() { g; }; h "$(i)" <(j)')
    expect(parsed.programs).toEqual(['a', 'b', 'c', 'd', 'e', 'g', 'h', 'i', 'j'])
    expect(parsed.commands.find((command) => command.argv[0] === 'i')?.via).toBe('substitution')
  })

  test('what sudo, env, xargs and the like run counts among the programs', () => {
    expect(parseShellCommand('sudo -u bob /usr/bin/curl x').programs).toEqual(['sudo', 'bob', 'curl', 'x'])
    expect(parseShellCommand('env A=1 wget').programs).toEqual(['env', 'wget'])
    expect(parseShellCommand('ls | xargs -n 1 "$X" rm').programs).toEqual(['ls', 'xargs', '1', 'rm'])
    expect(parseShellCommand('find . -name x -exec env curl {} \\; -ok rm {} +').programs).toEqual(
      expect.arrayContaining(['find', 'env', 'curl', 'rm']),
    )
    for (const wrapped of [
      "watch -n 1 'curl x'",
      "su bob -c 'ls;curl x'",
      'flock /l /usr/bin/curl x',
      "env -S 'curl x'",
    ])
      expect(parseShellCommand(wrapped).programs).toContain('curl')
    expect(parseShellCommand('ls curl').programs).toEqual(['ls'])
    expect(parseShellCommand('find curl -name curl').programs).toEqual(['find'])
  })

  test('a script given to another shell is read, also behind sudo, env and eval', () => {
    for (const script of [
      `bash -c 'rm -rf /'`,
      `sudo sh -xc "rm -rf /"`,
      'eval "rm -rf /"',
      `env A=1 bash -c 'rm -rf /'`,
      `bash -cx 'rm -rf /'`,
      `bash -c -x -- 'rm -rf /' name`,
      `bash -co pipefail +x 'rm -rf /'`,
    ]) {
      expect(argvs(script)).toContainEqual(['rm', '-rf', '/'])
    }
  })

  test('a glob keeps its text, a redirect its target', () => {
    expect(argvs('rm -rf /*')).toEqual([['rm', '-rf', '/*']])
    expect(parseShellCommand('echo x >> .env').redirects).toEqual([{ op: '>>', target: '.env' }])
  })

  test('what does not parse says so and counts as dynamic', () => {
    const parsed = parseShellCommand('if then')
    expect(parsed.parseError).toBeString()
    expect(parsed.dynamic).toBe(true)
  })

  test('shells nested without end stop at a limit instead of the stack', () => {
    let script = 'true'
    for (let depth = 0; depth < 6; depth++) script = `bash -c ${JSON.stringify(script)}`
    expect(parseShellCommand(script).parseError).toContain('nested deeper')
  })

  test.each(['$(', '"$(', '<(', '>(', '"${a:-', '$(a) '])('a command full of %p is not even parsed', (unit) => {
    const full = parseShellCommand(unit.repeat(300))
    expect(full).toMatchObject({ commands: [], parseError: 'more than 256 expansions', dynamic: true })
    expect(parseShellCommand(unit.repeat(256)).parseError).not.toBe('more than 256 expansions')
  })

  test('no text makes it throw', () => {
    fc.assert(fc.property(fc.string({ maxLength: 200, unit: 'binary' }), (script) => void parseShellCommand(script)))
  })
})
