import { randomBytes } from 'node:crypto';
import { duplexPair } from 'node:stream';
import type { Duplex } from 'node:stream';
import { systemClock } from '../clock.ts';
import type { Clock } from '../clock.ts';
import type { CodeSource } from '../code-transfer.ts';
import { LinkedInstance } from '../linked-instance.ts';
import { ProviderError } from '../provider.ts';
import type { Freezer, Instance, InstanceRequest, Provider, SlotMemory } from '../provider.ts';
import { FakeAgent } from './fake-agent.ts';
import type { FakeAgentOptions } from './fake-agent.ts';

export interface FakeProviderOptions extends Pick<FakeAgentOptions, 'handlers' | 'hangingInits' | 'onExecution'> {
  readonly code: CodeSource;
  readonly clock?: Clock;
  /** Without one the server has to ask the agent. */
  readonly freezer?: 'fake' | 'none';
  readonly onRelay?: (stream: Duplex, account: string, sandbox: string) => void;
}

/** Notes what is frozen, and answers with a fixed use of memory. */
export class FakeFreezer implements Freezer {
  readonly frozen = new Set<number>();
  usedMb = 10;
  freezes = 0;
  /** Slots whose cgroup is broken. */
  readonly broken = new Set<number>();
  readonly #memory: SlotMemory = { used: 0, max: 0 };

  freeze(slot: number): void {
    if (this.broken.has(slot)) throw new Error('no such cgroup');
    this.freezes++;
    this.frozen.add(slot);
  }

  thaw(slot: number): void {
    if (this.broken.has(slot)) throw new Error('no such cgroup');
    this.frozen.delete(slot);
  }

  memory(): SlotMemory {
    this.#memory.used = this.usedMb << 20;
    this.#memory.max = (this.usedMb + 2) << 20;
    return this.#memory;
  }
}

/** Instances in this process, for tests of what is above the port. Streams, frames and tokens are the real ones. */
export class FakeProvider implements Provider {
  readonly name = 'fake';
  readonly agents = new Map<string, FakeAgent>();
  readonly freezers = new Map<string, FakeFreezer>();
  readonly instances = new Map<string, LinkedInstance>();
  /** How many of the next instances can't be made. */
  failures = 0;
  made = 0;
  /** Ids of instances that somebody was in a hurry for. */
  readonly hurried: string[] = [];
  readonly #options: FakeProviderOptions;

  constructor(options: FakeProviderOptions) {
    this.#options = options;
  }

  hurry(id: string): void {
    this.hurried.push(id);
  }

  async make(request: InstanceRequest, signal?: AbortSignal): Promise<Instance> {
    signal?.throwIfAborted();
    if (this.failures > 0) {
      this.failures--;
      throw new ProviderError('this machine makes no instances', 'Set `failures` to 0.');
    }
    const token = randomBytes(8).toString('hex');
    const instance: LinkedInstance = new LinkedInstance({
      provider: this.name,
      request,
      token,
      clock: this.#options.clock ?? systemClock,
      code: this.#options.code,
      makeVolumes: (slots) => instance.volumesMade(slots),
      onRelay: this.#options.onRelay ?? ((stream) => stream.destroy()),
      onLog: () => undefined,
      remove: () => {
        agent.kill();
        this.agents.delete(request.id);
        this.instances.delete(request.id);
        return Promise.resolve();
      },
    });
    const connect = (): Duplex => {
      const [ours, theirs] = duplexPair();
      // A pair in memory doesn't tell one side of the other's end, as a socket does.
      ours.once('close', () => theirs.destroy());
      theirs.once('close', () => ours.destroy());
      instance.accept(ours);
      return theirs;
    };
    if (this.#options.freezer !== 'none') {
      const freezer = new FakeFreezer();
      this.freezers.set(request.id, freezer);
      instance.freezer = freezer;
    }
    const agent = new FakeAgent({ ...this.#options, token, connect });
    this.agents.set(request.id, agent);
    this.instances.set(request.id, instance);
    await instance.ready;
    this.made++;
    return instance;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all([...this.instances.values()].map((instance) => instance[Symbol.asyncDispose]()));
  }
}
