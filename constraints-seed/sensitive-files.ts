import { bSync, bThread, on } from 'plaited'

// [^!-\-/-~]* at the end of a pattern: dots, blanks and what is not ASCII behind a name, which a reader does not see.

// Keys, certificates and credentials by extension, also as the backup of one.
const secretExtension = /\.(env|pem|key|p12|pfx|jks|keystore|kdbx|credentials)(\.(bak|old|orig|backup)|~)?[^!-\-/-~]*$/i

// .env.local and .env.production, but not the examples that are meant to be shared.
const environmentFile = /^\.env\.[^/]+$/i
const sharedExample = /\.(example|sample|template|dist)$/i

// Private SSH keys (the .pub half is public), and where tools keep passwords and tokens.
const secretName =
  /^(credentials|id_(rsa|dsa|ecdsa|ed25519)(_sk)?|\.(netrc|npmrc|pypirc|pgpass|git-credentials|htpasswd))[^!-\-/-~]*$/i
const secretPlace =
  /(^|\/)(\.(aws|gnupg|ssh)\/.+|(\.kube\/config|\.docker\/config\.json)[^!-\-/-~]*|\.config\/gcloud\/.+)$/i

// A path that starts with what only the shell will know, as in "$HOME/app/.env".
const unreadableSecret =
  /\$[^\s;&|<>]*\/(\.env|id_(rsa|ed25519)|\.(aws|ssh)\/[^\s;&|<>"']+|[^\s;&|<>"'/]+\.(env|pem|key))["']?([\s;&|)]|$)/i

// Programs that change the files they are given, or copy them; sed and perl do with -i.
const changers = ['rm', 'unlink', 'shred', 'truncate', 'mv', 'cp', 'ln', 'install', 'tee', 'touch', 'chmod', 'chown']
const inPlaceEditors = ['sed', 'perl']
const inPlace = /^(-[a-zA-Z]*i|--in-place)/

// Programs that change only what they are told to write to: of=x, --output=x, -ox, -o x, -O x.
const writers = ['dd', 'curl', 'wget']
const namesOutput = /^(of=|--output(-document)?=|-o.)/
const beforeOutput = /^(-[a-zA-Z]*[oO]|--output(-document)?)$/

const nameOf = (path) => path.slice(path.lastIndexOf('/') + 1)

const runsAnyOf = (argv, programs) => argv.slice(0, 3).some((word) => word !== null && programs.includes(nameOf(word)))

const changesFiles = (argv) =>
  runsAnyOf(argv, changers) ||
  (runsAnyOf(argv, inPlaceEditors) && argv.some((word) => word !== null && inPlace.test(word)))

const isOutput = (word, before) => namesOutput.test(word) || (before !== null && beforeOutput.test(before))

const outputsOf = (argv) =>
  argv
    .filter((word, at) => at > 0 && word !== null && isOutput(word, argv[at - 1]))
    .map((word) => word.slice(word.indexOf('=') + 1))

// The words that may name a changed file; rsync leaves all but the last as they are.
const changedBy = (argv) =>
  changesFiles(argv)
    ? argv
    : runsAnyOf(argv, writers)
      ? outputsOf(argv)
      : argv.slice(runsAnyOf(argv, ['rsync']) ? -1 : argv.length)

const isSecretName = (name) =>
  secretName.test(name) || secretExtension.test(name) || (environmentFile.test(name) && !sharedExample.test(name))

const isSecret = (path) => isSecretName(nameOf(path)) || secretPlace.test(path)

/** Files that hold keys, passwords or tokens are not written, changed, moved or deleted. */
export const protectSensitiveFiles = bThread(
  [
    bSync({
      block: on(
        'permission:file:write',
        ({ detail }) => isSecret(detail.path) || (detail.from !== null && isSecret(detail.from)),
      ),
    }),
  ],
  true,
)

/** Shell commands do not write, change, move or delete files that hold keys, passwords or tokens. */
export const protectSensitiveFilesFromShell = bThread(
  [
    bSync({
      block: [
        on('permission:bash:exec', ({ detail }) =>
          detail.redirects.some(({ op, target }) => op.includes('>') && target !== null && isSecret(target)),
        ),
        on('permission:bash:exec', ({ detail }) =>
          detail.commands.some(({ argv }) => changedBy(argv).some((word) => word !== null && isSecret(word))),
        ),
        // What cannot be read word by word is judged by its text.
        on(
          'permission:bash:exec',
          ({ detail }) =>
            (detail.redirects.some(({ op, target }) => op.includes('>') && target === null) ||
              detail.commands.some(({ argv }) => changedBy(argv).includes(null))) &&
            unreadableSecret.test(detail.cmd),
        ),
      ],
    }),
  ],
  true,
)
