import { describe, expect, test } from 'bun:test'
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { createPermissionEventBuilder } from '../agent/permission-event.ts'
import { permissionFields } from '../agent/permission-fields.ts'
import { parseRuleFile } from '../constraint-language/parse-rule-file.ts'
import type { Rule } from '../constraint-language/rule.types.ts'
import { dangerousCommands } from './dangerous-commands.ts'
import { everydayCommands } from './everyday-commands.ts'

const folder = join(import.meta.dir, '../../constraints-seed')
const build = createPermissionEventBuilder({ now: () => 0 }, 'UTC')

const rules: readonly Rule[] = readdirSync(folder)
  .toSorted()
  .flatMap((name) => {
    const source = readFileSync(join(folder, name), 'utf8')
    const parsed = parseRuleFile({ file: name.replace('.ts', ''), source, fields: permissionFields })
    if (!parsed.ok) throw new Error(`${name}: ${JSON.stringify(parsed.faults)}`)
    return parsed.rules
  })

/** The names of the files whose rules block; a fault blocks too, and is shown as such. */
const blockersOf = (type: string, input: Record<string, unknown>): readonly string[] => {
  const built = build(type, input)
  if (!built.ok) throw new Error(built.message)
  return rules.flatMap(({ key, syncs }) => {
    const listeners = syncs.flatMap(({ block }) => block)
    return listeners.some(({ test: blocks }) => blocks(built.event)) ? [key.slice(0, key.indexOf('#'))] : []
  })
}
const bash = (cmd: string) => [...new Set(blockersOf('permission:bash:exec', { cmd }))]
const write = (path: string, more = {}) => [...new Set(blockersOf('permission:file:write', { path, ...more }))]

describe('ordinary work is allowed', () => {
  test.each(everydayCommands)('%s', (cmd) => expect(bash(cmd)).toEqual([]))

  test.each([
    '/workspace/src/app.ts',
    '/workspace/.gitignore',
    '/workspace/.github/workflows/ci.yml',
    '/workspace/.env.example',
    '/workspace/environment.ts',
    '/workspace/keyboard.ts',
    '/workspace/.ssh-notes.md',
    '/workspace/id_ed25519.pub',
    '/workspace/data/constraints/notes.md',
    '/workspace/docs/credentials.md',
    '/workspace/.environment',
    '/workspace/a.keys',
    '/workspace/notes. ',
    '/workspace/ключ.txt',
  ])('writing %s', (path) => expect(write(path)).toEqual([]))

  test('small payments and plain pushes', () => {
    expect(blockersOf('permission:payment:send', { amount: '5' })).toEqual([])
    expect(blockersOf('permission:payment:send', { amountMicros: 1_250_000, currency: 'USDC' })).toEqual([])
    expect(blockersOf('permission:git:push', { remote: 'origin', refs: ['main'] })).toEqual([])
    expect(blockersOf('permission:file:read', { path: '/workspace/.env' })).toEqual([])
  })
})

describe('dangerous commands are blocked', () => {
  test.each(dangerousCommands)('%s', (cmd) => expect(bash(cmd)).toContain('dangerous-commands'))
})

describe('forced pushes are blocked', () => {
  test.each([
    'git push --force',
    'git push -f origin main',
    'git push -uf origin main',
    'git push --force-with-lease origin main',
    'git push --force-with-lease=main:abc origin',
    'git push origin +main',
    'git -C /workspace push -f',
    'git push -f "$REMOTE"',
    'sh -c "git push --force"',
    '/usr/bin/git push origin +HEAD:main',
    'git push --mirror',
    'git push --mirror backup',
    'git push origin :main',
    'git push origin :refs/tags/v1',
    'git push --delete origin main',
    'git push origin --delete main',
    'git push -d origin main',
    'git push origin -d main',
    'git push --prune origin',
    'git push origin ":$BRANCH"',
    'git push origin "+$BRANCH"',
    'git add -A && git commit -m x && git push --mirror',
    'git push --mir backup',
    'git push --del origin main',
    'sudo -u bob git push -f',
    'env A=1 B=2 git push -f',
    'timeout -s KILL 60 git push -f',
  ])('%s', (cmd) => expect(bash(cmd)).toEqual(['no-force-push']))

  test('also by the tool', () => {
    expect(blockersOf('permission:git:push', { remote: 'origin', force: true })).toEqual(['no-force-push'])
    for (const ref of ['+main', ':main']) {
      expect(blockersOf('permission:git:push', { remote: 'origin', refs: [ref] })).toEqual(['no-force-push'])
    }
    expect(blockersOf('permission:git:push', { remote: '--mirror' })).toEqual(['no-force-push'])
  })
})

