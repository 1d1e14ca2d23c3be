import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Attack, Scene } from '../attack.types.ts'

/** Ordinary work: it must succeed, so that a sandbox in which nothing runs is not taken for a tight one. */
const works = (name: string, script: string, wanted: string): Attack => ({
  group: 'sanity',
  name,
  attempt: async ({ bash, mark }) => {
    const { stdout, stderr } = await bash(script)
    const said = stdout.replace(`tried ${mark}\n`, '')
    return said === wanted ? null : `it said ${JSON.stringify(said.slice(0, 300))} ${stderr.slice(0, 200)}`
  },
})

const toolsAgree = async ({ run, bash, folder, hostFolder }: Scene): Promise<string | null> => {
  const path = `${folder}/notes/день ☀.md`
  await run({ kind: 'write', path, content: 'first\nsecond\n' })
  await run({ kind: 'edit', path, oldString: 'second', newString: 'zweite', replaceAll: false })
  const outcome = await run({ kind: 'read', path, offset: null, limit: null })
  const found = await run({ kind: 'grep', pattern: 'zweite', path: folder, glob: null })
  const { stdout } = await bash('cat notes/*')
  const onHost = readFileSync(join(hostFolder, 'notes/день ☀.md'), 'utf8')
  const right =
    outcome.kind === 'text' &&
    outcome.text === 'first\nzweite\n' &&
    found.kind === 'matches' &&
    found.matches.length === 1
  return right && stdout.startsWith('first\nzweite\n') && onHost === 'first\nzweite\n'
    ? null
    : JSON.stringify([outcome, found, stdout])
}

export const SANITY_CHECKS: readonly Attack[] = [
  works('a command prints', 'echo hello', 'hello\n'),
  works('a file is written and read back', 'echo kept >a; cat a; cp a b; mv b c; ls; rm a c', 'kept\na\nc\n'),
  works(
    'pipes, sorting, counting',
    "printf 'b\\na\\nc\\n' | sort | tr a-z A-Z | paste -sd,; seq 100 | wc -l",
    'A,B,C\n100\n',
  ),
  works(
    'loops, functions, arithmetic, here documents',
    "f() { echo $(($1 * 2)); }; for i in 1 2 3; do f $i; done; cat <<'X'\n$HOME\nX",
    '2\n4\n6\n$HOME\n',
  ),
  works(
    'subprocesses, waiting, exit codes',
    'sleep 0.01 & wait $!; (exit 3); echo $?; bash -c "exit 4" || echo $?',
    '3\n4\n',
  ),
  works(
    'the temporary folder and /dev/shm',
    'echo x >/tmp/a; echo y >/dev/shm/b; cat /tmp/a /dev/shm/b; t=$(mktemp); test -w $t && echo fine',
    'x\ny\nfine\n',
  ),
  works(
    'names in any script',
    "mkdir 'ordner ä'; echo x >'ordner ä/日本語 🎉.txt'; find . -type f",
    './ordner ä/日本語 🎉.txt\n',
  ),
  works(
    'Bun runs a program, with modules, files and a subprocess',
    "echo 'export const a = 41' >m.ts; echo 'import { a } from \"./m.ts\"; console.log(a + 1, await Bun.$`echo sub`.text())' >n.ts; bun n.ts",
    '42 sub\n\n',
  ),
  works(
    'Bun bundles',
    'echo \'console.log("bundled")\' >in.ts; bun build in.ts --outfile out.js >/dev/null && bun out.js',
    'bundled\n',
  ),
  works(
    'Bun serves and fetches on its own loopback',
    'bun -e \'const s = Bun.serve({ port: 0, fetch: () => new Response("served") }); console.log(await (await fetch(s.url)).text()); await s.stop(true)\'',
    'served\n',
  ),
  works(
    'git reads its history',
    'git log --format=%s | grep -c "workspace created"; git status --short >/dev/null && echo clean enough',
    '1\nclean enough\n',
  ),
  works(
    'git works in a repository of its own',
    'git init -q own && cd own && git config user.name a && git config user.email a@b && echo x >f && git add f && git commit -qm one && git log --format=%s',
    'one\n',
  ),
  works(
    'Python, where the host has it',
    'command -v python3 >/dev/null && python3 -c \'import json, subprocess; print(json.dumps([1])); print(subprocess.check_output(["echo", "sub"]).decode(), end="")\' || printf \'[1]\\nsub\\n\'',
    '[1]\nsub\n',
  ),
  works(
    'permission bits, links and archives',
    'echo x >s.sh; chmod 750 s.sh; ln -s s.sh l; ln s.sh h; tar cf t.tar s.sh l; mkdir o; tar xf t.tar -C o; stat -c %a o/s.sh; readlink o/l',
    '750\ns.sh\n',
  ),
  works(
    'a megabyte of text comes through a pipe',
    'head -c 1000000 /dev/zero | tr "\\0" a | md5sum | cut -c1-8',
    '7707d6ae\n',
  ),
  works('ripgrep and find', 'echo needle >a; mkdir d; echo none >d/b; rg -l needle; find . -name b', 'a\n./d/b\n'),
  { group: 'sanity', name: 'the file tools and bash see the same files', attempt: toolsAgree },
]
