import * as fs from 'node:fs';
import { join } from 'node:path';
import { type Cgroup, CONTROLLERS, type Controller } from './port.ts';
import { CgroupV1 } from './v1.ts';
import { CgroupV2 } from './v2.ts';

export type { Cgroup, Controller } from './port.ts';
export { CONTROLLERS } from './port.ts';

/** Where distributions mount control groups. */
export const CGROUP_ROOT = '/sys/fs/cgroup';

/**
 * The machine's root group.
 *
 * @param root where the groups are mounted.
 * @throws where the machine has neither version with the controllers that limits need.
 */
export function machineCgroup(root = CGROUP_ROOT): Cgroup {
  const controllers = join(root, 'cgroup.controllers');
  if (fs.existsSync(controllers) && fs.readFileSync(controllers, 'latin1').split(/\s+/).includes('memory')) {
    return new CgroupV2(root);
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
