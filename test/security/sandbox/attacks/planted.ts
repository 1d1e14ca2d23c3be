import type { Attack, Scene } from '../attack.types.ts'
import { scriptAttack } from '../attack-forms.ts'

/** What every plant would do if anything ran it on the host. */
const payload = ({ outside, mark }: Scene): string => `touch ${outside.dropFolder}/${mark}`
const jsPayload = ({ outside, mark }: Scene): string =>
  `require('node:fs').writeFileSync('${outside.dropFolder}/${mark}', 'x')`

/** Planted at the top of the workspace, where programs of the host look, and in a folder of its own. */
const planted = (name: string, script: (scene: Scene) => string): Attack =>
  scriptAttack(
    'planted files',
    name,
    (scene) => `set +e; for top in /workspace ${scene.folder}; do cd $top\n${script(scene)}\ndone`,
  )

/** The same for what takes long to make: at the top only. */
const plantedOnce = (name: string, script: (scene: Scene) => string): Attack =>
  scriptAttack('planted files', name, (scene) => `cd /workspace\n${script(scene)}`)

const program = (scene: Scene, path: string) =>
  `mkdir -p $(dirname ${path}); printf '#!/bin/sh\\n${payload(scene)}\\n' >${path}; chmod 755 ${path}`
const nested = (scene: Scene, folder: string, setting: string) =>
  `rm -rf ${folder}; git init -q ${folder}; git -C ${folder} config ${setting}; echo x >${folder}/file; git -C ${folder} add -A; git -C ${folder} -c user.name=a -c user.email=a@b commit -qm ${scene.mark} || true`

/**
 * Afterwards the node commits, undoes and shows what changed, runs calls and file tools, the owner uses git in the
 * workspace, and the command line is used from it (`pullTriggers`). A plant that ran on the host has left its mark there;
 * running inside of the sandbox is no escape.
 */
