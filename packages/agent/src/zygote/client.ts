/** The agent's end of its zygote: starts the process, passes orders, hears what becomes of the children. */
import { type ChildProcess, spawn } from 'node:child_process';
import { constants } from 'node:os';
import type { Readable, Writable } from 'node:stream';
import { createInterface } from 'node:readline';
import { LIBRARY_PATH } from '@hearth/protocol';
import { turnedOff } from './experimental.ts';
import { LEAST_SEMI_SPACE_MB } from './heap-sizes.ts';
import { EVENTS_FD, type ForkOrder, ORDERS_FD, type ZygoteEvent, type ZygotePaths } from './orders.ts';

/**
 * Single-threaded: a forked child has no V8 worker threads, so optimised code must not wait for them, of WebAssembly neither. Bytecode stays:
 * children share it. The young generation is bounded for the smallest function (`young-generation.ts`). The memory reducer would collect
 * a child's whole heap, and so copy most of it, as soon as the child's timers run: its timer is the zygote's, long due.
 */
const ZYGOTE_FLAGS = [
  '--single-threaded',
  '--v8-pool-size=0',
  '--disable-sigusr1',
  '--no-flush-bytecode',
  `--max-semi-space-size=${LEAST_SEMI_SPACE_MB}`,
  '--no-memory-reducer',
  '--wasm-sync-tier-up',
  '--no-warnings',
];

export interface SandboxEnd {
  code: number | null;
  /** Signal name. */
  signal: string | null;
}

export interface ZygoteListener {
  onDead(sandbox: string, end: SandboxEnd): void;
  /** The zygote itself has ended; no sandbox can be forked any more. */
  onGone(reason: string): void;
}

interface Pending {
  resolve: (pid: number) => void;
  reject: (error: Error) => void;
}

const SIGNAL_NAMES = new Map(Object.entries(constants.signals).map(([name, number]) => [number, name]));

export class ZygoteClient implements Disposable {
  readonly #process: ChildProcess;
  readonly #orders: Writable;
  readonly #listener: ZygoteListener;
  readonly #pending = new Map<string, Pending>();
  readonly #pids = new Map<string, number>();
  readonly #sandboxes = new Map<number, string>();
  readonly #warm = Promise.withResolvers<void>();
  #suitsLarge = false;

  /** @param program path of the zygote's bundle. @param preload path of a library that the loader maps first (`address-space.ts`). */
  constructor(program: string, preload: string, paths: ZygotePaths, listener: ZygoteListener) {
    this.#listener = listener;
    const stdio = ['ignore', 'inherit', 'inherit', 'pipe', 'pipe'] as const;
    this.#process = spawn(paths.node, [...ZYGOTE_FLAGS, ...turnedOff(paths.runtime), program], {
      stdio: [...stdio],
      argv0: 'node',
      env: {
        PATH: '/usr/local/bin:/usr/bin:/bin',
        // Read by the loader when a process starts, and good for all that are forked from it.
        LD_LIBRARY_PATH: LIBRARY_PATH.join(':'),
        LD_PRELOAD: preload,
        HEARTH_ZYGOTE: JSON.stringify(paths),
      },
    });
    this.#orders = this.#process.stdio[ORDERS_FD] as Writable;
    this.#orders.on('error', () => {});
    createInterface({ input: this.#process.stdio[EVENTS_FD] as Readable }).on('line', (line) => {
      this.#heard(JSON.parse(line) as ZygoteEvent);
    });
    this.#warm.promise.catch(() => {});
    this.#process.once('error', (error) => this.#gone(error.message));
    this.#process.once('exit', (code, signal) => this.#gone(`the zygote ended (${signal ?? code})`));
  }

  /** Whether functions with much memory may be forked; known once it is warm. */
  get suitsLarge(): boolean {
    return this.#suitsLarge;
  }

  /** Resolves once children can be forked. */
  get warm(): Promise<void> {
    return this.#warm.promise;
  }

  /**
   * Forks a sandbox. Resolves with its pid once it has its namespaces and can be given mounts.
   *
   * @throws where it could not be set up.
   */
  fork(order: ForkOrder): Promise<number> {
    const { promise, resolve, reject } = Promise.withResolvers<number>();
    this.#pending.set(order.sandbox, { resolve, reject });
    this.#orders.write(`${JSON.stringify(order)}\n`);
    return promise;
  }

  [Symbol.dispose](): void {
    this.#process.kill('SIGKILL');
  }

  #heard(event: ZygoteEvent): void {
    switch (event.event) {
      case 'warm':
        this.#suitsLarge = event.suitsLarge;
        return this.#warm.resolve();
      case 'forked':
        this.#pids.set(event.sandbox, event.pid);
        this.#sandboxes.set(event.pid, event.sandbox);
        return;
      case 'prepared':
        return this.#prepared(event.sandbox);
      case 'unprepared':
        // Already given mounts, perhaps: then its end is reported by `dead`, and why only here.
        process.stderr.write(`hearth agent: a sandbox could not be set up: ${event.message}\n`);
        this.#pending.get(event.sandbox)?.reject(new Error(event.message));
        this.#pending.delete(event.sandbox);
        return;
      case 'dead':
        return this.#dead(event.pid, event.code, event.signal);
      default:
        throw new Error(`unknown event of the zygote: ${JSON.stringify(event)}`);
    }
  }

  /** The child may be quicker than the zygote's own word about it: then its pid isn't known yet. */
  #prepared(sandbox: string): void {
    const pid = this.#pids.get(sandbox);
    if (pid === undefined) setImmediate(() => this.#prepared(sandbox));
    else {
      this.#pending.get(sandbox)?.resolve(pid);
      this.#pending.delete(sandbox);
    }
  }

  #dead(pid: number, code: number | null, signal: number | null): void {
    const sandbox = this.#sandboxes.get(pid);
    if (sandbox === undefined) return;
    this.#sandboxes.delete(pid);
    this.#pids.delete(sandbox);
    const name = signal === null ? null : (SIGNAL_NAMES.get(signal) ?? `signal ${signal}`);
    this.#pending.get(sandbox)?.reject(new Error(`it ended while it was set up (${name ?? code})`));
    this.#pending.delete(sandbox);
    this.#listener.onDead(sandbox, { code, signal: name });
  }

  #gone(reason: string): void {
    this.#warm.reject(new Error(reason));
    for (const { reject } of this.#pending.values()) reject(new Error(reason));
    this.#pending.clear();
    this.#listener.onGone(reason);
  }
}
