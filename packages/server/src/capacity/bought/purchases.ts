import { randomBytes } from 'node:crypto';
import { ApiError } from '@hearth/protocol';
import type { Clock, Timer } from '../../instances/clock.ts';
import type { Capacity } from '../capacity.ts';
import type { AccountPolicy, OverflowPolicy } from './overflow.ts';
import type { CapacityStore, UsageQuery } from './ports.ts';
import { extentOf } from './purchase.ts';
import type { Purchase } from './purchase.ts';
import { readChange, readPolicy, readPurchase } from './purchase-input.ts';
import type { PurchaseDefaults, PurchaseTerms } from './purchase-input.ts';
import type { UsageRow } from './usage.ts';
import { viewOf } from './view.ts';
import type { PurchaseView } from './view.ts';

export interface PurchasesOptions {
  readonly store: CapacityStore;
  readonly capacity: Pick<Capacity, 'bought' | 'sizes' | 'maxMemoryMb'>;
  readonly clock: Clock;
  /** Told of what nobody else is. */
  readonly onError: (error: unknown) => void;
}

/** How much usage a crash may lose. */
const FLUSH_MS = 60_000;

/** The book of what accounts have bought: every change is written down before it takes effect, and restored when the server starts. */
export class Purchases implements AsyncDisposable {
  readonly #options: PurchasesOptions;
  readonly #purchases = new Map<string, Purchase>();
  readonly #policies = new Map<string, OverflowPolicy>();
  /** Changes, one after the other: each is checked against the sum of all. */
  #last: Promise<unknown> = Promise.resolve();
  #flushing: Promise<void> | undefined;
  #unwritten: UsageRow[] = [];
  #timer: Timer | undefined;

  private constructor(options: PurchasesOptions) {
    this.#options = options;
  }

  /** Reads what was bought before, and has it held again. */
  static async open(options: PurchasesOptions): Promise<Purchases> {
    const book = new Purchases(options);
    const { purchases, policies } = await options.store.all();
    for (const { account, policy } of policies) {
      book.#policies.set(account, policy);
      options.capacity.bought.setPolicy({ account, policy });
    }
    for (const purchase of purchases) {
      book.#purchases.set(purchase.id, purchase);
      options.capacity.bought.put(purchase);
    }
    book.#arm();
    return book;
  }

  list(): PurchaseView[] {
    return [...this.#purchases.values()].map((purchase) => this.#view(purchase));
  }

  policies(): AccountPolicy[] {
    return [...this.#policies].map(([account, policy]) => ({ account, policy }));
  }

  /** @throws ApiError ResourceNotFoundException */
  get(id: string): PurchaseView {
    return this.#view(this.#find(id));
  }

  /** @throws ApiError InvalidParameterValueException, also where the machine can't hold it beside what others have bought. */
  create(input: Record<string, unknown>, defaults: Omit<PurchaseDefaults, 'instanceMemoryMb'>): Promise<PurchaseView> {
    return this.#inTurn(async () => {
      const { instanceMemoryMb } = this.#options.capacity.sizes;
      const terms = readPurchase(input, { ...defaults, instanceMemoryMb });
      const now = this.#options.clock.wallTime();
      const id = `cap-${randomBytes(6).toString('hex')}`;
      return this.#put({ ...terms, id, createdAt: now, updatedAt: now });
    });
  }

