/** The zygotes of this instance: one for each runtime that is used in it, started when that runtime is first asked for. */
import { existsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { BUILT_IN_RUNTIME, type RuntimeId } from '@hearth/protocol';
import { addressTaker } from './address-space.ts';
import { type SandboxEnd, ZygoteClient } from './client.ts';
import type { ZygotePaths } from './orders.ts';

const PROGRAM = '/opt/hearth/dist/zygote.mjs';
const BUILT_IN_NODE = '/opt/hearth/node';

/**
 * Booting a zygote keeps a processor busy for half a second: the sandbox that asked for its runtime, and was made without
 * it, goes first.
 */
const START_DELAY_MS = 100;

export interface ZygotesOptions {
  paths: Omit<ZygotePaths, 'runtime' | 'node'>;
  /** The provider's shared store: a folder for each runtime that was fetched. Undefined where it has none. */
  store: string | undefined;
  /** A directory to keep a file in that zygotes need. */
  disk: string;
  onDead: (sandbox: string, end: SandboxEnd) => void;
  /** One that was started on demand is warm. */
  onWarm: (runtime: RuntimeId) => void;
  /** One that was warm has ended. */
  onGone: (reason: string) => void;
  warn: (message: string) => void;
}

export class Zygotes {
  readonly #options: ZygotesOptions;
  readonly #warm = new Map<RuntimeId, ZygoteClient>();
  readonly #asked = new Set<RuntimeId>();
  readonly #preload: string;

  constructor(options: ZygotesOptions) {
    this.#options = options;
    this.#preload = join(options.disk, 'addresses.so');
    writeFileSync(this.#preload, addressTaker());
  }

  /** Undefined while it isn't warm, or where it could not be started. */
  get(runtime: RuntimeId): ZygoteClient | undefined {
    return this.#warm.get(runtime);
  }

  /**
   * Path of a runtime's Node in this instance.
   *
   * @throws Error where it isn't there.
   */
  nodeOf(runtime: RuntimeId): string {
    if (runtime === BUILT_IN_RUNTIME) return BUILT_IN_NODE;
    const { store } = this.#options;
    if (store === undefined) throw new Error(`its provider has no store of runtimes, so there is no ${runtime} here`);
    const path = join(store, runtime, 'bin/node');
    if (!existsSync(path)) throw new Error(`${runtime} has not been fetched`);
    return path;
  }

  /** Starts a runtime's zygote. Resolves when it is warm. @throws Error where that fails. */
  async start(runtime: RuntimeId): Promise<void> {
    this.#asked.add(runtime);
    const { paths, onDead, onGone } = this.#options;
    const node = this.nodeOf(runtime);
    const zygote = new ZygoteClient(
      PROGRAM,
      this.#preload,
      { ...paths, runtime, node },
      {
        onDead,
        onGone: (reason) => {
          // Before it was warm nobody depends on it.
          if (this.#warm.has(runtime)) onGone(`${runtime}: ${reason}`);
        },
      },
    );
    await zygote.warm;
    this.#warm.set(runtime, zygote);
  }

  /** The same in a moment and once only; one that can't be started is done without. */
  startSoon(runtime: RuntimeId): void {
    if (this.#asked.has(runtime)) return;
    this.#asked.add(runtime);
    setTimeout(() => {
      void this.startIfPossible(runtime).then((warm) => warm && this.#options.onWarm(runtime));
    }, START_DELAY_MS).unref();
  }

  /** As `start`, but warns where that fails. @returns whether it is warm. */
  async startIfPossible(runtime: RuntimeId): Promise<boolean> {
    try {
      await this.start(runtime);
      return true;
    } catch (error) {
      const { message } = error as Error;
      this.#options.warn(`no zygote of ${runtime}, its sandboxes are started anew: ${message}`);
      return false;
    }
  }
}
