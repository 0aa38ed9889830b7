import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer } from 'node:net';
import type { AddressInfo } from 'node:net';
import { test } from 'node:test';
import { gzipSync } from 'node:zlib';
import { examine } from './checks.ts';
import type { Finding } from './checks.ts';
import { thisMachine } from './machine.ts';
import type { Machine } from './machine.ts';

interface Made {
  files?: Record<string, string | Buffer>;
  readOnly?: string[];
  /** Exit codes of commands; undefined for one that does not exist. */
  commands?: Record<string, number | undefined>;
  uid?: number;
  node?: string;
  portTaken?: 'by hearth' | 'by another';
}

/** A group of version 2 that belongs to the user, who is in it. */
function handedOver(path: string, controllers: string): Record<string, string> {
  const directory = `/sys/fs/cgroup${path}`;
  return {
    '/proc/self/cgroup': `0::${path}\n`,
    [directory]: '',
    [`${directory}/cgroup.procs`]: '',
    [`${directory}/cgroup.subtree_control`]: '',
    [`${directory}/cgroup.controllers`]: controllers,
  };
}

const ALL_COMMANDS: Record<string, number | undefined> = {
  unshare: 0,
  setpriv: 0,
  'mkfs.ext4': 0,
  newuidmap: 1,
  newgidmap: 1,
  pasta: 0,
};

/** A machine that has everything, but for what a test takes from it. */
function machine(made: Made = {}): Machine {
  const config = 'CONFIG_VETH=y\nCONFIG_MACVLAN=y\nCONFIG_NF_TABLES=y\n';
  const files: Record<string, string | Buffer> = {
    '/sys/fs/cgroup/cgroup.controllers': 'cpuset cpu io memory pids\n',
    '/sys/fs/cgroup': '',
    '/dev/loop-control': '',
    '/dev/net/tun': '',
    ...handedOver('/user.slice/ada.scope', 'cpu memory pids\n'),
    '/etc/subuid': 'ada:100000:65536\n',
    '/etc/subgid': '1000:100000:65536\n',
    '/usr/lib64/libatomic.so.1': '',
    '/proc/config.gz': gzipSync(config),
    ...made.files,
  };
  const commands = { ...ALL_COMMANDS, ...made.commands };
  return {
    uid: made.uid ?? 0,
    user: 'ada',
    nodeVersion: made.node ?? '26.10.0',
    kernel: '6.18.0',
    read: (path) => (files[path] === undefined || files[path] === '' ? undefined : Buffer.from(files[path])),
    exists: (path) => files[path] !== undefined,
    writable: (path) => files[path] !== undefined && made.readOnly?.includes(path) !== true,
    run: async (command) => commands[command],
    listen: async () => (made.portTaken === undefined ? undefined : 'EADDRINUSE'),
    answers: async () => made.portTaken === 'by hearth',
  };
}

async function lacking(made: Made): Promise<Finding[]> {
  const findings = await examine(machine(made), '127.0.0.1', 4566);
  return findings.filter((finding) => finding.status !== 'ok');
}

test('a machine that has everything passes', async () => {
  assert.deepEqual(await lacking({}), []);
  assert.deepEqual(await lacking({ portTaken: 'by hearth' }), []);
  assert.deepEqual(await lacking({ uid: 1000 }), []);
  // Also where an earlier server has moved the shell.
  assert.deepEqual(
    await lacking({ uid: 1000, files: { '/proc/self/cgroup': '0::/user.slice/ada.scope/hearth-self\n' } }),
    [],
  );
});

/** Lines of mountinfo as proc_pid_mountinfo(5) has them. */
function mounts(names: string[]): string {
  return names.map((name) => `30 20 0:27 / /sys/fs/cgroup/${name} rw - cgroup cgroup rw,${name}\n`).join('');
}

function firstVersion(controllers: string[]): Record<string, string> {
  return {
    '/sys/fs/cgroup/cgroup.controllers': 'misc\n',
    '/proc/self/mountinfo': mounts(controllers),
    '/sys/fs/cgroup/memory': '',
  };
}

test('version 1 of cgroups will do, and needs the freezer as well', async () => {
  assert.deepEqual(await lacking({ files: firstVersion(['memory', 'cpu', 'pids', 'freezer']) }), []);
  const [finding] = await lacking({ files: firstVersion(['memory', 'cpu', 'pids']) });
  assert.match(finding?.detail ?? '', /neither version has freezer/);
});

test('a chroot, where namespaces can not be tried, is neither good nor bad', async () => {
  const commands = { unshare: 1 };
  const inside = { '/proc/self/mountinfo': '30 20 0:27 / /proc rw - proc proc rw\n' };
  const [finding, ...more] = await lacking({ commands, files: inside });
  assert.deepEqual([finding?.status, more], ['unknown', []]);
  const outside = { '/proc/self/mountinfo': `19 1 8:1 / / rw - ext4 /dev/vda rw\n${inside['/proc/self/mountinfo']}` };
  assert.equal((await lacking({ commands, files: outside }))[0]?.status, 'missing');
});

