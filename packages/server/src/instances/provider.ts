import type { Duplex } from 'node:stream';
import type { FromAgent, Packages, RuntimeId, ToAgent } from '@hearth/protocol';

/** What makes instances. `local` makes them of Linux namespaces; every provider passes `conformance/`. */
export interface Provider extends AsyncDisposable {
  readonly name: string;
  /**
   * Makes an instance and resolves once its agent has said that it is ready (zygote warm, first spares made).
   * Rejects with a {@link ProviderError}; whatever was made by then is removed.
   */
  make(request: InstanceRequest, signal?: AbortSignal): Promise<Instance>;
  /**
   * Somebody waits for the instance of this id, which is being made: it need not yield the processors to others any more.
   * Absent where instances that are being made never do. Harmless for an id that isn't being made.
   */
  hurry?(id: string): void;
}

export interface InstanceRequest {
  readonly id: string;
  /** Hard limit on everything inside, agent and zygote included. */
  readonly memoryMb: number;
  readonly cpus: number;
  /** Whose zygotes are warm when the instance is ready; the built-in one's is in any case. */
  readonly runtimes: readonly RuntimeId[];
  /** Spares of the built-in runtime that the agent keeps ready; of others fewer. */
  readonly spares: number;
  /** Clean slots that the agent keeps ready beside the spares: what a burst takes at once. */
  readonly slots: number;
  /** Sandboxes that fit at most, spares not counted. */
  readonly maxSandboxes: number;
}

/** What an agent reports that concerns placement; the rest of its messages the provider answers itself. */
export type AgentReport = Extract<FromAgent, { type: 'placed' | 'lost' | 'usage' }>;

/** What placement asks of an agent. */
export type AgentOrder = Exclude<ToAgent, { type: 'configure' | 'assign' | 'volumes' | 'check' | 'preload' }>;

/** Who listens to an instance; there is one listener at a time. */
export interface InstanceListener {
  onReport(report: AgentReport): void;
  /** What the processes of a sandbox wrote to descriptors 1 and 2. `bytes` is valid until the call returns. */
  onStdio(connection: string, bytes: Buffer): void;
}

/** A running instance, seen from the server: its agent's link and the streams of its sandboxes. */
export interface Instance {
  readonly id: string;
  readonly provider: string;
  readonly memoryMb: number;
  readonly maxSandboxes: number;
  /** Clock's time at which its making began. */
  readonly begunAt: number;
  /** And at which it was ready. */
  readonly readyAt: number;
  /** Whose it is, for good; undefined while it waits in the warming pool. */
  readonly account: string | undefined;
  /** Gives the instance to an account. Throws a {@link ProviderError} when it belongs to another already. */
  assign(account: string): void;
  /**
   * Has its agent fetch and unpack these packages of its account before any sandbox needs them, and keep them in place of those
   * of the call before. Rejects with a {@link ProviderError} where some can't be had (the others are there), or the instance is lost.
   */
  preload(packages: readonly Packages[]): Promise<void>;
  /** Sends a message to the agent; dropped when the instance is gone, which `onGone` tells. */
  send(order: AgentOrder): void;
  listen(listener: InstanceListener): void;
  /**
   * The stream that a sandbox opened as `connection` (a `placed` report names it), for the caller to own; each is
   * handed out once. Waits a bounded time for one that is not there yet; rejects with a {@link ProviderError} if it
   * doesn't come, or closed before.
   */
  claim(connection: string): Promise<Duplex>;
  /**
   * Asks the agent whether all is well. Resolves with what is wrong, each in words: none for a healthy instance. Rejects with
   * a {@link ProviderError} when the instance is lost; an agent that is stuck never answers.
   */
  check(): Promise<readonly string[]>;
  /** Calls back once when the instance is lost, however that came about; at once if it is lost already. */
  onGone(listener: (reason: string) => void): void;
  /** Present where the server can stop and start a slot itself, without the agent. */
  readonly freezer?: Freezer;
  /** Ends the instance and removes everything of it; `onGone` is told at once. */
  [Symbol.asyncDispose](): Promise<void>;
}

/** Stops and starts everything in a slot, from the server's own thread, in microseconds. Each method throws on failure. */
export interface Freezer {
  freeze(slot: number): void;
  thaw(slot: number): void;
  /** Bytes that the slot's processes use now, and the most they have used. The same object is filled at each call. */
  memory(slot: number): SlotMemory;
}

export interface SlotMemory {
  used: number;
  max: number;
}

/** An instance could not be made or kept. */
export class ProviderError extends Error {
  override name = 'ProviderError';
  /** What a person can do about it. */
  readonly hint: string;

  constructor(message: string, hint: string, options?: ErrorOptions) {
    super(message, options);
    this.hint = hint;
  }
}