  /** @throws as above, and ResourceNotFoundException */
  update(id: string, input: Record<string, unknown>): Promise<PurchaseView> {
    return this.#inTurn(async () => {
      const before = this.#find(id);
      const terms: PurchaseTerms = readChange(input, before);
      return this.#put({ ...before, ...terms, updatedAt: this.#options.clock.wallTime() });
    });
  }

  /** @throws ApiError ResourceNotFoundException */
  release(id: string): Promise<void> {
    return this.#inTurn(async () => {
      const purchase = this.#find(id);
      await this.#options.store.deletePurchase(id);
      this.#purchases.delete(id);
      this.#options.capacity.bought.remove(purchase);
    });
  }

  /** What becomes of an account's requests in a shortage. @throws ApiError InvalidParameterValueException */
  setPolicy(account: string, input: Record<string, unknown>): Promise<AccountPolicy> {
    return this.#inTurn(async () => {
      const choice = { account, policy: readPolicy(input) };
      await this.#options.store.putPolicy(choice);
      this.#policies.set(account, choice.policy);
      this.#options.capacity.bought.setPolicy(choice);
      return choice;
    });
  }

  /** What was used, up to this moment. */
  async usage(query: UsageQuery): Promise<UsageRow[]> {
    await this.#flush();
    return this.#options.store.usage(query);
  }

  /** Writes down what was used. The store is its owner's to close. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#timer?.cancel();
    await this.#last.catch(() => undefined);
    await this.#flush();
  }

  async #put(purchase: Purchase): Promise<PurchaseView> {
    this.#check(purchase);
    await this.#options.store.putPurchase(purchase);
    this.#purchases.set(purchase.id, purchase);
    this.#options.capacity.bought.put(purchase);
    return this.#view(purchase);
  }

  /** Whatever is guaranteed has to fit, all of it at once. */
  #check(wanted: Purchase): void {
    const { capacity, clock } = this.#options;
    const { sizes, maxMemoryMb } = capacity;
    const now = clock.wallTime();
    if (wanted.until !== null && wanted.until <= now) {
      throw new ApiError(
        'InvalidParameterValueException',
        'until lies in the past: its term would have ended already.',
      );
    }
    const { memoryMb: eachMb } = extentOf(wanted, sizes);
    if (eachMb <= sizes.overheadMb) {
      throw new ApiError(
        'InvalidParameterValueException',
        `An instance has more than the ${sizes.overheadMb} MB that Hearth needs in it.`,
      );
    }
    let totalMb = 0;
    for (const purchase of [...this.#purchases.values(), wanted]) {
      if (purchase.id === wanted.id && purchase !== wanted) continue;
      if (purchase.class === 'variable' || (purchase.until !== null && purchase.until <= now)) continue;
      const { count, memoryMb } = extentOf(purchase, sizes);
      totalMb += count * memoryMb;
    }
    const neededMb = wanted.class === 'variable' ? eachMb : totalMb;
    if (neededMb <= maxMemoryMb) return;
    throw new ApiError(
      'InvalidParameterValueException',
      `With it, what is bought comes to ${neededMb} MB, and this server has ${maxMemoryMb} MB for all instances. ` +
        'Hint: buy less, release something else (hearth capacity ls), or start the server with a larger maxMemoryMb.',
    );
  }

  #find(id: string): Purchase {
    const purchase = this.#purchases.get(id);
    if (purchase !== undefined) return purchase;
    throw new ApiError(
      'ResourceNotFoundException',
      `There is no purchase ${JSON.stringify(id)}. Hint: hearth capacity ls  shows those there are.`,
    );
  }

  #view(purchase: Purchase): PurchaseView {
    return viewOf(purchase, this.#options.capacity.bought.subPoolOf(purchase), this.#options.clock.wallTime());
  }

  #inTurn<T>(change: () => Promise<T>): Promise<T> {
    const result = this.#last.then(change, change);
    this.#last = result;
    return result;
  }

  #arm(): void {
    this.#timer = this.#options.clock.setTimer(FLUSH_MS, () => {
      this.#flush().catch(this.#options.onError);
      this.#arm();
    });
  }

  /** What could not be written is tried again with the next. */
  #flush(): Promise<void> {
    return (this.#flushing ??= this.#write().finally(() => (this.#flushing = undefined)));
  }

  async #write(): Promise<void> {
    const rows = [...this.#unwritten, ...this.#options.capacity.bought.takeUsage()];
    this.#unwritten = rows;
    await this.#options.store.addUsage(rows);
    this.#unwritten = [];
  }
}