export const PLANTED_ATTACKS: readonly Attack[] = [
  planted(
    'a bunfig.toml preloads nothing',
    (scene) =>
      `echo "${jsPayload(scene).replaceAll('"', '\\"')}" >preload.js; printf 'preload = ["./preload.js", "/workspace/preload.js"]\\n[run]\\nshell = "bun"\\n[test]\\npreload = ["./preload.js"]\\n[install]\\nauto = "force"\\n' >bunfig.toml; cp bunfig.toml .bunfig.toml`,
  ),
  planted(
    'a .env sets nothing',
    (scene) =>
      `for f in .env .env.local .env.production .env.test .env.development; do printf 'BUN_OPTIONS=--preload=/workspace/env.js\\nNODE_OPTIONS=--require=/workspace/env.js\\nPLAITED_HOME=/tmp/${scene.mark}\\nLD_PRELOAD=/workspace/evil.so\\nBASH_ENV=/workspace/env.sh\\nGIT_EXTERNAL_DIFF=/workspace/env.sh\\n' >$f; done; echo "${jsPayload(scene)}" >env.js; ${program(scene, 'env.sh')}`,
  ),
  planted(
    'a package.json runs no script and redirects no import',
    (scene) =>
      `echo "${jsPayload(scene)}" >run.js; echo '{"name":"plaited","type":"module","main":"./run.js","exports":"./run.js","imports":{"#*":"./run.js"},"scripts":{"preinstall":"${payload(scene)}","postinstall":"${payload(scene)}","prepare":"${payload(scene)}","test":"${payload(scene)}","version":"${payload(scene)}"},"trustedDependencies":["x"],"workspaces":["."]}' >package.json`,
  ),
  planted(
    'a tsconfig.json or jsconfig.json redirects no import',
    (scene) =>
      `echo "${jsPayload(scene)}" >paths.ts; for f in tsconfig.json jsconfig.json; do echo '{"compilerOptions":{"baseUrl":".","paths":{"*":["./paths.ts"],"zod":["./paths.ts"],"node:*":["./paths.ts"]},"jsxImportSource":"./paths.ts"}}' >$f; done`,
  ),
  planted(
    'a node_modules folder gives no package and no program',
    (scene) => `
    for p in zod acorn re2js unbash @anthropic-ai/sdk @vscode/ripgrep plaited; do mkdir -p node_modules/$p; echo "${jsPayload(scene)}" >node_modules/$p/index.js; echo '{"main":"index.js"}' >node_modules/$p/package.json; done
    for p in git bun rg bwrap setpriv knip-bun biome sh; do ${program(scene, 'node_modules/.bin/$p')}; done`,
  ),
  planted(
    'a program in the workspace is not taken for one of the system',
    (scene) =>
      `for p in git bwrap bun rg setpriv sh bash env ls bin/plaited bin/git .bin/git; do ${program(scene, '$p')}; done`,
  ),
  planted(
    'a start-up file of a shell is not read',
    (scene) =>
      `for f in .bashrc .bash_profile .bash_login .bash_logout .profile .zshrc .zshenv .inputrc .bash_aliases .config/fish/config.fish; do ${program(scene, '$f')}; done`,
  ),
  planted(
    'a config file of other tools runs nothing',
    (scene) => `
    echo "${jsPayload(scene)}" >evil.js; printf 'script-shell=/workspace/env.sh\\nnode-options=--require /workspace/evil.js\\n' >.npmrc; printf '{"plugins":["./evil.js"]}' >biome.json; printf '{"entry":["./evil.js"]}' >knip.json
    printf -- '--pre=/workspace/env.sh\\n--follow\\n' >.ripgreprc; printf '[alias]\\nstatus = !${payload(scene)}\\n' >.gitconfig; mkdir -p .config/git .vscode .claude .husky; cp .gitconfig .config/git/config; printf '{"tasks":[{"command":"${payload(scene)}"}]}' >.vscode/tasks.json; ${program(scene, '.husky/pre-commit')}; printf 'all:\\n\\t${payload(scene)}\\n' >Makefile`,
  ),
  planted(
    'a library to be preloaded is not loaded',
    ({ outside, mark }) =>
      `printf '#include <fcntl.h>\\n__attribute__((constructor)) static void f(void) { creat("${outside.dropFolder}/${mark}", 0644); }\\n' >evil.c; gcc -shared -fPIC -o evil.so evil.c; cp evil.so libc.so.6; cp evil.so libz.so.1; echo /workspace/evil.so >ld.so.preload`,
  ),
  plantedOnce('a .git folder elsewhere in the workspace runs nothing (fsmonitor)', (scene) =>
    nested(scene, 'nest-monitor', `core.fsmonitor "${payload(scene)}"`),
  ),
  plantedOnce(
    'a nested repository runs no hook',
    (scene) =>
      `${nested(scene, 'nest-hook', 'a.b c')}; for h in pre-commit post-commit post-checkout pre-push post-index-change reference-transaction; do ${program(scene, 'nest-hook/.git/hooks/$h')}; done; git -C nest-hook config core.hooksPath /workspace/nest-hook/.git/hooks`,
  ),
  plantedOnce(
    'a filter named in .gitattributes runs nothing',
    (scene) => `
    printf '* filter=evil diff=evil merge=evil text working-tree-encoding=UTF-8\\n*.bin filter=lfs\\n' >.gitattributes; echo x >a.bin
    ${nested(scene, 'nest-filter', `filter.evil.clean "${payload(scene)}"`)}; git -C nest-filter config filter.evil.smudge "${payload(scene)}"; git -C nest-filter config diff.evil.textconv "${payload(scene)}"; git config filter.evil.clean "${payload(scene)}"; git config diff.evil.command "${payload(scene)}"`,
  ),
  plantedOnce(
    'a submodule fetches and runs nothing',
    (scene) =>
      `printf '[submodule "x"]\\n\\tpath = sub\\n\\turl = ext::sh -c "${payload(scene)}"\\n\\tupdate = !${payload(scene)}\\n\\tignore = none\\n\\tbranch = main\\n' >.gitmodules; ${nested(scene, 'sub', `core.fsmonitor "${payload(scene)}"`)}; git update-index --add --cacheinfo 160000,$(git -C sub rev-parse HEAD),sub`,
  ),
  planted(
    'a bare repository at the top is not taken for one',
    (scene) =>
      `mkdir -p objects refs hooks info; echo 'ref: refs/heads/main' >HEAD; printf '[core]\\n\\trepositoryformatversion = 0\\n\\tbare = false\\n\\tworktree = .\\n\\tfsmonitor = ${payload(scene)}\\n\\tsshCommand = ${payload(scene)}\\n\\teditor = ${payload(scene)}\\n' >config; ${program(scene, 'hooks/pre-commit')}`,
  ),
  plantedOnce(
    'a file of git that points elsewhere is not followed',
    (scene) =>
      `mkdir -p pointed; ${nested(scene, 'real', `core.fsmonitor "${payload(scene)}"`)}; echo 'gitdir: ../real/.git' >pointed/.git; echo "gitdir: /workspace/real/.git" >.git; ln -sfn real/.git linked; mkdir -p upper; cp -r real/.git upper/.GIT; cp -r real/.git upper/.git.; cp -r real/.git upper/git~1`,
  ),
  planted(
    'attributes and excludes that are links lead nowhere',
    ({ outside, mark }) =>
      `mkdir -p ign; for f in .gitattributes .gitignore .mailmap .gitmodules; do ln -sfn ${outside.ownerFile} ign/$f; ln -sfn ${outside.dropFolder}/${mark} ign/$f-new; done; ln -sfn ${outside.dropFolder} ign/folder`,
  ),
  planted(
    'names that look like options or commands are names',
    (scene) =>
      `for n in '--upload-pack=${scene.mark}' '-rf' '--help' '--config=x' '$(${payload(scene).replaceAll('/', '_')})' '\`id\`' ';id;' '--exec=id' "$(printf 'a\\nb')" "$(printf 'c\\rd\\033[2J')" "$(printf 'bad\\377')" '*' '?' '\\\\' ' ' "'" '"'; do : >"./$n"; mkdir -p "./dir $n"; : >"./dir $n/f"; done`,
  ),
  planted(
    'a home, rules or settings in the workspace are not those of the node',
    (scene) =>
      `mkdir -p data/constraints .plaited/data/constraints run; echo "PLAITED_SANDBOX=none" >config.env; cp config.env .plaited/config.env; echo "${jsPayload(scene)}" >data/constraints/evil.ts; cp data/constraints/evil.ts .plaited/data/constraints/; cp data/constraints/evil.ts ${'constraints'}-evil.ts; ln -sfn / data/runtime; ln -sfn /workspace/data run/control.sock`,
  ),
  planted(
    'a lock or an index of git in the workspace stops nothing',
    (scene) =>
      `: >index.lock; : >.git.lock; : >HEAD.lock; mkdir -p .git.tmp; mkfifo fifo-${scene.mark.slice(0, 9)}; ln -s loop loop; ln -s /proc/self/fd/0 input`,
  ),
]