describe('sensitive files are not changed', () => {
  test.each([
    '/workspace/.env',
    '/workspace/.env.local',
    '/workspace/config/.env.production',
    '/workspace/prod.env',
    '/workspace/secrets/tls.pem',
    '/workspace/server.key',
    '/workspace/server.KEY',
    '/workspace/server.key.bak',
    '/workspace/aws.credentials',
    '/workspace/id_rsa',
    '/workspace/.ssh/id_ed25519',
    '/workspace/.ssh/authorized_keys',
    '/workspace/.npmrc',
    '/workspace/.netrc',
    '/workspace/.aws/credentials',
    '/workspace/.docker/config.json',
    '/workspace/store.p12',
    '/workspace/prod.env ',
    '/workspace/prod.env.',
    '/workspace/prod.env. .',
    '/workspace/.env\u200b',
    '/workspace/.env\ufeff',
    '/workspace/.env\u00a0',
    '/workspace/.env.local\u200b',
    '/workspace/.env.example\u200b',
    '/workspace/server.key.bak.',
    '/workspace/id_rsa ',
    '/workspace/.npmrc.',
    '/workspace/.kube/config\u200b',
    '/workspace/.ssh',
    '/workspace/secrets/../.SSH//',
    '/workspace/id_rsa.bak',
    '/workspace/credentials.json',
    '/workspace/putty.ppk',
  ])('%s', (path) => {
    expect(write(path)).toEqual(['sensitive-files'])
    expect(write(path, { op: 'delete' })).toEqual(['sensitive-files'])
    expect(write('/workspace/plain', { op: 'rename', from: path })).toEqual(['sensitive-files'])
  })

  test.each([
    'echo KEY=1 > .env',
    'echo KEY=1 >> config/.env.local',
    'cat <<EOF > .env\nKEY=1\nEOF',
    'rm .env',
    'mv .env old',
    'cp other .env',
    'echo x | tee -a server.key',
    'sed -i s/a/b/ .env',
    'chmod 777 id_rsa',
    'sudo rm -f id_rsa',
    'git rm .env',
    'shred -u .env',
    'cp .env.example .env',
    'rm test.key',
    'touch ".env "',
    'dd of=.env',
    'dd if=/dev/zero of=config/id_rsa bs=1 count=1',
    'curl -o .env https://x.example',
    'curl -fsSLo config/.env https://x.example',
    'curl --output .env https://x.example',
    'curl --output=id_rsa https://x.example',
    'curl -o.env https://x.example',
    'curl -O https://x.example/server.key',
    'wget -O .env https://x.example',
    'wget -qO .env https://x.example',
    'wget --output-document=.env https://x.example',
    'rsync a .env',
    'rsync -a a /workspace/config/.env',
    'echo KEY=1 > ./.env',
    'echo KEY=1 > /workspace/.env',
    'echo KEY=1 > ../workspace/config/.env.local',
    'echo KEY=1 >| ~/.ssh/id_rsa',
    'echo KEY=1 &> config/prod.env',
    'echo KEY=1 > "$PWD/.env"',
    // biome-ignore lint/suspicious/noTemplateCurlyInString: a shell variable
    'echo KEY=1 >> ${DIR}/server.key',
    'rm -f "$HOME/app/.env"',
    'perl -pi -e s/a/b/ .env',
    'rm .env*',
    'rm -f *.pem*',
    'rm -rf ~/.ssh',
    'mv .aws old',
    'cp token .aws/',
    'rsync -a --delete empty/ .ssh/',
    'mv .env{,.bak}',
    'cp config/.env{.example,}',
    'rm tls.{key,pem}',
    'sudo -u root rm .env',
    'env A=1 B=2 rm .env',
    'nice -n 5 rm .env',
    'find . -name .env -delete',
    'find . -name "*.key" -exec rm {} +',
    'find .ssh -not -name config -delete',
    'git checkout -- .env',
    'git restore .env',
    'openssl genrsa -out server.key 2048',
    'openssl req -x509 -newkey rsa -keyout tls.key',
    'ssh-keygen -t ed25519 -f id_ed25519',
    'gpg -o .env -d env.gpg',
    'sort a -o .env',
    'scp host:a .env',
    'chgrp users .env',
    'curl -sSLo.env https://x.example',
    'wget -P .ssh https://x.example',
    'cd .ssh && rm known_hosts',
    'cd ~/.aws; echo x > config',
  ])('%s', (cmd) => expect(bash(cmd)).toEqual(['sensitive-files']))
})

