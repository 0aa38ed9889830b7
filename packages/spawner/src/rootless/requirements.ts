/** What an ordinary user needs to run the spawner, and how to get it. */
import { spawnSync } from 'node:child_process';
import * as fs from 'node:fs';
import { userInfo } from 'node:os';
import { IDS_PER_INSTANCE } from '../names.ts';

/** What is missing, in one sentence, and the cure. */
export class Lack extends Error {
  readonly hint: string;

  constructor(message: string, hint: string) {
    super(message);
    this.hint = hint;
  }
}

const KINDS = ['--mount', '--pid', '--fork', '--kill-child=KILL', '--mount-proc'];

/** The namespaces in which the user is root. The user itself is root there, and has the users of /etc/subuid beside. */
export const NAMESPACES = ['--user', '--map-root-user', '--map-auto', ...KINDS];

/** A trial takes a moment. */
const TRIAL_LIMIT_MS = 10_000;

/** @throws Lack for the first thing that is missing. */
export function checkRequirements(): void {
  for (const file of ['/etc/subuid', '/etc/subgid']) checkSubordinate(file);
  for (const program of ['newuidmap', 'newgidmap']) {
    if (!hasProgram(program)) {
      throw new Lack(
        `there is no ${program}, which gives each sandbox a user of its own`,
        'sudo apt-get install -y uidmap   (Fedora: shadow-utils)',
      );
    }
  }
  // The kernel, its settings and security modules have many ways to refuse; only trying tells. First without the further users: where namespaces
  // are refused, `--map-auto` leaves a helper that waits for ever.
  for (const namespaces of [['--user', '--map-root-user', ...KINDS], NAMESPACES]) {
    const trial = spawnSync('unshare', [...namespaces, '--net', 'true'], { encoding: 'utf8', timeout: TRIAL_LIMIT_MS });
    if (trial.error !== undefined && 'code' in trial.error && trial.error.code === 'ENOENT') {
      throw new Lack('there is no unshare, which makes namespaces', 'sudo apt-get install -y util-linux');
    }
    if (trial.status !== 0) {
      const said = trial.stderr.trim().split('\n')[0] ?? '';
      throw new Lack(`this user may not make namespaces: ${said}`, namespacesHint(trial.stderr));
    }
  }
}

/** Whether a program is on the path or where administrators' programs are. */
export function hasProgram(name: string): boolean {
  const directories = `${process.env['PATH'] ?? ''}:/usr/sbin:/sbin:/usr/bin:/bin`.split(':');
  return directories.some((directory) => fs.existsSync(`${directory}/${name}`));
}

/** Lines of `NAME:FIRST:COUNT`, see subuid(5). `unshare --map-auto` takes the first. */
function checkSubordinate(file: string): void {
  const [username, uid] = [userName(), process.getuid!()];
  const text = fs.existsSync(file) ? fs.readFileSync(file, 'utf8') : '';
  const line = text.split('\n').find((each) => [username, String(uid)].includes(each.split(':')[0]!));
  const count = Number(line?.split(':')[2] ?? 0);
  if (count >= IDS_PER_INSTANCE) return;
  const range = file === '/etc/subuid' ? '--add-subuids' : '--add-subgids';
  throw new Lack(
    `${file} gives user ${username} ${count} users for sandboxes, and an instance takes ${IDS_PER_INSTANCE}`,
    `sudo usermod ${range} 100000-165535 ${username}   (any range that no line of the file has)`,
  );
}

/** In a container a user may have a number only. */
function userName(): string {
  try {
    return userInfo().username;
  } catch {
    return String(process.getuid!());
  }
}

function namespacesHint(stderr: string): string {
  if (setting('user/max_user_namespaces') === '0') return 'sudo sysctl -w user.max_user_namespaces=15000';
  if (setting('kernel/unprivileged_userns_clone') === '0') return 'sudo sysctl -w kernel.unprivileged_userns_clone=1';
  if (setting('kernel/apparmor_restrict_unprivileged_userns') === '1') {
    return 'sudo sysctl -w kernel.apparmor_restrict_unprivileged_userns=0   (or an AppArmor profile that allows `userns` to unshare)';
  }
  if (stderr.includes('unrecognized option')) return 'util-linux 2.38 or later is needed: its unshare has --map-auto';
  return 'In a container: start it with --privileged. Else run  sudo hearth up .';
}

function setting(path: string): string {
  const file = `/proc/sys/${path}`;
  return fs.existsSync(file) ? fs.readFileSync(file, 'latin1').trim() : '';
}
