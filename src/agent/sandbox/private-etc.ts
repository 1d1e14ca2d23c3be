import { readFile, stat } from 'node:fs/promises'
import { WORKSPACE_INSIDE } from './bubblewrap-arguments.ts'
import { ensureReadableFolder, putFile } from './runtime-files.ts'
import type { SandboxUser } from './sandbox.types.ts'

/** Of the host's own /etc only what the dynamic linker and the clock need; the rest names users, hosts and services. */
const COPIED = ['ld.so.cache', 'ld.so.conf', 'localtime']

/** Writes the /etc that the sandbox sees: one user, no resolver, and git's permission to work in a tree of several users. */
export const writePrivateEtc = async (
  etcDir: string,
  { user, gitDir }: { readonly user: SandboxUser; readonly gitDir: string },
): Promise<void> => {
  await ensureReadableFolder(etcDir)
  const files: Readonly<Record<string, string>> = {
    passwd: `agent:x:${user.uid}:${user.gid}:agent:/tmp/home:/bin/bash\n`,
    group: `agent:x:${user.gid}:\n`,
    hosts: '127.0.0.1 localhost sandbox\n::1 localhost\n',
    'nsswitch.conf': 'passwd: files\ngroup: files\nhosts: files\n',
    'resolv.conf': '',
    // A bare repository planted in the workspace runs its own config on `cd` + `git status`, hence `explicit`.
    gitconfig: `[safe]\n\tdirectory = ${WORKSPACE_INSIDE}\n\tdirectory = ${gitDir}\n\tbareRepository = explicit\n`,
  }
  for (const [name, content] of Object.entries(files)) await putFile(`${etcDir}/${name}`, content)
  for (const name of COPIED)
    if (await exists(`/etc/${name}`)) await putFile(`${etcDir}/${name}`, await readFile(`/etc/${name}`))
  if (await exists('/etc/alternatives')) await ensureReadableFolder(`${etcDir}/alternatives`) // mount point
}

const exists = async (path: string): Promise<boolean> =>
  stat(path).then(
    () => true,
    () => false,
  )
