import type { Clock } from '../../instances/clock.ts';
import type { Holding } from '../holding.ts';
import { RATES, variablePrice } from './price.ts';
import type { CapacityClass } from '@hearth/protocol';
import type { SubPool } from './sub-pool.ts';
import { costOf, HOUR_MS } from './usage.ts';
import type { UsageRow } from './usage.ts';

type Sums = { -readonly [Field in 'heldMbMs' | 'usedMbMs' | 'invocations' | 'cost']: number };

/**
 * Adds up what each account uses of each class, by the hour (row D22). What is held is counted from one reading to the next, so
 * there has to be one whenever a sub-pool has become larger or smaller.
 */
export class Meter {
  readonly #clock: Clock;
  readonly #sums = new Map<string, Sums & Pick<UsageRow, 'account' | 'class' | 'hour'>>();
  /** MB that each sub-pool held when it was looked at last. */
  readonly #held = new Map<SubPool, number>();
  #readAt: number;
  #hour: number;

  constructor(clock: Clock) {
    this.#clock = clock;
    this.#readAt = clock.now();
    this.#hour = this.#thisHour();
  }

  /**
   * Takes note of what was held and used since the last reading.
   *
   * @param subPools as they are from now on.
   * @param freeShare of the machine, which the price of variable capacity depends on.
   */
  read(subPools: Iterable<SubPool>, holdings: Iterable<Holding>, freeShare: number): void {
    const now = this.#clock.now();
    const elapsed = now - this.#readAt;
    if (elapsed > 0) {
      for (const [{ purchase }, mb] of this.#held) {
        const mbMs = mb * elapsed;
        const cost = purchase.class === 'variable' ? 0 : costOf(mbMs, RATES[purchase.class]);
        this.#add(purchase.account, purchase.class, { heldMbMs: mbMs, usedMbMs: 0, invocations: 0, cost });
      }
    }
    this.#held.clear();
    for (const subPool of subPools) {
      this.#use(subPool.holding, freeShare);
      if (subPool.heldMb > 0) this.#held.set(subPool, subPool.heldMb);
    }
    for (const holding of holdings) this.#use(holding, freeShare);
    this.#readAt = now;
    this.#hour = this.#thisHour();
  }

  /** What has added up since the last call. */
  takeRows(): UsageRow[] {
    const rows = [...this.#sums.values()];
    this.#sums.clear();
    return rows;
  }

  #use(holding: Holding, freeShare: number): void {
    const { account, class: kind, usedMbMs, invocations } = holding;
    if (invocations === 0) return;
    holding.usedMbMs = 0;
    holding.invocations = 0;
    const price = { ...RATES, dedicated: 0, reserved: 0, variable: variablePrice(freeShare) }[kind];
    this.#add(account, kind, { heldMbMs: 0, usedMbMs, invocations, cost: costOf(usedMbMs, price) });
  }

  /** To the hour in which the last reading was: the next is at most a minute later. */
  #add(account: string, kind: CapacityClass, more: Sums): void {
    const key = `${account} ${kind} ${this.#hour}`;
    const sum = this.#sums.get(key);
    if (sum === undefined) {
      this.#sums.set(key, { account, class: kind, hour: this.#hour, ...more });
      return;
    }
    sum.heldMbMs += more.heldMbMs;
    sum.usedMbMs += more.usedMbMs;
    sum.invocations += more.invocations;
    sum.cost += more.cost;
  }

  #thisHour(): number {
    return Math.floor(this.#clock.wallTime() / HOUR_MS) * HOUR_MS;
  }
}
