import type { FunctionSpec } from '@hearth/protocol';
import type { ManagedInstance } from './managed-instance.ts';
import type { Sandbox } from './sandbox.ts';

/** What to end so that a request finds room; nothing where nothing helps, or where enough is ending already. */
export interface Eviction {
  readonly sandboxes: readonly Sandbox[];
  /** Another account's instance, with all that is in it. */
  readonly instance?: ManagedInstance;
}

const NOTHING: Eviction = { sandboxes: [] };

/**
 * The policy: keeping idle sandboxes is a courtesy, running a request is the job. So when no instance has room and none
 * can be made, idle sandboxes go. First those of the same account, in the order that the keep-alive policy gives, on the instance where the
 * fewest have to; a memory that is being given back is waited for, not paid for twice. If that can't help, the instance that was
 * used longest ago, of those that execute nothing, goes as a whole, so that one can be made in its place. Runs only
 * when a request waits and nothing boots, so it may look at every instance; at the sandboxes of those only that could help.
 * What is kept stays.
 */
export function roomByEviction(
  spec: FunctionSpec,
  own: Iterable<ManagedInstance>,
  all: Iterable<ManagedInstance>,
): Eviction {
  let best: Sandbox[] | undefined;
  for (const instance of own) {
    if (instance.givenUp) return NOTHING;
    // What it executes may take long, and nothing new comes to it.
    if (instance.state !== 'active' || !instance.holding.open) continue;
    const victims = victimsOn(instance, spec.memoryMb);
    if (victims === undefined) continue;
    if (victims.length === 0) return NOTHING;
    if (best === undefined || victims.length < best.length) best = victims;
  }
  if (best !== undefined) return { sandboxes: best };
  let oldest: ManagedInstance | undefined;
  for (const instance of all) {
    // One is on its way out already: its memory will do.
    if (instance.givenUp) return NOTHING;
    if (instance.busyMb > 0 || instance.kept > 0 || instance.holding.isGuaranteed) continue;
    if (oldest === undefined || instance.lastUsedAt < oldest.lastUsedAt) oldest = instance;
  }
  return oldest === undefined ? NOTHING : { sandboxes: [], instance: oldest };
}

/** Whether ending idle sandboxes on these instances would make room. */
export function canEvict({ memoryMb }: FunctionSpec, instances: Iterable<ManagedInstance>): boolean {
  for (const instance of instances) {
    if (instance.state === 'active' && instance.holding.open && victimsOn(instance, memoryMb) !== undefined)
      return true;
  }
  return false;
}

/** Idle sandboxes that have to end for so much room; none where it is coming anyway; undefined where it can't be had. */
function victimsOn(instance: ManagedInstance, neededMb: number): Sandbox[] | undefined {
  // Without a look at its sandboxes: what would be free if all that is idle were gone.
  if (instance.capacityMb - instance.busyMb < neededMb) return undefined;
  let missing = neededMb - (instance.capacityMb - instance.committedMb) - instance.releasingMb;
  let slots = instance.instance.maxSandboxes - instance.sandboxes.size;
  const idle: Sandbox[] = [];
  for (const sandbox of instance.sandboxes.values()) {
    if (sandbox.state === 'idle' && sandbox.keeper === undefined) idle.push(sandbox);
    else if (sandbox.ending) slots++;
  }
  idle.sort((a, b) => a.keepPriority - b.keepPriority || a.lastUsedAt - b.lastUsedAt);
  const victims: Sandbox[] = [];
  for (const sandbox of idle) {
    if (missing <= 0 && slots > 0) break;
    victims.push(sandbox);
    missing -= sandbox.committedMb;
    slots++;
  }
  return missing <= 0 && slots > 0 ? victims : undefined;
}
