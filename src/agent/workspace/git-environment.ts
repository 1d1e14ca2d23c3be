/**
 * The environment of every git process. The worktree belongs to the agent: it may hold nested repositories with a hostile
 * config, attribute files that name filters, hooks, FIFOs. Git runs confined (see git-runner.ts), so that even an unknown
 * way to make it execute something gains nothing; this file closes the known ways, so that nothing is executed at all.
 *
 * The settings travel as GIT_CONFIG_COUNT variables: they rank above every file, as `-c` does, and reach all the commands
 * of a script. Filters, encodings and drivers that attribute files name cannot be switched off by settings: that is done
 * by `info/attributes` of the git dir (git-dir.ts), which outranks every .gitattributes.
 */

/** Where confined git sees the worktree: the place the sandbox gives to every process. */
export const WORKTREE_INSIDE = '/workspace'
/** Where confined git sees the git dir. */
export const GIT_DIR_INSIDE = '/git'

export type Identity = { readonly name: string; readonly email: string }

export const AGENT: Identity = { name: 'plaited agent', email: 'agent@plaited.invalid' }
export const OWNER: Identity = { name: 'owner', email: 'owner@plaited.invalid' }

const SETTINGS = {
  // Programs that a config could name.
  'core.hooksPath': '/dev/null',
  'core.fsmonitor': 'false',
  'core.attributesFile': '/dev/null',
  'core.excludesFile': '/dev/null',
  'protocol.allow': 'never',
  'protocol.ext.allow': 'never',
  // A nested repository is never entered as one: git would run what its config names.
  'diff.ignoreSubmodules': 'all',
  'submodule.recurse': 'false',
  'safe.bareRepository': 'explicit',
  // The uid inside may differ from the owner of the git dir, which is named explicitly and trusted.
  'safe.directory': '*',
  // No work in the background that outlives its sandbox.
  'gc.auto': '0',
  'maintenance.auto': 'false',
  // Files are stored and shown byte for byte, whatever a config says.
  'core.autocrlf': 'false',
  'core.quotePath': 'false',
  'log.showSignature': 'false',
  // What a Mac or Windows reads as `.git` is stored nowhere, for whoever clones the workspace there.
  'core.protectHFS': 'true',
  'core.protectNTFS': 'true',
  // A power cut must not leave a branch that names objects which were never written; one flush per commit.
  'core.fsync': 'committed',
  'core.fsyncMethod': 'batch',
  // An undo follows a renamed file, but never moves files because their neighbours moved.
  'merge.directoryRenames': 'false',
} as const

const settings: Readonly<Record<string, string>> = {
  GIT_CONFIG_COUNT: `${Object.keys(SETTINGS).length}`,
  ...Object.fromEntries(
    Object.entries(SETTINGS).flatMap(([key, value], index) => [
      [`GIT_CONFIG_KEY_${index}`, key],
      [`GIT_CONFIG_VALUE_${index}`, value],
    ]),
  ),
}

/** Clean environment of one run. The committer is always the node; the author says whose change it is. */
export const gitEnvironment = (author: Identity, atMs: number): Readonly<Record<string, string>> => {
  const date = `@${Math.floor(atMs / 1000)} +0000`
  return {
    ...settings,
    PATH: '/usr/local/bin:/usr/bin:/bin',
    LC_ALL: 'C.UTF-8',
    GIT_DIR: GIT_DIR_INSIDE,
    GIT_WORK_TREE: WORKTREE_INSIDE,
    GIT_CONFIG_NOSYSTEM: '1',
    GIT_CONFIG_GLOBAL: '/dev/null',
    GIT_ATTR_NOSYSTEM: '1',
    GIT_TERMINAL_PROMPT: '0',
    GIT_AUTHOR_NAME: author.name,
    GIT_AUTHOR_EMAIL: author.email,
    GIT_AUTHOR_DATE: date,
    GIT_COMMITTER_NAME: AGENT.name,
    GIT_COMMITTER_EMAIL: AGENT.email,
    GIT_COMMITTER_DATE: date,
  }
}
