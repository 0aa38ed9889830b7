/** The file tree of an instance: the machine's programs, our parts, and nothing else of the machine. */
import * as fs from 'node:fs';
import { join } from 'node:path';
import {
  bindMount,
  mount,
  MOUNT_ATTR_NODEV,
  MOUNT_ATTR_NOSUID,
  MOUNT_ATTR_RDONLY,
  MS_NODEV,
  MS_NOSUID,
} from '@hearth/linux';
import { LIBRARY_PATH } from '@hearth/protocol';
import { type InitConfig, RUNTIMES } from '../instance.ts';
import { writeEtc } from './etc.ts';

/** Paths inside the instance. */
export const NODE = '/opt/hearth/node';
export const AGENT = '/opt/hearth/dist/agent.mjs';
export const ENTER = '/opt/hearth/dist/enter.mjs';

const PROGRAMS = ['usr', 'bin', 'sbin', 'lib', 'lib32', 'lib64', 'libx32'];
const DEVICES = ['null', 'zero', 'full', 'random', 'urandom'];
const READ_ONLY = MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV;

/** Builds the tree on `config.stage`; the caller pivots into it. */
export function buildRoot({ stage, uid, parts, socket, volumes, disk, cgroups }: InitConfig): void {
  mount('hearth', stage, 'tmpfs', MS_NOSUID | MS_NODEV, 'mode=755,size=16m');
  const at = (path: string): string => join(stage, path);
  const directory = (path: string): string => {
    fs.mkdirSync(at(path), { recursive: true });
    return at(path);
  };
  const file = (path: string): string => {
    fs.writeFileSync(at(path), '');
    return at(path);
  };
  for (const name of PROGRAMS) {
    const source = `/${name}`;
    const found = fs.lstatSync(source, { throwIfNoEntry: false });
    if (found?.isSymbolicLink()) fs.symlinkSync(fs.readlinkSync(source), at(name));
    else if (found?.isDirectory()) bindMount(source, directory(name), READ_ONLY);
  }
  directory('dev');
  for (const name of DEVICES) bindMount(`/dev/${name}`, file(`dev/${name}`));
  for (const [name, target] of Object.entries({ fd: 'fd', stdin: 'fd/0', stdout: 'fd/1', stderr: 'fd/2' })) {
    fs.symlinkSync(`/proc/self/${target}`, at(`dev/${name}`));
  }
  // The machine's for now: the kernel gives a namespace its own /proc only where it can see a whole one.
  bindMount('/proc', directory('proc'));
  writeEtc(directory('etc'));
  directory('opt/hearth');
  bindMount(parts.node, file('opt/hearth/node'), READ_ONLY);
  bindMount(parts.dist, directory('opt/hearth/dist'), READ_ONLY);
  // The directory itself, so that what the server fetches later is here too.
  bindMount(parts.runtimes, directory(RUNTIMES), READ_ONLY);
  directory('opt/hearth/node_modules');
  for (const name of ['koffi', '@koromix']) {
    bindMount(join(parts.modules, name), directory(`opt/hearth/node_modules/${name}`), READ_ONLY);
  }
  for (const name of ['tmp', 'run/hearth/netns', 'run/hearth/root']) fs.chownSync(directory(name), uid, uid);
  // A loader never looks again where there was no directory when its process started; zygotes look here for what functions bring.
  for (const path of LIBRARY_PATH) if (/^\/(var|opt)\//.test(path)) directory(path);
  directory('run/hearth/server');
  bindMount(socket, file('run/hearth/server/sock'));
  // Volumes that the spawner mounts later arrive here, because the copy is a slave of the machine's side.
  bindMount(volumes, directory('run/hearth/volumes'), MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV);
  bindMount(disk, directory('var/hearth'), MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV);
  const groups = [...new Set(Object.values(cgroups))];
  if (groups.length === 1) bindMount(groups[0]!, directory('run/hearth/cgroup'));
  else {
    for (const [controller, path] of Object.entries(cgroups)) {
      bindMount(path, directory(`run/hearth/cgroup/${controller}`));
    }
  }
}
