/**
 * The root image `host`: the machine's programs, a synthetic `/etc`, the language runtime, empty places for code,
 * layers and `/tmp`. Built once for each zygote; sandboxes are forked inside it and add only what is their own.
 */
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
  MS_PRIVATE,
  MS_RDONLY,
  MS_REC,
  MS_REMOUNT,
  pivotInto,
} from '@hearth/linux';

const PROGRAMS = ['usr', 'bin', 'sbin', 'lib', 'lib32', 'lib64', 'libx32'];
const READ_ONLY = MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV;

/** Path of the language runtime inside a sandbox, as on AWS. */
export const SANDBOX_NODE = '/var/lang/bin/node';
export const RUNTIME = '/var/runtime';

/**
 * Enters the image for good: this process, in a mount namespace of its own, sees nothing else from now on.
 *
 * @param stage an empty directory to build it on. @param node path of the language runtime.
 */
export function enterHostRoot(stage: string, node: string): void {
  mount(null, '/', null, MS_PRIVATE | MS_REC);
  mount('root', stage, 'tmpfs', MS_NOSUID | MS_NODEV, 'mode=755,size=1m');
  const at = (path: string): string => join(stage, path);
  const directory = (path: string): string => {
    fs.mkdirSync(at(path), { recursive: true });
    return at(path);
  };
  for (const name of PROGRAMS) {
    const source = `/${name}`;
    const found = fs.lstatSync(source, { throwIfNoEntry: false });
    if (found?.isSymbolicLink()) fs.symlinkSync(fs.readlinkSync(source), at(name));
    else if (found?.isDirectory()) bindMount(source, directory(name), READ_ONLY);
  }
  bindMount('/etc', directory('etc'), READ_ONLY);
  bindMount('/dev', directory('dev'), MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID);
  mount('proc', directory('proc'), 'proc', MS_NOSUID | MS_NODEV);
  directory('var/lang/bin');
  fs.writeFileSync(at(SANDBOX_NODE), '');
  bindMount(node, at(SANDBOX_NODE), READ_ONLY);
  bindMount('/opt/hearth/dist/runtime', directory(RUNTIME), READ_ONLY);
  for (const name of ['tmp', 'var/task', 'opt', 'root', 'run', 'mnt']) directory(name);
  // The image as a whole is read-only; what is mounted on it keeps its own mode.
  mount(null, stage, null, MS_REMOUNT | MS_RDONLY | MS_NOSUID | MS_NODEV, 'mode=755,size=1m');
  pivotInto(stage);
}
