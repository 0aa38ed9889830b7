import type { FunctionPool } from './function-pool.ts';
import type { ManagedInstance } from './managed-instance.ts';

/**
 * A sandbox counts as needed if it executes or has executed within this time: idle ones are a stack, so a load that needs
 * fewer leaves the others alone. Long enough to see the peaks of a load, short enough to forget one that is over.
 */
const RECENT_MS = 1_000;

/**
 * For each sandbox that the present load on a function version needs, where it is; one where there is no load; none where none is warm.
 * Requests of a quick function wait for a busy sandbox rather than take another one (line.ts): it needs no more than may be busy at a time.
 */
export function demand(pools: readonly FunctionPool[], now: number): ManagedInstance[] {
  const executing: ManagedInstance[] = [];
  const recent: ManagedInstance[] = [];
  let warm: ManagedInstance | undefined;
  let mostAtOnce = 0;
  for (const { state, instance, lastUsedAt } of pools.flatMap(({ sandboxes }) => [...sandboxes])) {
    if (state !== 'idle' && state !== 'executing') continue;
    warm ??= instance;
    if (state === 'executing') executing.push(instance);
    else if (lastUsedAt > 0 && now - lastUsedAt < RECENT_MS) recent.push(instance);
  }
  if (warm === undefined) return [];
  const needed = [...executing, ...recent];
  if (needed.length === 0) return [warm];
  for (const { pace, line } of pools) mostAtOnce += pace === 'quick' ? line.parallel : Infinity;
  return needed.slice(0, mostAtOnce);
}

/** What of a demand another version does not meet yet: as many as are missing, on the same instances where that is possible. */
export function unmet(needed: readonly ManagedInstance[], pools: readonly FunctionPool[]): ManagedInstance[] {
  const present = new Map<ManagedInstance, number>();
  let total = 0;
  for (const { ending, instance } of pools.flatMap(({ sandboxes }) => [...sandboxes])) {
    if (ending) continue;
    total++;
    present.set(instance, (present.get(instance) ?? 0) + 1);
  }
  const missing = needed.filter((instance) => {
    const there = present.get(instance) ?? 0;
    if (there > 0) present.set(instance, there - 1);
    return there === 0;
  });
  // Where an instance had no room, others have taken its share.
  return missing.slice(0, Math.max(0, needed.length - total));
}