const CASES: [string, Made, RegExp, RegExp][] = [
  ['an old Node', { node: '22.1.0' }, /Node 26/, /npm install/],
  ['no unshare', { commands: { unshare: undefined } }, /namespaces/, /util-linux/],
  ['no setpriv', { commands: { setpriv: undefined } }, /setpriv/, /util-linux/],
  ['namespaces refused', { commands: { unshare: 1 } }, /namespaces/, /--privileged/],
  [
    'namespaces switched off',
    {
      uid: 1000,
      commands: { unshare: 1 },
      files: { '/proc/sys/kernel/apparmor_restrict_unprivileged_userns': '1\n' },
    },
    /user namespaces/,
    /sysctl -w kernel\.apparmor/,
  ],
  ['no mkfs.ext4', { commands: { 'mkfs.ext4': undefined } }, /mkfs\.ext4/, /apt-get install -y e2fsprogs/],
  ['a read-only cgroup tree', { readOnly: ['/sys/fs/cgroup'] }, /cgroup/, /remount,rw/],
  [
    'no delegation',
    { uid: 1000, readOnly: ['/sys/fs/cgroup/user.slice/ada.scope/cgroup.procs'] },
    /cgroup/,
    /Delegate=yes/,
  ],
  [
    'no processor time handed over',
    { uid: 1000, files: handedOver('/ada', 'memory pids\n') },
    /cgroup/,
    /Delegate=cpu memory pids/,
  ],
  [
    'user namespaces forbidden by a setting',
    { uid: 1000, commands: { unshare: 1 }, files: { '/proc/sys/user/max_user_namespaces': '0\n' } },
    /user namespaces/,
    /sysctl -w user\.max_user_namespaces/,
  ],
  [
    "user namespaces forbidden by Debian's setting",
    { uid: 1000, commands: { unshare: 1 }, files: { '/proc/sys/kernel/unprivileged_userns_clone': '0\n' } },
    /user namespaces/,
    /sysctl -w kernel\.unprivileged_userns_clone=1/,
  ],
  ['no newuidmap', { uid: 1000, commands: { newgidmap: undefined } }, /newuidmap/, /apt-get install -y uidmap/],
  [
    'no users to give away',
    { uid: 1000, files: { '/etc/subuid': 'bob:100000:65536\n' } },
    /subuid/,
    /usermod --add-subuids/,
  ],
  [
    'too few groups to give away',
    { uid: 1000, files: { '/etc/subgid': 'ada:100000:1000\n' } },
    /subgid/,
    /usermod --add-subgids/,
  ],
  ['no pasta', { uid: 1000, commands: { pasta: undefined } }, /pasta/, /apt-get install -y passt/],
  ['no tun device for pasta', { uid: 1000, readOnly: ['/dev/net/tun'] }, /pasta/, /modprobe tun/],
  ['loop devices closed', { readOnly: ['/dev/loop-control'] }, /loop/, /--privileged/],
  [
    'no macvlan, as in WSL',
    { files: { '/proc/config.gz': gzipSync('CONFIG_VETH=y\nCONFIG_NF_TABLES=y\n') } },
    /macvlan/,
    /modprobe macvlan/,
  ],
  [
    'no veth',
    { files: { '/proc/config.gz': gzipSync('CONFIG_MACVLAN=y\nCONFIG_NF_TABLES=y\n') } },
    /veth/,
    /modprobe veth/,
  ],
  ['a taken port', { portTaken: 'by another' }, /port 4566/, /--port 4567/],
];

for (const [what, made, name, cure] of CASES) {
  test(`${what}: one finding, with its cure`, async () => {
    const findings = await lacking(made);
    assert.equal(findings.length, 1, JSON.stringify(findings));
    assert.match(findings[0]?.name ?? '', name);
    assert.match(findings[0]?.cure ?? '', cure);
  });
}

test('what only some functions miss is no reason not to start', async () => {
  const [finding, ...more] = await lacking({ uid: 1000, commands: { pasta: undefined } });
  assert.deepEqual([finding?.status, more], ['less', []]);
});

test('a kernel that does not tell is neither good nor bad', async () => {
  const findings = await lacking({ files: { '/proc/config.gz': '' } });
  assert.deepEqual(new Set(findings.map(({ status }) => status)), new Set(['unknown']));
  const module = { '/proc/config.gz': '', '/lib/modules/6.18.0/modules.dep': 'kernel/drivers/net/veth.ko.xz:\n' };
  assert.ok(!(await lacking({ files: module })).some((finding) => finding.name.startsWith('veth')));
});

test('on a real machine a port in use is found, and a command that does not exist', async () => {
  const real = thisMachine();
  const listener = createServer().listen(0, '127.0.0.1');
  await once(listener, 'listening');
  const { port } = listener.address() as AddressInfo;
  assert.equal(await real.listen('127.0.0.1', port), 'EADDRINUSE');
  listener.close();
  await once(listener, 'close');
  assert.equal(await real.listen('127.0.0.1', port), undefined);
  assert.equal(await real.run('no-such-command-here', []), undefined);
  assert.equal(await real.run('false', []), 1);
});
