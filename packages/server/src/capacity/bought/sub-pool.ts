import { BUILT_IN_RUNTIME } from '@hearth/protocol';
import type { Packages, RuntimeId } from '@hearth/protocol';
import type { Instance } from '../../instances/provider.ts';
import type { InstanceMaker, InstancePlan, Receiver } from '../instance-maker.ts';
import { Holding } from '../holding.ts';
import { extentOf, subPoolOf } from './purchase.ts';
import type { Extent, InstanceSizes, Purchase } from './purchase.ts';

export interface SubPoolOptions {
  readonly maker: Pick<InstanceMaker, 'begin' | 'hurry'>;
  readonly sizes: InstanceSizes;
  /** What the functions of a purchase need, as they are now. */
  readonly packagesOf: (purchase: Purchase) => readonly Packages[];
  /** An instance waits here from now on, or does so no more. */
  readonly onReady: (instance: Instance) => void;
  readonly onTaken: (instance: Instance) => void;
  /** An instance has become ready, or has gone. */
  readonly onChange: () => void;
  readonly onLog: (level: 'info' | 'warn' | 'error', message: string) => void;
}

/**
 * The instances of one purchase. They are the account's from the moment they are there, have its functions' code and layers in
 * their caches, and wait here until a request needs them; used ones come back when they have been idle for long enough. What the
 * purchase is entitled to counts both: `held` never exceeds `target` for longer than it takes work to end.
 */
export class SubPool implements Receiver, AsyncDisposable {
  readonly id: string;
  readonly holding: Holding;
  /** The purchase is no more. */
  released = false;
  /** Instances that it should have at this moment. */
  target = 0;
  /** Instances beyond the purchase's number that its policy let it have. */
  grown = 0;
  /** Of the purchase's number, what is lent to others at this moment. */
  lent = 0;
  /** Why it is to have none, in words; undefined while it is to have some. */
  closedBecause: string | undefined;
  /** What could not be loaded ahead, in words. */
  problem: string | undefined;
  readonly #options: SubPoolOptions;
  #purchase: Purchase;
  #extent: Extent;
  readonly #ready: Instance[] = [];
  /** There, and loading. */
  readonly #preparing = new Set<Instance>();
  readonly #coming = new Set<string>();
  /** Taken by placement. */
  readonly #inUse = new Set<Instance>();
  /** Of these, the ones that were asked to come to an end. */
  readonly #leaving = new Set<Instance>();
  /** Hashes of what each instance was last told to load. */
  readonly #loaded = new WeakMap<Instance, string>();

  constructor(purchase: Purchase, options: SubPoolOptions) {
    this.#options = options;
    this.#purchase = purchase;
    this.#extent = extentOf(purchase, options.sizes);
    this.id = subPoolOf(purchase);
    this.holding = new Holding(purchase.account, this.id, purchase.class);
  }

  get purchase(): Purchase {
    return this.#purchase;
  }

  /** What the purchase comes to while it is open. */
  get extent(): Extent {
    return this.#extent;
  }

  get ready(): readonly Instance[] {
    return this.#ready;
  }

  /** Being made or loaded. */
  get coming(): number {
    return this.#coming.size + this.#preparing.size;
  }

  get inUse(): number {
    return this.#inUse.size;
  }

  /** All that it has, those not counted that are on their way out. */
  get held(): number {
    return this.#ready.length + this.coming + this.#inUse.size - this.#leaving.size;
  }

  get missing(): number {
    return Math.max(0, this.target - this.held);
  }

