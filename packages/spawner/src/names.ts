/** Every name and number by which what the spawner makes can be recognised on the machine. */
import { createHash } from 'node:crypto';

/** The root of an instance's user namespace is this user of the machine, plus 65,536 for each further instance. */
const FIRST_UID = 2_000_000_000;
export const UIDS_PER_INSTANCE = 65_536;

/** RFC 2544's range for benchmarks, which no network routes. An instance gets a /22 of it. */
export const ADDRESS_POOL = { address: '198.18.0.0', prefix: 15 } as const;
export const INSTANCE_PREFIX = 22;
export const MAX_INSTANCES = 128;

/** Interfaces on the machine's side start with this. */
export const INTERFACE_PREFIX = 'hth';

export function instanceUid(index: number): number {
  return FIRST_UID + index * UIDS_PER_INSTANCE;
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
