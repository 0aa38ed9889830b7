/** Which of the machine's groups this process may make its own groups in. */
import * as fs from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { hasAttribute } from '../libc.ts';
import { type Cgroup, type Controller, CONTROLLERS } from './port.ts';
import { CgroupV1, processesIn } from './v1.ts';
import { CgroupV2, V2_CONTROLLERS } from './v2.ts';

/** Where distributions mount control groups. */
export const CGROUP_ROOT = '/sys/fs/cgroup';

/** Where the processes go that were in a group of version 2 that is to have groups below it. */
const LEAF = 'hearth-self';

const PASSES = 100;

/** Where to look; for tests. */
export interface Place {
  /** Where the groups are mounted. */
  root?: string;
  /** A file as /proc/self/cgroup. */
  self?: string;
}

/**
 * The group to make groups in: the machine's root group where this process may, else its own, if that was handed to it. With
 * version 2 only a group without processes hands its controllers down (no-internal-process rule of the kernel's admin-guide/cgroup-v2),
 * the machine's root excepted: what runs in the chosen one is moved into a leaf below it.
 *
 * @throws where there is none, with the reason.
 */
export function machineCgroup({ root = CGROUP_ROOT, self = '/proc/self/cgroup' }: Place = {}): Cgroup {
  if (hasControllers(root)) {
    const directory = groupToUse(root, self);
    if (fs.existsSync(join(directory, 'cgroup.type'))) evacuate(directory);
    return new CgroupV2(directory);
  }
  const missing = CONTROLLERS.filter((controller) => !fs.existsSync(join(root, controller, 'cgroup.procs')));
  if (missing.length > 0) {
    throw new Error(`no control groups for ${missing.join(', ')} under ${root}: run \`hearth doctor\``);
  }
  return cgroupAt(1, root);
}

/**
 * A group given by where it is: version 1 has a directory for each controller below `directory`.
 */
export function cgroupAt(version: 1 | 2, directory: string): Cgroup {
  if (version === 2) return new CgroupV2(directory);
  const entries = CONTROLLERS.map((controller) => [controller, join(directory, controller)] as const);
  return new CgroupV1(Object.fromEntries(entries) as Record<Controller, string>);
}

function groupToUse(root: string, self: string): string {
  const own = ownGroup(root, self);
  // What a service manager has handed to us comes first: then its limits hold for functions too.
  const candidates = [...new Set(own !== root && isDelegated(own) ? [own, root] : [root, own])];
  const found = candidates.find(isWritable);
  if (found === undefined) {
    throw new Error(`this user may make no control groups in ${candidates.join(' or ')}: run \`hearth doctor\``);
  }
  const lacking = V2_CONTROLLERS.filter((name) => !controllersOf(found).includes(name));
  if (lacking.length > 0) throw new Error(`${found} was not handed ${lacking.join(', ')}: run \`hearth doctor\``);
  return found;
}

/** The group that this process was started in. */
function ownGroup(root: string, self: string): string {
  const path = /^0::(.*)$/m.exec(fs.readFileSync(self, 'latin1'))?.[1] ?? '/';
  const own = path === '/' ? root : join(root, path);
  // An earlier server has moved the shell that starts this one.
  return basename(own) === LEAF ? dirname(own) : own;
}

/** Systemd's mark on what it has handed over, see its documentation CGROUP_DELEGATION. */
function isDelegated(directory: string): boolean {
  return ['trusted.delegate', 'user.delegate'].some((name) => hasAttribute(directory, name));
}

function isWritable(directory: string): boolean {
  try {
    for (const name of ['.', 'cgroup.procs', 'cgroup.subtree_control']) {
      fs.accessSync(join(directory, name), fs.constants.W_OK);
    }
    return true;
  } catch {
    return false;
  }
}

function hasControllers(root: string): boolean {
  return fs.existsSync(join(root, 'cgroup.controllers')) && controllersOf(root).includes('memory');
}

function controllersOf(directory: string): string[] {
  return fs.readFileSync(join(directory, 'cgroup.controllers'), 'latin1').split(/\s+/);
}

function evacuate(directory: string): void {
  const leaf = join(directory, LEAF);
  // New ones may be born meanwhile.
  for (let pass = 0; pass < PASSES; pass++) {
    const pids = processesIn(directory);
    if (pids.length === 0) return;
    fs.mkdirSync(leaf, { recursive: true });
    for (const pid of pids) moveTo(leaf, pid);
  }
  throw new Error(`the processes in ${directory} can't be moved to ${leaf}, and so it can have no groups with limits`);
}

function moveTo(group: string, pid: number): void {
  try {
    fs.writeFileSync(join(group, 'cgroup.procs'), String(pid));
  } catch (error) {
    // It has ended.
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
  }
}
