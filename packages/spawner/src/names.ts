/** Every name and number by which what the spawner makes can be recognised on the machine. */
import { createHash } from 'node:crypto';

/** A range of users: an instance's root is the first. */
export interface Users {
  first: number;
  count: number;
}

/** The root of an instance's user namespace is this user of the machine, plus 65,536 for each further instance. */
const FIRST_UID = 2_000_000_000;
const UIDS_PER_INSTANCE = 65_536;
/** Where users are few, as in the namespace of an ordinary user: root, and a user for each slot (`init/etc.ts`). */
export const IDS_PER_INSTANCE = 5120;

/** RFC 2544's range for benchmarks, which no network routes. An instance gets a /22 of it. */
export const ADDRESS_POOL = { address: '198.18.0.0', prefix: 15 } as const;
export const INSTANCE_PREFIX = 22;
export const MAX_INSTANCES = 128;

/** Interfaces on the machine's side start with this. */
export const INTERFACE_PREFIX = 'hth';

/**
 * The users of an instance.
 *
 * @param map the spawner's own /proc/self/uid_map: where users as high as the usual ones don't exist, the instances divide those up that do.
 * @throws where there are no more.
 */
export function instanceUsers(index: number, map: string): Users {
  const exists = countUsers(map);
  const usual = { first: FIRST_UID + index * UIDS_PER_INSTANCE, count: UIDS_PER_INSTANCE };
  if (usual.first + usual.count <= exists) return usual;
  // 0 is the spawner itself.
  const few = { first: 1 + index * IDS_PER_INSTANCE, count: IDS_PER_INSTANCE };
  if (few.first + few.count <= exists) return few;
  throw new Error(`${exists} users are mapped here, enough for ${index} instances and no more`);
}

/** How many users exist from 0 on without a gap. Lines of `INSIDE OUTSIDE COUNT`, see user_namespaces(7). */
function countUsers(map: string): number {
  const ranges = map
    .trim()
    .split('\n')
    .map((line) => line.trim().split(/\s+/).map(Number) as [number, number, number])
    .toSorted(([a], [b]) => a - b);
  let end = 0;
  for (const [inside, , count] of ranges) if (inside === end) end += count;
  return end;
}

/** The machine's address in an instance's network, which is the instance's gateway. */
export function gatewayAddress(index: number): string {
  const base = ((198 << 24) | (18 << 16)) >>> 0;
  const address = base + index * 2 ** (32 - INSTANCE_PREFIX) + 1;
  return [24, 16, 8, 0].map((shift) => (address >>> shift) & 255).join('.');
}

/** Short and the same for the same data directory, so that a later life finds what an earlier one left. */
export function installationId(dataDirectory: string): string {
  return createHash('sha256').update(dataDirectory).digest('hex').slice(0, 6);
}

export function cgroupName(installation: string): string {
  return `hearth-${installation}`;
}

export function tableName(installation: string): string {
  return `hearth-${installation}`;
}

/** At most 15 characters, as the kernel wants it. */
export function interfaceName(installation: string, index: number): string {
  return `${INTERFACE_PREFIX}${installation}${index.toString(36)}`;
}
