import type { ManagedInstance } from './managed-instance.ts';

/** What has executed within this time counts as if it still did: a load is as high as its peaks. */
const RECENT_MS = 60_000;
/** What runs may fill the instances that remain to this share: above it the next peak would take a new instance. */
const FULL = 0.8;

/**
 * The policy of scale-in (row A6). Of one account's instances the one to end, because the share of their memory that runs something is below
 * `threshold` (0 to 1) and what runs has room on the others; undefined where they are all needed. It is the one on which the least runs:
 * that is where the fewest sandboxes have to find another place, and it has soon ended.
 *
 * Looks at every sandbox of an account that has more than one instance: for timers, not for requests.
 */
export function surplus(
  instances: Iterable<ManagedInstance>,
  now: number,
  threshold: number,
): ManagedInstance | undefined {
  let usedMb = 0;
  let capacityMb = 0;
  let count = 0;
  let least: ManagedInstance | undefined;
  let leastMb = Infinity;
  for (const instance of instances) {
    // What is guaranteed is held whether it is used or not.
    if (instance.state !== 'active' || instance.holding.isGuaranteed) continue;
    const recent = recentMb(instance, now);
    usedMb += recent;
    capacityMb += instance.capacityMb;
    count++;
    // What is kept would have to be made elsewhere first, and nothing is gained where it is.
    if (recent >= leastMb || instance.kept > 0) continue;
    least = instance;
    leastMb = recent;
  }
  if (least === undefined || count < 2 || usedMb >= threshold * capacityMb) return undefined;
  return usedMb <= FULL * (capacityMb - least.capacityMb) ? least : undefined;
}

/** The limits of all that runs, or did a moment ago. */
function recentMb({ sandboxes }: ManagedInstance, now: number): number {
  let mb = 0;
  for (const sandbox of sandboxes.values()) {
    const recent = sandbox.state === 'idle' && now - sandbox.lastUsedAt < RECENT_MS;
    if (sandbox.busy || recent || sandbox.keeper !== undefined) mb += sandbox.spec.memoryMb;
  }
  return mb;
}
