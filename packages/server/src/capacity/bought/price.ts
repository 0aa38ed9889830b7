import type { CapacityClass } from '@hearth/protocol';

/**
 * What a GB for an hour costs, in the price of one that is used on demand. They are there to compare with: whoever bills multiplies
 * them with a price of his own.
 *
 * Dedicated and reserved capacity is paid for by the time that it is held, used or not. It costs half of what it would on demand if it
 * were always in use, since whoever buys it takes the risk that it isn't; reserved capacity somewhat less, because it may be lent.
 * On-demand capacity is paid for by use, and so is variable capacity, which takes what others leave.
 */
export const RATES: Readonly<Record<Exclude<CapacityClass, 'variable'>, number>> = {
  'on-demand': 1,
  dedicated: 0.5,
  reserved: 0.4,
};

/** On an idle machine. */
const LOWEST = 0.2;
/** On one that is full: still less than on demand, since it may have to wait for its turn. */
const HIGHEST = 0.8;

/** What a GB of variable capacity for an hour costs now: less, the more of the machine is free (`freeShare`, from 0 to 1). */
export function variablePrice(freeShare: number): number {
  return HIGHEST - (HIGHEST - LOWEST) * Math.min(1, Math.max(0, freeShare));
}