  /** MB of the instances that are there, those on their way out too. */
  get heldMb(): number {
    let total = 0;
    for (const group of [this.#ready, this.#preparing, this.#inUse])
      for (const { memoryMb } of group) total += memoryMb;
    return total;
  }

  /** The same with those that are being made. */
  get memoryMb(): number {
    return this.heldMb + this.#coming.size * this.#extent.memoryMb;
  }

  /** Memory for a function on an empty instance: MB. */
  get roomMb(): number {
    return this.#extent.memoryMb - this.#options.sizes.overheadMb;
  }

  /** The purchase has changed, or one of its functions: instances that wait are loaded anew, or end if their size is another's. */
  configure(purchase: Purchase): void {
    this.#purchase = purchase;
    this.#extent = extentOf(purchase, this.#options.sizes);
    for (const instance of this.#ready.filter((one) => !this.#fits(one)))
      this.#end(instance, 'its size is no longer wanted');
    const { hash } = this.#wanted();
    for (const instance of this.#ready.filter((one) => this.#loaded.get(one) !== hash)) {
      this.#ready.splice(this.#ready.indexOf(instance), 1);
      void this.#prepare(instance);
    }
  }

  /** Has one more instance made. @returns false where that is not possible now. */
  begin(): boolean {
    const { maker } = this.#options;
    const { class: kind, runtimes } = this.#purchase;
    const claim = kind === 'variable' ? 'variable' : 'bought';
    const zygotes = [...new Set<RuntimeId>([BUILT_IN_RUNTIME, ...runtimes])];
    const plan: InstancePlan = { memoryMb: this.#extent.memoryMb, runtimes: zygotes, claim };
    const id = maker.begin(plan, this);
    if (id === undefined) return false;
    this.#coming.add(id);
    return true;
  }

  /** Somebody waits for what is being made. */
  hurry(): void {
    for (const id of this.#coming) this.#options.maker.hurry(id);
  }

  /** Takes over an instance that belongs to nobody yet. */
  adopt(instance: Instance): void {
    instance.assign(this.#purchase.account);
    instance.onGone(() => this.#forget(instance));
    void this.#prepare(instance);
  }

  made(instance: Instance): void {
    this.#coming.delete(instance.id);
    this.adopt(instance);
  }

  failed(id: string): void {
    this.#coming.delete(id);
  }

  /** Takes an instance of at least this size (MB) for a request; undefined where there is none, or nothing more may begin. */
  take(memoryMb: number): Instance | undefined {
    if (!this.holding.open) return undefined;
    const index = this.#ready.findIndex((instance) => instance.memoryMb >= memoryMb);
    if (index < 0) return undefined;
    const [instance] = this.#ready.splice(index, 1);
    this.#inUse.add(instance!);
    this.#options.onTaken(instance!);
    return instance;
  }

  /**
   * A used instance has been idle for long enough: it comes back, and never goes to anybody else.
   *
   * @returns false where it is not wanted any more, and should end.
   */
  giveBack(instance: Instance): boolean {
    if (!this.#inUse.has(instance)) return false;
    if (this.grown > 0) {
      this.grown--;
      this.target--;
    }
    if (this.#leaving.has(instance) || this.held > this.target || !this.#fits(instance)) return false;
    this.#inUse.delete(instance);
    void this.#prepare(instance);
    return true;
  }

  /** Ends one that waits, for the good of somebody else. @returns false where none waits. */
  yieldOne(reason: string): boolean {
    const instance = this.#ready.at(-1);
    if (instance !== undefined) this.#end(instance, reason);
    return instance !== undefined;
  }

  /** What the policy let it have beyond its number is not wanted while it waits for work. */
  shed(): void {
    this.grown = Math.max(0, this.grown - this.#ready.length);
  }

  /**
   * Ends what is too much: first those that wait, then, by way of placement, those in use that execute nothing or come to an end
   * with what they do.
   *
   * @param recall has placement empty an instance without touching what runs in it.
   */
  shrink(recall: (instance: Instance) => void): void {
    while (this.held > this.target && this.#ready.length > 0) this.#end(this.#ready[0]!, 'it is no longer held');
    for (const instance of this.#inUse) {
      if (this.held <= this.target) return;
      if (this.#leaving.has(instance)) continue;
      this.#leaving.add(instance);
      recall(instance);
    }
  }

  /** After the maker. What is in use is placement's to end. */
  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all([...this.#ready, ...this.#preparing].map((instance) => instance[Symbol.asyncDispose]()));
  }

  /** Loads what the functions of the purchase need; then it is ready. */
  async #prepare(instance: Instance): Promise<void> {
    this.#preparing.add(instance);
    const { packages, hash } = this.#wanted();
    this.#loaded.set(instance, hash);
    try {
      if (packages.length > 0) await instance.preload(packages);
      this.problem = undefined;
    } catch (error) {
      this.problem = (error as Error).message;
      this.#options.onLog('warn', `${this.id}: instance ${instance.id}: ${this.problem}`);
    }
    // It was lost meanwhile.
    if (!this.#preparing.delete(instance)) return;
    // Something has changed meanwhile.
    if (this.#wanted().hash !== hash) return this.#prepare(instance);
    if (this.held >= this.target || !this.#fits(instance)) return this.#end(instance, 'it is no longer held');
    this.#ready.push(instance);
    this.#options.onReady(instance);
    this.#options.onChange();
  }

  #wanted(): { packages: readonly Packages[]; hash: string } {
    const packages = this.#options.packagesOf(this.#purchase);
    const hash = packages
      .map(({ code, layers = [] }) => [code, ...layers].map(({ sha256 }) => sha256).join('+'))
      .join();
    return { packages, hash };
  }

  #fits({ memoryMb }: Instance): boolean {
    return memoryMb === this.#extent.memoryMb;
  }

  #end(instance: Instance, reason: string): void {
    const { onLog } = this.#options;
    onLog('info', `${this.id}: instance ${instance.id} ends: ${reason}`);
    this.#forget(instance);
    instance[Symbol.asyncDispose]().catch((error: Error) =>
      onLog('error', `instance ${instance.id} could not be removed: ${error.message}`),
    );
  }

  #forget(instance: Instance): void {
    const index = this.#ready.indexOf(instance);
    if (index >= 0) this.#ready.splice(index, 1);
    this.#preparing.delete(instance);
    this.#inUse.delete(instance);
    this.#leaving.delete(instance);
    this.#options.onChange();
  }
}
