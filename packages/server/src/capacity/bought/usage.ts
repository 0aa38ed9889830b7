import type { CapacityClass } from '@hearth/protocol';

export const HOUR_MS = 3_600_000;

/** What an account has used of a class of capacity in one hour. */
export interface UsageRow {
  readonly account: string;
  readonly class: CapacityClass;
  /** Its beginning, milliseconds since the epoch. */
  readonly hour: number;
  /** Memory of instances times the time they were held: MB times milliseconds. */
  readonly heldMbMs: number;
  /** Memory of functions times the time they executed: MB times milliseconds. */
  readonly usedMbMs: number;
  readonly invocations: number;
  /** See price.ts: GB-hours at the on-demand price. */
  readonly cost: number;
}

export const GB_HOUR_IN_MB_MS = 1024 * HOUR_MS;

/** What so many MB times milliseconds cost at a price for the GB-hour. */
export function costOf(mbMs: number, price: number): number {
  return (mbMs / GB_HOUR_IN_MB_MS) * price;
}
