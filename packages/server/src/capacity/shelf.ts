import type { Instance } from '../instances/provider.ts';
import { zygotesOf } from './configuration.ts';
import type { Configuration } from './configuration.ts';
import type { InstanceMaker, Receiver } from './instance-maker.ts';

export interface ShelfListener {
  readonly onMade: (instance: Instance) => void;
  readonly onFailed: (error: Error) => void;
}

/** The warm instances of one configuration, the oldest first, and those that are being made. */
export class Shelf implements Receiver {
  readonly configuration: Configuration;
  /** How many there should be; set by the pool. */
  target = 0;
  /** What was asked of it, fading; set by the pool. */
  demand = 0;
  readonly #warm: Instance[] = [];
  readonly #booting = new Set<string>();
  /** Those that nobody has been waiting for so far, of the ones that boot. */
  readonly #unhurried = new Set<string>();
  readonly #maker: InstanceMaker;
  readonly #listener: ShelfListener;

  constructor(configuration: Configuration, maker: InstanceMaker, listener: ShelfListener) {
    this.configuration = configuration;
    this.#maker = maker;
    this.#listener = listener;
  }

  get warm(): readonly Instance[] {
    return this.#warm;
  }

  /** Ids of those that are being made. */
  get booting(): ReadonlySet<string> {
    return this.#booting;
  }

  /** Of all that are there or coming: MB. */
  get memoryMb(): number {
    return (this.#warm.length + this.#booting.size) * this.configuration.memoryMb;
  }

  /** The oldest, out of the shelf for good. */
  take(): Instance | undefined {
    return this.#warm.shift();
  }

  /** @returns whether one more is being made. */
  boot(): boolean {
    const { memoryMb } = this.configuration;
    const id = this.#maker.begin({ memoryMb, runtimes: zygotesOf(this.configuration) }, this);
    if (id === undefined) return false;
    this.#booting.add(id);
    this.#unhurried.add(id);
    return true;
  }

  /** Has as many of those that boot hurry as somebody waits for. */
  hurry(count: number): void {
    const hurried = this.#booting.size - this.#unhurried.size;
    for (const id of [...this.#unhurried].slice(0, Math.max(0, count - hurried))) {
      this.#unhurried.delete(id);
      this.#maker.hurry(id);
    }
  }

  made(instance: Instance): void {
    this.#booting.delete(instance.id);
    this.#unhurried.delete(instance.id);
    this.#warm.push(instance);
    this.#listener.onMade(instance);
    instance.onGone(() => {
      const index = this.#warm.indexOf(instance);
      if (index >= 0) this.#warm.splice(index, 1);
    });
  }

  failed(id: string, error: Error): void {
    this.#booting.delete(id);
    this.#unhurried.delete(id);
    this.#listener.onFailed(error);
  }
}
