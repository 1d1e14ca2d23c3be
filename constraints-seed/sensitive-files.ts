import { bSync, bThread, on } from 'plaited'

// Keys, certificates and credentials by extension, also as the backup of one.
const secretExtension = /\.(env|pem|key|p12|pfx|jks|keystore|kdbx|credentials)(\.(bak|old|orig|backup)|~)?$/i

// .env.local and .env.production, but not the examples that are meant to be shared.
const environmentFile = /^\.env\.[^/]+$/i
const sharedExample = /\.(example|sample|template|dist)$/i

// Private SSH keys (the .pub half is public), and where tools keep passwords and tokens.
const secretName =
  /^(credentials|id_(rsa|dsa|ecdsa|ed25519)(_sk)?|\.(netrc|npmrc|pypirc|pgpass|git-credentials|htpasswd))$/i
const secretPlace = /(^|\/)(\.(aws|gnupg|ssh)\/.+|\.kube\/config|\.docker\/config\.json|\.config\/gcloud\/.+)$/i

const nameOf = (path) => path.slice(path.lastIndexOf('/') + 1)

const isSecretName = (name) =>
  secretName.test(name) || secretExtension.test(name) || (environmentFile.test(name) && !sharedExample.test(name))

const isSecret = (path) => isSecretName(nameOf(path)) || secretPlace.test(path)

// Programs that change the files they are given; sed and perl do with -i.
const changers = ['rm', 'unlink', 'shred', 'truncate', 'mv', 'cp', 'ln', 'install', 'tee', 'touch', 'chmod', 'chown']
const inPlaceEditors = ['sed', 'perl']
const inPlace = /^(-[a-zA-Z]*i|--in-place)/

const runsAnyOf = (argv, programs) => argv.slice(0, 3).some((word) => word !== null && programs.includes(nameOf(word)))

const changesFiles = (argv) =>
  runsAnyOf(argv, changers) ||
  (runsAnyOf(argv, inPlaceEditors) && argv.some((word) => word !== null && inPlace.test(word)))

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
          detail.commands.some(
            ({ argv }) => changesFiles(argv) && argv.some((word) => word !== null && isSecret(word)),
          ),
        ),
      ],
    }),
  ],
  true,
)
