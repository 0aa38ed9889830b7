import type { Socket } from 'node:net';
import type { FromAgent, ToAgent } from '@hearth/protocol';

/** What makes instances. `local` makes them of Linux namespaces; every provider passes `conformance/`. */
export interface Provider extends AsyncDisposable {
  readonly name: string;
  /**
   * Makes an instance and resolves once its agent has said that it is ready (zygote warm, first spares made).
   * Rejects with a `ProviderError` that carries a hint where a person can do something about it.
   */
  make(request: InstanceRequest, signal?: AbortSignal): Promise<Instance>;
}

export interface InstanceRequest {
  readonly id: string;
  readonly memoryMb: number;
  readonly cpus: number;
  /** Spares that the agent keeps ready. */
  readonly spares: number;
}

/** A running instance, seen from the server: its agent's link and the streams of its sandboxes. */
export interface Instance extends AsyncDisposable {
  readonly id: string;
  readonly provider: string;
  readonly memoryMb: number;
  /** Sends a control message to the agent. */
  send(message: ToAgent): void;
  /** Called for each control message of the agent. */
  onMessage(listener: (message: FromAgent) => void): void;
  /** Called once for each sandbox stream that has said a valid hello; `sandbox` is the id the agent announced. */
  onSandbox(listener: (sandbox: string, stream: Socket) => void): void;
  /** Called with each piece of what a sandbox's processes wrote to descriptors 1 and 2. */
  onStdio(listener: (sandbox: string, bytes: Buffer) => void): void;
  /** Called once when the instance is lost, however that came about. */
  onGone(listener: (reason: string) => void): void;
  /** Present where the server can stop and start a slot itself, without the agent. */
  readonly freezer?: Freezer;
}

/** Stops and starts everything in a slot, from the server's own thread, in microseconds. */
export interface Freezer {
  freeze(slot: number): void;
  thaw(slot: number): void;
  /** Bytes that the slot's processes use now, and the most they have used. */
  memory(slot: number): { used: number; max: number };
}
