import type { Duplex } from 'node:stream';
import { encodeFrame, Kind } from '@hearth/protocol';
import type {
  AgentOrder,
  Freezer,
  Instance,
  InstanceListener,
  InstanceRequest,
  Provider,
} from '../../instances/provider.ts';

const INITIALISED = encodeFrame(Kind.init, 0);
const TIMES = { code: 0, sandbox: 0 };
const MEMORY = { used: 10 << 20, max: 12 << 20 };

/** Costs next to nothing, so that placement itself can be measured. */
const freezer: Freezer = { freeze: () => undefined, thaw: () => undefined, memory: () => MEMORY };

/** A sandbox's stream without a sandbox behind it: says that init is done when it is told to. */
class LeanStream {
  #onData: ((bytes: Buffer) => void) | undefined;
  readonly writableLength = 0;

  on(event: string, listener: (bytes: Buffer) => void): void {
    if (event === 'data') this.#onData = listener;
  }

  initialise(): void {
    this.#onData!(INITIALISED);
  }

  resume(): void {}
  write(): void {}
  destroy(): void {}
}

/** An instance that keeps the orders of placement until its agent is told to carry them out. */
export class LeanInstance implements Instance {
  readonly id: string;
  readonly provider = 'lean';
  readonly begunAt = 0;
  readonly readyAt = 0;
  readonly memoryMb: number;
  readonly maxSandboxes: number;
  readonly freezer = freezer;
  account: string | undefined;
  readonly #orders: AgentOrder[] = [];
  readonly #gone: ((reason: string) => void)[] = [];
  readonly #streams = new Map<string, LeanStream>();
  #listener: InstanceListener | undefined;
  #slot = 0;

  readonly #onOrdered: (instance: LeanInstance) => void;

  constructor({ id, memoryMb, maxSandboxes }: InstanceRequest, onOrdered: (instance: LeanInstance) => void) {
    this.#onOrdered = onOrdered;
    this.id = id;
    this.memoryMb = memoryMb;
    this.maxSandboxes = maxSandboxes;
  }

  check(): Promise<readonly string[]> {
    return Promise.resolve([]);
  }

  preload(): Promise<void> {
    return Promise.resolve();
  }

  assign(account: string): void {
    this.account = account;
  }

  send(order: AgentOrder): void {
    if (order.type !== 'place' && order.type !== 'destroy') return;
    if (this.#orders.length === 0) this.#onOrdered(this);
    this.#orders.push(order);
  }

  listen(listener: InstanceListener): void {
    this.#listener = listener;
  }

  claim(connection: string): Promise<Duplex> {
    const stream = new LeanStream();
    this.#streams.set(connection, stream);
    return Promise.resolve(stream as unknown as Duplex);
  }

  onGone(listener: (reason: string) => void): void {
    this.#gone.push(listener);
  }

  [Symbol.asyncDispose](): Promise<void> {
    for (const listener of this.#gone.splice(0)) listener('it is over');
    return Promise.resolve();
  }

  /** The agent does as it was ordered, and reports it. */
  obey(): void {
    for (const order of this.#orders.splice(0)) {
      if (order.type === 'place') {
        this.#listener!.onReport({
          type: 'placed',
          sandbox: order.sandbox,
          connection: order.sandbox,
          slot: this.#slot++,
          path: 'spare',
          reason: '',
          times: TIMES,
        });
      } else if (order.type === 'destroy') {
        this.#streams.delete(order.sandbox);
        this.#listener!.onReport({
          type: 'lost',
          sandbox: order.sandbox,
          reason: order.reason,
          exit: null,
          maxMemoryMb: 0,
        });
      }
    }
  }

  /** A sandbox whose stream has been claimed has loaded its function. */
  initialise(sandbox: string): void {
    this.#streams.get(sandbox)!.initialise();
  }
}

/** Makes instances of nothing at once. */
export class LeanProvider implements Provider {
  readonly name = 'lean';
  readonly #onOrdered: (instance: LeanInstance) => void;

  /** @param onOrdered told of an instance that has orders to obey. */
  constructor(onOrdered: (instance: LeanInstance) => void) {
    this.#onOrdered = onOrdered;
  }

  make(request: InstanceRequest): Promise<Instance> {
    return Promise.resolve(new LeanInstance(request, this.#onOrdered));
  }

  [Symbol.asyncDispose](): Promise<void> {
    return Promise.resolve();
  }
}