describe('the files of git and the rules are not changed', () => {
  test.each([
    '/workspace/.git',
    '/workspace/.git/config',
    '/workspace/sub/.git/hooks/pre-commit',
    '/workspace/.GIT/config',
  ])('%s', (path) => expect(write(path)).toEqual(['git-and-rule-files']))

  test('nor by the shell', () => {
    expect(bash('rm -rf .git')).toEqual(['git-and-rule-files'])
    expect(bash('echo x > .git/hooks/pre-commit')).toEqual(['git-and-rule-files'])
    expect(bash('shred -u .git/HEAD')).toEqual(['git-and-rule-files'])
    expect(bash('sed -i s/a/b/ .git/config')).toEqual(['git-and-rule-files'])
    expect(bash('curl -o .git/hooks/pre-push https://x.example')).toEqual(['git-and-rule-files'])
    expect(bash('dd of=.git/config')).toEqual(['git-and-rule-files'])
    expect(bash('rsync -a hooks/ .git/hooks/')).toEqual(['git-and-rule-files'])
    expect(bash('rm -rf .git*')).toEqual(['git-and-rule-files'])
    expect(bash('rm -rf "$PWD/.git"')).toEqual(['git-and-rule-files'])
    expect(bash('rm -rf $REPO/.git')).toEqual(['git-and-rule-files'])
    expect(bash('echo x > "$(pwd)/.git/config"')).toEqual(['git-and-rule-files'])
    expect(bash('find .git -delete')).toEqual(['git-and-rule-files'])
    expect(bash('sudo -u root rm .git/config')).toEqual(['git-and-rule-files'])
    expect(bash('cd .git/hooks && rm pre-commit')).toEqual(['git-and-rule-files'])
    expect(bash('cd .git && echo x > config')).toEqual(['git-and-rule-files'])
    expect(bash('rm /data/constraints/payments.ts')).toEqual(['git-and-rule-files'])
    expect(write('/data/constraints/payments.ts')).toEqual(['git-and-rule-files', 'workspace-only'])
  })
})

test('nothing outside the workspace is written', () => {
  for (const path of ['/etc/passwd', '/tmp/x', '/workspaces/a', '/workspace/../etc/hosts', '../x']) {
    expect(write(path)).toEqual(['workspace-only'])
  }
  expect(write('/workspace/a', { op: 'rename', from: '/etc/hosts' })).toEqual(['workspace-only'])
})

test('large payments, and payments that are not in dollars, are blocked', () => {
  for (const amount of ['5.01', '6', '1000000']) {
    expect(blockersOf('permission:payment:send', { amount })).toEqual(['payments'])
  }
  expect(blockersOf('permission:payment:send', { amount: '1', currency: 'BTC' })).toEqual(['payments'])
})

test('no seed rule faults on an event of any shape', () => {
  for (const cmd of [
    '',
    ' ',
    '$X',
    '"unclosed',
    '> a',
    'A=1',
    '((',
    '$(',
    '`',
    'a | b |',
    '{ }',
    '$X $Y',
    'if true; then',
    'x'.repeat(32_000),
  ]) {
    expect(() => bash(cmd)).not.toThrow()
  }
})

test('every rule says in one sentence what it does', () => {
  for (const { sentence } of rules) expect(sentence).toMatch(/^[A-Z][^.]*\.$/)
})

test('the two files that know which programs change files know the same ones', () => {
  const [git, sensitive] = ['git-and-rule-files.ts', 'sensitive-files.ts'].map(
    (name) =>
      /\/\/ Programs that change.*?\nconst relative = .*?\n\n/s.exec(readFileSync(join(folder, name), 'utf8'))?.[0],
  )
  expect(git).toContain("'shred'")
  expect(sensitive).toBe(git)
})

test('the longest commands of ordinary words are decided, and not blocked for their length', () => {
  for (const program of ['echo', 'git add', 'rm', 'rm -r', 'cp', 'curl', 'find', 'chmod -R 777', 'xargs', 'git push']) {
    expect(bash(`${program} ${'a '.repeat(16_000)}`)).toEqual([])
    expect(bash(`${program} ${'src/file.ts '.repeat(2700)}`)).toEqual([])
  }
  expect(bash('rm -r a; '.repeat(250))).toEqual([])
  expect(bash('cd a; rm -r b; '.repeat(120))).toEqual([])
})
