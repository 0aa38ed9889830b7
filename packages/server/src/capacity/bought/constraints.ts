import { variablePrice } from './price.ts';
import type { Purchase } from './purchase.ts';
import { isOpen } from './schedule.ts';

/** What a decision about variable capacity depends on. */
export interface MachineState {
  /** Of Hearth's memory, what is free or only kept warm; what variable capacity itself uses counts as free. From 0 to 1. */
  readonly freeShare: number;
  /** Somebody with a better claim waits for memory: for what was bought as dedicated or reserved, or on demand. */
  readonly scarce: boolean;
}

/** Why a purchase has no capacity at this moment (milliseconds since the epoch), in words; undefined where it has. */
export function closedBecause(purchase: Purchase, machine: MachineState, epochMs: number): string | undefined {
  const { until, schedule, constraints } = purchase;
  if (until !== null && epochMs >= until) return 'its term has ended';
  if (schedule !== null && !isOpen(schedule, epochMs)) return 'none of its time windows is open';
  if (constraints === null) return undefined;
  const { minFreeShare = 0, maxPrice = Infinity } = constraints;
  const { freeShare, scarce } = machine;
  if (scarce) return 'the machine is short of memory, and others come first';
  if (freeShare < minFreeShare)
    return `${percent(freeShare)} of the machine is free, and it wants ${percent(minFreeShare)}`;
  const price = variablePrice(freeShare);
  if (price > maxPrice) return `the price is ${price.toFixed(2)}, and it pays ${maxPrice}`;
  return undefined;
}

function percent(share: number): string {
  return `${Math.round(share * 100)} %`;
}
