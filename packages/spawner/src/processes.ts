import type { Cgroup } from '@hearth/linux';

const PASSES = 500;
const PAUSE_MS = 10;

/** Kills every process of a group and of those below until none is left. @throws when some survive 5 s. */
export async function endProcesses(cgroup: Cgroup): Promise<void> {
  for (let pass = 0; pass < PASSES; pass++) {
    cgroup.kill();
    if (!hasProcesses(cgroup)) return;
    await new Promise((resolve) => setTimeout(resolve, PAUSE_MS));
  }
  throw new Error('processes could not be ended within 5 s');
}

function hasProcesses(cgroup: Cgroup): boolean {
  return cgroup.processes().length > 0 || cgroup.children().some((name) => hasProcesses(cgroup.child(name)));
}
