import { lstatSync, readdirSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { TEST_USER } from '../../../../src/agent/sandbox/tests/sandbox-fixture.ts'
import type { Attack, Scene } from '../attack.types.ts'
import { programAttack, scriptAttack } from '../attack-forms.ts'

const write = (name: string, script: Parameters<typeof scriptAttack>[2]): Attack => scriptAttack('write', name, script)

const entriesOf = ({ hostFolder }: Scene) =>
  readdirSync(hostFolder, { recursive: true, encoding: 'utf8' }).map((name) => {
    const found = lstatSync(join(hostFolder, name))
    return { name, mode: found.mode, isDevice: found.isBlockDevice() || found.isCharacterDevice() }
  })

/** Ways to change the host. The general verdict looks for the mark and for anything that moved. */
export const WRITE_ATTACKS: readonly Attack[] = [
  write(
    'a file of the owner is not changed',
    ({ outside, mark }) =>
      `echo ${mark} >>${outside.ownerFile}; echo ${mark} >${outside.configFile}; rm -f ${outside.ownerFile}; mv ${outside.database} x`,
  ),
  write(
    'a folder that everybody may write is not there',
    ({ outside, mark }) =>
      `touch ${outside.dropFolder}/${mark}; mkdir -p ${outside.dropFolder}; echo x >${outside.dropFolder}/${mark}; ln -s ${outside.dropFolder} d; touch d/${mark}`,
  ),
  write(
    'the temporary folders are its own',
    ({ mark }) =>
      `for d in /tmp /var/tmp /dev/shm /run /run/lock /dev/mqueue; do echo x >$d/${mark}; mkdir -p $d/${mark}; done`,
  ),
  write(
    "the system's folders are read-only",
    ({ mark }) =>
      `for d in / /usr /usr/bin /usr/local/bin /etc /etc/cron.d /lib /opt /opt/plaited /opt/plaited/bin /root /home /srv; do touch $d/${mark}; mkdir -p $d/${mark}; ln -s /bin/sh $d/${mark}; done`,
  ),
  write(
    "the system's files are read-only",
    ({ mark }) =>
      `for f in /etc/passwd /etc/ld.so.preload /etc/ld.so.cache /etc/gitconfig /usr/bin/git /usr/bin/env /bin/bash; do printf ${mark} >>$f; chmod 777 $f; mv $f $f.old; done; id`,
  ),
  write(
    'the Bun and the ripgrep that it runs cannot be changed',
    ({ mark }) =>
      `for f in /opt/plaited/bin/*; do printf ${mark} >>$f; chmod 600 $f; rm -f $f; python3 -c "open('$f', 'r+b').write(b'x')"; done`,
  ),
  write(
    'no dots lead out of the workspace',
    ({ outside, mark }) =>
      `for up in .. ../.. ../../.. ../../../..; do echo x >$up/${mark}; echo x >$up${outside.dropFolder}/${mark}; done; rm -f /${mark} /workspace/${mark}`,
  ),
  write(
    'nothing is written through /proc',
    ({ outside, mark }) =>
      `for p in 1 self $$ ${outside.nodePid}; do echo x >/proc/$p/root${outside.dropFolder}/${mark}; echo x >/proc/$p/cwd/../drop/${mark}; done`,
  ),
  write(
    'the workspace itself cannot be moved, removed or replaced',
    ({ mark }) => `cd /; mv /workspace /${mark}; rmdir /workspace; ln -sfn /tmp /workspace; mv -T /tmp /workspace`,
  ),
  write(
    'a file outside cannot be linked into the workspace, nor one of it outwards',
    ({ outside, mark }) => `
    echo x >mine; for f in /etc/passwd /usr/bin/env /opt/plaited/bin/bun /workspace/.git ${outside.gitDir}/config; do ln $f ./hard-$(basename $f) && echo ${mark} >>hard-$(basename $f); done
    ln mine /tmp/${mark}; ln mine ${outside.gitDir}/${mark}`,
  ),
  write(
    'the .git file cannot be changed, moved, covered or removed',
    ({ mark }) => `
    cd /workspace; rm -rf .git; mv .git moved-${mark}; ln -sfn /tmp .git; echo "gitdir: /tmp/${mark}" >.git; chmod 777 .git; mkdir fake-${mark}; mv -T fake-${mark} .git; python3 -c "import os; os.rename('fake-${mark}', '.git')"; rmdir fake-${mark}; touch -d 2001-01-01 .git`,
  ),
  write(
    'hooks, config, attributes and refs of the repository are closed',
    ({ outside: { gitDir }, mark }) => `
    for f in hooks/pre-commit hooks/post-commit config info/attributes info/exclude commondir objects/info/alternates HEAD refs/heads/main refs/heads/${mark} index index.lock packed-refs ${mark}; do echo "${mark}" >>${gitDir}/$f; rm -f ${gitDir}/$f; done
    git config core.fsmonitor "touch ${mark}"; git config --global core.hooksPath /workspace; git update-ref refs/heads/x HEAD; git commit --allow-empty -m ${mark}; git branch ${mark}; git gc; chmod -R 777 ${gitDir}; mv ${gitDir} /tmp/x`,
  ),
  write(
    "no figure of the kernel's can be set",
    ({ outside, mark }) => `
    for f in kernel/core_pattern kernel/modprobe kernel/hotplug kernel/hostname kernel/domainname kernel/sysrq vm/overcommit_memory fs/suid_dumpable; do echo "|/bin/touch ${outside.dropFolder}/${mark}" >/proc/sys/$f; echo 1 >/proc/sys/$f; done
    hostname ${mark}; sysctl -w kernel.core_pattern=x; echo h >/proc/sysrq-trigger; echo ':x:M::x::/bin/x:' >/proc/sys/fs/binfmt_misc/register`,
  ),
  write(
    'no control group can be written',
    ({ outside, mark }) => `
    find /sys/fs/cgroup -writable; mkdir -p c; mount -t cgroup2 none c; mount -t cgroup -o memory none c; mkdir c/${mark}; echo 1 >c/notify_on_release; echo "/bin/touch ${outside.dropFolder}/${mark}" >c/release_agent; echo 0 >c/cgroup.procs; rmdir c`,
  ),
  scriptAttack(
    'write',
    'no set-uid or set-gid program is left in the workspace',
    () => `
    cp /bin/true a; cp /bin/true b; cp /bin/true c; chmod u+s a; chmod 6755 b; chmod g+s c; install -m 4755 /bin/true d; mkdir -m 2777 e; cp --preserve=all /bin/su f; tar cpf t.tar --mode=6755 a && mkdir x && tar xpf t.tar -C x
    python3 -c "import os; os.open('g', os.O_CREAT | os.O_WRONLY, 0o4777); os.chmod('b', 0o2777); os.fchmod(os.open('c', os.O_RDONLY), 0o6755)"`,
    {
      finding: (scene) => {
        const found = entriesOf(scene).filter(({ mode }) => (mode & 0o6000) !== 0)
        return found.length > 0 ? `set-id bits on ${found.map(({ name }) => name).join(' ')}` : null
      },
    },
  ),
  scriptAttack(
    'write',
    'no device is made in the workspace',
    () =>
      'n=0; for kind in "b 8 0" "c 1 1" "b 254 0" "c 10 229"; do n=$((n + 1)); mknod device-$n $kind; cat device-$n; done; cp -a /dev/null null; cp -a /dev/zero zero',
    {
      finding: (scene) => (entriesOf(scene).some(({ isDevice }) => isDevice) ? 'there is a device' : null),
    },
  ),
  programAttack(
    'write',
    'no file of the workspace gets a capability or another owner',
    ({ folder }) => `
    writeFileSync('${folder}/file', 'x')
    const capability = new Uint8Array([1, 0, 0, 2, 255, 255, 255, 255, 0, 0, 0, 0, 255, 255, 255, 255, 0, 0, 0, 0])
    console.log('capability', call([188, 5], '${folder}/file', 'security.capability', capability, 20, 0))
    console.log('trusted', call([188, 5], '${folder}/file', 'trusted.overlay.opaque', capability, 1, 0))
    for (const id of [0, 1, 33]) console.log('chown', call([260, 54], -100, '${folder}/file', id, id, 0))`,
    {
      finding: ({ hostFolder }, { stdout }) => {
        const changed = /^(?:capability|trusted|chown) 0$/m.exec(stdout)
        const { uid } = lstatSync(join(hostFolder, 'file'))
        return changed !== null || uid !== lstatSync(hostFolder).uid ? `${changed} (owner ${uid})` : null
      },
    },
  ),
  scriptAttack(
    'write',
    'nothing in the workspace can be made impossible to delete',
    () =>
      'echo x >kept; chattr +i kept; chattr +a kept; mkdir deep; chattr +i deep; chmod 000 kept deep; mkdir closed; touch closed/f; chmod 555 closed',
    {
      finding: ({ hostFolder }) => {
        // As the owner would: folders are opened first, which their owner may.
        Bun.spawnSync(['chmod', '-R', 'u+rwX', hostFolder])
        for (const name of readdirSync(hostFolder)) rmSync(join(hostFolder, name), { recursive: true })
        return readdirSync(hostFolder).length === 0 ? null : 'it is still there'
      },
    },
  ),
  scriptAttack(
    'write',
    'the workspace is not opened to other users when a call is over',
    () =>
      'chmod 777 /workspace; chmod 000 /workspace; chmod o+w /workspace; setfacl -m u:nobody:rwx /workspace; chgrp 0 /workspace; chmod o+w /workspace',
    {
      alone: true,
      finding: ({ outside }) => {
        const { mode } = lstatSync(outside.workspace)
        // Its group is the sandbox's where the node is root; else it is nobody's business.
        return (mode & 0o700) === 0o700 && (mode & (TEST_USER === null ? 0o22 : 0o2)) === 0
          ? null
          : `it is ${mode.toString(8)}`
      },
    },
  ),
  {
    group: 'write',
    name: 'long output that the node keeps goes nowhere but beneath the workspace',
    alone: true,
    attempt: async ({ bash, outside: { dropFolder, gitDir } }) => {
      // The node keeps what each of these prints, after they ended, where the model can look it up.
      const long = "head -c 60000 /dev/zero | tr '\\0' x"
      await bash(`cd /workspace; rm -rf .plaited; ln -s ${dropFolder} .plaited; ${long}`)
      for (const target of [dropFolder, gitDir, '/tmp', '.git'])
        await bash(`cd /workspace; rm -rf .plaited; mkdir .plaited; ln -s ${target} .plaited/out; ${long} >&2`)
      await bash(`cd /workspace; rm -rf .plaited; mkdir .plaited; mkfifo .plaited/out; ${long}`)
      await bash('rm -rf /workspace/.plaited')
      return null
    },
  },
  scriptAttack(
    'write',
    'no core file is written',
    ({ outside }) =>
      `ulimit -c unlimited; sleep 9 & kill -SEGV $!; wait; bash -c 'kill -ABRT $$'; find . /tmp ${outside.dropFolder} -name 'core*'`,
    {
      finding: (scene) =>
        readdirSync(scene.hostFolder).some((name) => name.startsWith('core')) ? 'there is a core file' : null,
    },
  ),
]
