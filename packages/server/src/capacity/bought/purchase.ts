import type { CapacityClass, RuntimeId } from '@hearth/protocol';
import type { Schedule } from './schedule.ts';

export type BoughtClass = Exclude<CapacityClass, 'on-demand'>;

/** Classes of capacity that are bought. */
export const BOUGHT_CLASSES: readonly BoughtClass[] = ['dedicated', 'reserved', 'variable'];

/** A function that the instances of a purchase are prepared for. */
export interface PreparedFunction {
  /** As AWS's operations take it: name, `name:qualifier` or ARN. Its code and layers are loaded ahead. */
  readonly name: string;
  /** Initialised sandboxes kept on each instance; 0 for none. */
  readonly sandboxes: number;
}

/** What has to hold so that variable capacity is there; each is left out where it doesn't matter. */
export interface VariableConstraints {
  /** Of Hearth's memory, what is free or only kept warm: from 0 to 1. */
  readonly minFreeShare?: number;
  /** The price of variable capacity, see price.ts: on-demand capacity costs 1. */
  readonly maxPrice?: number;
}

/** Capacity that an account has bought. */
export interface Purchase {
  /** `cap-` and 12 hexadecimal digits. */
  readonly id: string;
  /** 12 digits. */
  readonly account: string;
  readonly class: BoughtClass;
  /** Of class reserved concurrent executions; of the others instances. */
  readonly amount: number;
  /** Of class reserved what each execution needs; of the others the size of an instance, its agent's share included. */
  readonly memoryMb: number;
  /** Where functions are looked up that are named without their ARN. */
  readonly region: string;
  /** Whose zygotes are warm in each instance, beside the built-in one's. */
  readonly runtimes: readonly RuntimeId[];
  readonly functions: readonly PreparedFunction[];
  /** End of the term, milliseconds since the epoch; null where it has none. */
  readonly until: number | null;
  /** When there is capacity; null for always. */
  readonly schedule: Schedule | null;
  /** Of class variable only; null for the others. */
  readonly constraints: VariableConstraints | null;
  /**
   * Of class reserved: idle capacity may be lent to functions that time out in so many milliseconds, which is how long it may take
   * to get it back; 0 where nothing is lent.
   */
  readonly lendMs: number;
  /** Milliseconds since the epoch. */
  readonly createdAt: number;
  readonly updatedAt: number;
}

/** Sizes of instances of this server. */
export interface InstanceSizes {
  /** Of a common instance. */
  readonly instanceMemoryMb: number;
  /** Of an instance's memory, what agent, zygotes and spares use. */
  readonly overheadMb: number;
  /** Sandboxes in one instance. */
  readonly maxSandboxes: number;
}

/** Instances that a purchase takes, and the size of each. */
export interface Extent {
  readonly count: number;
  readonly memoryMb: number;
}

/** How many instances a purchase takes, as far as its term and schedule let it have any. */
export function extentOf(purchase: Purchase, sizes: InstanceSizes): Extent {
  const { amount, memoryMb } = purchase;
  if (purchase.class !== 'reserved') return { count: amount, memoryMb };
  const { instanceMemoryMb, overheadMb, maxSandboxes } = sizes;
  const each = Math.min(maxSandboxes, Math.floor((instanceMemoryMb - overheadMb) / memoryMb));
  if (each < 1) return { count: amount, memoryMb: memoryMb + overheadMb };
  return { count: Math.ceil(amount / each), memoryMb: instanceMemoryMb };
}

/** Name of the sub-pool with the instances of a purchase. */
export function subPoolOf({ class: kind, id }: Pick<Purchase, 'class' | 'id'>): string {
  return `${kind}/${id}`;
}
