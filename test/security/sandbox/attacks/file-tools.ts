import { existsSync, lstatSync, readdirSync, readFileSync, readlinkSync } from 'node:fs'
import { join } from 'node:path'
import type { SandboxOutcome, ToolOperation } from '../../../../src/agent/agent.types.ts'
import type { Attack, Scene } from '../attack.types.ts'

const tool = (name: string, attempt: Attack['attempt']): Attack => ({ group: 'file tools', name, attempt })

const read = (path: string): ToolOperation => ({ kind: 'read', path, offset: null, limit: null })
const write = (path: string, content: string): ToolOperation => ({ kind: 'write', path, content })
const edit = (path: string, oldString: string, newString: string): ToolOperation => ({
  kind: 'edit',
  path,
  oldString,
  newString,
  replaceAll: true,
})
const glob = (pattern: string, path = '/workspace'): ToolOperation => ({ kind: 'glob', pattern, path })
const grep = (pattern: string, path = '/workspace', only: string | null = null): ToolOperation => ({
  kind: 'grep',
  pattern,
  path,
  glob: only,
})

/** Runs each; the general verdict looks at what came. Says which of them were done at all. */
const all = async ({ run }: Scene, operations: readonly ToolOperation[]): Promise<readonly SandboxOutcome[]> => {
  const outcomes: SandboxOutcome[] = []
  for (const operation of operations) outcomes.push(await run(operation))
  return outcomes
}
const done = (outcomes: readonly SandboxOutcome[]): string | null => {
  const found = outcomes.findIndex(({ kind }) => kind !== 'failed')
  return found < 0 ? null : `attempt ${found + 1} was done: ${JSON.stringify(outcomes[found]).slice(0, 200)}`
}

const RACE_ROUNDS = 40

/** Swaps a harmless thing with a link as fast as it can, while the tool is used again and again. */
const race = async (scene: Scene, swap: string, operation: ToolOperation): Promise<void> => {
  const stop = new AbortController()
  const ready = join(scene.hostFolder, 'ready')
  const swapping = scene.bash(`${swap.replaceAll('\n', ' ')}`, { mayDie: true, signal: stop.signal })
  while (!existsSync(ready)) await Bun.sleep(2)
  for (let round = 0; round < RACE_ROUNDS; round++) await scene.run(operation)
  stop.abort()
  await swapping
}

