/** What a former life that ended without saying goodbye may have left: processes in its groups, and files. */
import * as fs from 'node:fs';
import type { Cgroup } from '@hearth/linux';
import { endProcesses } from './processes.ts';

/** Mounts, namespaces, loop devices and interfaces go by themselves with the last process. */
export async function removeLeftovers(cgroup: Cgroup, directory: string): Promise<void> {
  if (fs.existsSync(cgroup.directories.pids)) await endProcesses(cgroup);
  cgroup.remove();
  removeDirectory(directory);
}

/** Removes a directory in which something may have been mounted a moment ago: the kernel lets go of it when it can. */
export function removeDirectory(directory: string): void {
  fs.rmSync(directory, { recursive: true, force: true, maxRetries: 20, retryDelay: 50 });
}