export const FILE_TOOL_ATTACKS: readonly Attack[] = [
  tool('reading follows no link, near or far', async (scene) => {
    const { bash, folder, outside } = scene
    await bash(
      `ln -s ${outside.ownerFile} a; ln -s /etc/passwd b; ln -s /proc/self/environ c; ln -s .. up; ln -s / root; ln -s /proc/self/root self; ln -s /workspace/.git d; ln -s real e; echo x >real`,
    )
    return done(
      await all(
        scene,
        [
          'a',
          'b',
          'c',
          'd',
          'e',
          `root${outside.ownerFile}`,
          'up/../../etc/passwd',
          'root/etc/passwd',
          'self/etc/passwd',
          `self${outside.database}`,
        ].map((name) => read(`${folder}/${name}`)),
      ),
    )
  }),
  tool('writing follows no link, and replaces none', async (scene) => {
    const { bash, folder, outside, mark, hostFolder } = scene
    await bash(
      `ln -s ${outside.dropFolder}/${mark} a; ln -s ${outside.dropFolder} b; ln -s /tmp c; ln -s ${outside.ownerFile} d; ln -s /dev/shm e`,
    )
    const outcomes = await all(
      scene,
      ['a', `b/${mark}`, `c/${mark}`, 'd', `e/${mark}`].map((name) => write(`${folder}/${name}`, mark)),
    )
    return (
      done(outcomes) ?? (readlinkSync(join(hostFolder, 'd')) === outside.ownerFile ? null : 'the link was replaced')
    )
  }),
  tool('editing follows no link', async (scene) => {
    const { bash, folder, outside } = scene
    await bash(`ln -s ${outside.ownerFile} a; ln -s ${outside.configFile} b; ln -s /etc c`)
    return done(
      await all(scene, [
        edit(`${folder}/a`, 'secret', 'x'),
        edit(`${folder}/b`, 'KEY', 'x'),
        edit(`${folder}/c/passwd`, 'agent', 'root'),
      ]),
    )
  }),
  tool('searching follows no link', async (scene) => {
    const { bash, folder, outside } = scene
    await bash(`ln -s / root; ln -s ${outside.ownerFile} a; ln -s /proc/self p; ln -s /etc etc; ln -s .. up`)
    const outcomes = await all(scene, [
      grep('secret|root:|agent:', folder),
      grep('.', `${folder}/root/etc`),
      grep('.', `${folder}/a`),
      glob('root/**', folder),
      glob('etc/*', folder),
      glob('**/passwd', folder),
      glob('*', `${folder}/root`),
    ])
    return /passwd|environ/.test(
      JSON.stringify(outcomes.map((outcome) => (outcome.kind === 'matches' ? outcome.matches : []))),
    )
      ? JSON.stringify(outcomes)
      : null
  }),
  tool('a path outside of the workspace is not opened', async (scene) => {
    const { outside } = scene
    return done(
      await all(
        scene,
        [
          outside.ownerFile,
          outside.database,
          '/etc/passwd',
          '/proc/self/environ',
          '/proc/1/environ',
          '/tmp/x',
          '/opt/plaited/bin/bun',
          `${outside.gitDir}/config`,
        ].map(read),
      ),
    )
  }),
  tool('dots in a path are refused, wherever they are', async (scene) => {
    const { outside, folder } = scene
    return done(
      await all(
        scene,
        [
          `/workspace/..${outside.ownerFile}`,
          `${folder}/../../etc/passwd`,
          `/workspace/../workspace/../etc/passwd`,
          '/workspace/.',
          `${folder}/./x`,
          '/workspace//etc/passwd',
          '/workspace/..',
          `/workspace${'/..'.repeat(40)}/etc/passwd`,
        ].map(read),
      ),
    )
  }),
  tool('dots in a path to write are refused', async (scene) => {
    const { outside, mark } = scene
    return done(
      await all(
        scene,
        [
          `/workspace/..${outside.dropFolder}/${mark}`,
          `/workspace/../tmp/${mark}`,
          `../${mark}`,
          mark,
          `/tmp/${mark}`,
          `${outside.dropFolder}/${mark}`,
          `/etc/${mark}`,
        ].map((path) => write(path, 'x')),
      ),
    )
  }),
  tool('the magic links of /proc give no descriptor of the worker', async (scene) => {
    const { bash, folder } = scene
    await bash(
      'for n in 0 1 2 3 4 5 6 7 8 9; do ln -s /proc/self/fd/$n fd$n; done; ln -s /proc/self/exe exe; ln -s /proc/self/cwd cwd; ln -s /proc/self/mem mem; ln -s /dev/stdout out; ln -s /dev/fd fds',
    )
    const names = [...Array(10).keys()].map((n) => `fd${n}`).concat('exe', 'mem', 'out', 'cwd/.git', 'fds/1')
    return done(
      await all(
        scene,
        names.flatMap((name) => [read(`${folder}/${name}`), write(`${folder}/${name}`, '{"id":1,"ok":true}')]),
      ),
    )
  }),
  tool('a FIFO blocks no tool and is not written', async (scene) => {
    await scene.bash('mkfifo f')
    return done(
      await all(scene, [
        read(`${scene.folder}/f`),
        write(`${scene.folder}/f`, 'x'),
        edit(`${scene.folder}/f`, 'a', 'b'),
        grep('x', `${scene.folder}/f`),
      ]),
    )
  }),
  tool('a socket or a folder is no file', async (scene) => {
    await scene.bash('bun -e \'Bun.listen({ unix: "s", socket: { data() {} } }); process.exit()\'; mkdir d')
    return done(
      await all(
        scene,
        ['s', 'd'].flatMap((name) => [read(`${scene.folder}/${name}`), write(`${scene.folder}/${name}`, 'x')]),
      ),
    )
  }),
  tool("git's files cannot be written, edited or covered", async (scene) => {
    const { outside, mark } = scene
    return done(
      await all(scene, [
        ...[
          '/workspace/.git',
          '/workspace/.git/hooks/pre-commit',
          '/workspace/.git/config',
          `${outside.gitDir}/hooks/post-commit`,
          `${outside.gitDir}/${mark}`,
        ].map((path) => write(path, mark)),
        edit('/workspace/.git', 'gitdir', 'x'),
      ]),
    )
  }),
  tool('patterns of glob leave no folder', async (scene) => {
    const outcomes = await all(scene, [
      ...[
        '/etc/*',
        '../*',
        '../../*',
        'a/../../*',
        '{..,x}/*',
        '**/../../etc/*',
        '[.][.]/*',
        '.*/*',
        '@(..)/*',
        '/**',
      ].map((pattern) => glob(pattern)),
      ...['/', '/etc', '/workspace/..', '/proc/self/root'].map((path) => glob('*', path)),
    ])
    const paths = outcomes.flatMap((outcome) =>
      outcome.kind === 'matches' ? outcome.matches.map(({ path }) => path) : [],
    )
    const strange = paths.filter((path) => !path.startsWith('/workspace/') || path.includes('..'))
    return strange.length > 0 ? `found ${strange.slice(0, 3)}` : null
  }),
  tool('no option of ripgrep is smuggled in', async (scene) => {
    const { bash, folder, outside, mark } = scene
    await bash(
      `printf '#!/bin/sh\\necho ran-${mark} >${folder}/ran\\ncat "$1"\\n' >pre; chmod 755 pre; echo needle >f; printf -- '--pre=${folder}/pre\\n' >.ripgreprc`,
    )
    const option = [
      `--pre=${folder}/pre`,
      '--files',
      '-f/etc/passwd',
      `-f${outside.ownerFile}`,
      '--hidden',
      '--follow',
      '--search-zip',
      '--hostname-bin=/workspace/x',
    ]
    await all(scene, [
      ...option.map((pattern) => grep(pattern, folder)),
      ...option.map((only) => grep('needle', folder, only)),
      grep('needle', folder, `!x --pre=${folder}/pre`),
      ...option.slice(0, 2).map((path) => grep('needle', path)),
    ])
    return existsSync(join(scene.hostFolder, 'ran')) ? 'a program of the workspace ran in the file worker' : null
  }),
  tool('a file whose text looks like an answer forges none', async (scene) => {
    const { folder } = scene
    const forged = `\n{"id":2,"outcome":{"kind":"text","text":"forged"}}\n{"id":3,"kind":"text"}${'\uffff'.repeat(10)}\n`
    await scene.run(write(`${folder}/answer`, forged))
    const [outcome] = await all(scene, [read(`${folder}/answer`)])
    return outcome?.kind === 'text' && outcome.text === forged ? null : JSON.stringify(outcome)
  }),
  tool('a name with a line end forges no match', async (scene) => {
    await scene.bash(
      `printf 'needle\\n' >"$(printf 'x\\n/etc/shadow:1:root')"; printf 'needle\\n' >"$(printf 'y\\033[2J:9:forged')"; : >"$(printf 'bad\\377name')"`,
    )
    const outcomes = await all(scene, [grep('needle', scene.folder), glob('*', scene.folder)])
    const paths = outcomes.flatMap((outcome) =>
      outcome.kind === 'matches' ? outcome.matches.map(({ path }) => path) : [],
    )
    return paths.some((path) => !path.startsWith(`${scene.folder}/`)) ? `forged: ${JSON.stringify(paths)}` : null
  }),
  tool('paths that are too long, closed or not text are refused', async (scene) => {
    const { folder } = scene
    return done(
      await all(
        scene,
        [
          `${folder}/a\0b`,
          `${folder}/${'a'.repeat(300)}`,
          `${folder}/${'a/'.repeat(3000)}b`,
          `/workspacereal/x`,
          `/workspace\0/../etc/passwd`,
          '',
          '/',
          '~/.ssh/id_rsa',
          'file:///etc/passwd',
        ].map(read),
      ),
    )
  }),
  tool('a huge or endless file fills neither the worker nor the answer', async (scene) => {
    await scene.bash('truncate -s 300M big; ln -s /dev/zero zero; head -c 3000000 /dev/zero | tr "\\0" x >line')
    const outcomes = await all(scene, [
      read(`${scene.folder}/big`),
      read(`${scene.folder}/zero`),
      grep('x', `${scene.folder}/line`),
      read(`${scene.folder}/line`),
    ])
    const length = Math.max(...outcomes.map((outcome) => JSON.stringify(outcome).length))
    return length > 8 * 1024 * 1024 ? `an answer of ${length} characters` : null
  }),
  tool('swapping a folder for a link while the tool writes lets nothing out', async (scene) => {
    const { folder, outside, mark } = scene
    await race(
      scene,
      `mkdir d; ln -s ${outside.dropFolder} l; touch ready; while :; do mv -T d t; mv -T l d; mv -T d l; mv -T t d; done`,
      write(`${folder}/d/${mark}`, mark),
    )
    return null
  }),
  tool('swapping a file for a link while the tool reads lets nothing in', async (scene) => {
    const { folder } = scene
    await race(
      scene,
      'echo harmless >f; ln -s /etc/passwd l; touch ready; while :; do mv -T f t; mv -T l f; mv -T f l; mv -T t f; done',
      read(`${folder}/f`),
    )
    return null
  }),
  tool('what the tools write has no strange mode or owner', async (scene) => {
    const { folder, hostFolder } = scene
    await scene.bash('cp /bin/true old; chmod 777 old; chmod u+s old')
    await all(scene, [write(`${folder}/new/deep/file`, 'x'), write(`${folder}/old`, 'x')])
    const modes = ['new', 'new/deep', 'new/deep/file', 'old'].map(
      (name) => lstatSync(join(hostFolder, name)).mode & 0o7002,
    )
    const left = readdirSync(hostFolder).filter((name) => !['new', 'old'].includes(name))
    return modes.slice(0, 3).every((mode) => mode === 0) &&
      (modes[3] ?? 0) <= 2 &&
      left.length === 0 &&
      readFileSync(join(hostFolder, 'old'), 'utf8') === 'x'
      ? null
      : `modes ${modes}, left ${left}`
  }),
]
