import * as fs from 'node:fs';
import { join } from 'node:path';
import { ApiError, BUILT_IN_RUNTIME, type RuntimeId, RUNTIMES } from '@hearth/protocol';
import { packageOf } from './catalogue.ts';
import { FetchError, fetchRuntime, unpackedNode } from './fetch.ts';

export interface RuntimesOptions {
  /** Of the server's data. */
  readonly data: string;
  readonly environment: NodeJS.ProcessEnv;
  /** For npm, see {@link networkSettings}. */
  readonly npmSettings: string;
  readonly onLog: (level: 'info' | 'warn', message: string) => void;
}

export type RuntimeState = 'ready' | 'absent' | 'fetching' | 'failed';

/** A runtime as people are shown it. */
export interface RuntimeView {
  readonly name: RuntimeId;
  /** Of Node. */
  readonly version: string;
  readonly state: RuntimeState;
  /** Bytes of its binary: on disk, or that it will have there. */
  readonly size: number;
  /** Bytes of these that are here. */
  readonly fetched: number;
  /** Where it is; null while it isn't there. */
  readonly path: string | null;
  /** Why the last fetch failed, and what can be done; null unless it did. */
  readonly error: { readonly message: string; readonly hint: string } | null;
}

interface Fetch {
  readonly stage: string;
  readonly done: Promise<void>;
}

/** The runtimes of this server: there, or on their way. */
export class Runtimes implements AsyncDisposable {
  readonly #options: RuntimesOptions;
  readonly #directory: string;
  readonly #stages: string;
  readonly #ready = new Set<RuntimeId>([BUILT_IN_RUNTIME]);
  readonly #fetches = new Map<RuntimeId, Fetch>();
  readonly #failures = new Map<RuntimeId, FetchError>();
  readonly #abort = new AbortController();

  constructor(options: RuntimesOptions) {
    this.#options = options;
    this.#directory = join(options.data, 'runtimes');
    this.#stages = join(options.data, 'fetching');
    // What a former life had begun to fetch.
    fs.rmSync(this.#stages, { recursive: true, force: true });
    fs.mkdirSync(this.#directory, { recursive: true });
    fs.chmodSync(this.#directory, 0o755);
    for (const runtime of RUNTIMES) {
      if (fs.existsSync(this.#binary(runtime))) this.#ready.add(runtime);
    }
  }

  has(runtime: RuntimeId): boolean {
    return this.#ready.has(runtime);
  }

  state(runtime: RuntimeId): RuntimeState {
    if (this.#ready.has(runtime)) return 'ready';
    if (this.#fetches.has(runtime)) return 'fetching';
    return this.#failures.has(runtime) ? 'failed' : 'absent';
  }

  /** Why the last fetch of it failed, with what can be done. */
  failure(runtime: RuntimeId): string | undefined {
    const error = this.#failures.get(runtime);
    return error === undefined ? undefined : failureText(runtime, error);
  }

  /** Fetches it in the background, unless it is there or on its way; how that ends is in the log and in its state. */
  want(runtime: RuntimeId): void {
    if (!this.#ready.has(runtime)) this.#fetch(runtime).done.catch(() => undefined);
  }

  /** Undefined where it is there. Else resolves once it is; rejects with an ApiError where it can't be fetched now. */
  coming(runtime: RuntimeId): Promise<void> | undefined {
    if (this.#ready.has(runtime)) return undefined;
    return this.#fetch(runtime).done.catch((error: FetchError) => {
      throw new ApiError('ServiceException', failureText(runtime, error), { cause: error });
    });
  }

  list(): RuntimeView[] {
    return RUNTIMES.map((runtime) => this.view(runtime));
  }

  view(runtime: RuntimeId): RuntimeView {
    const state = this.state(runtime);
    const builtIn = runtime === BUILT_IN_RUNTIME;
    const path = builtIn ? process.execPath : this.#binary(runtime);
    const size = builtIn ? sizeOf(path) : packageOf(runtime).bytes;
    const fetch = this.#fetches.get(runtime);
    const soFar = fetch === undefined ? 0 : sizeOf(unpackedNode(fetch.stage, packageOf(runtime)));
    const error = state === 'failed' ? this.#failures.get(runtime) : undefined;
    return {
      name: runtime,
      version: builtIn ? process.versions.node : packageOf(runtime).version,
      state,
      size,
      fetched: state === 'ready' ? size : Math.min(soFar, size),
      path: state === 'ready' ? path : null,
      error: error === undefined ? null : { message: error.message, hint: error.hint },
    };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#abort.abort();
    await Promise.allSettled([...this.#fetches.values()].map(({ done }) => done));
  }

  #binary(runtime: RuntimeId): string {
    return join(this.#directory, runtime, 'bin/node');
  }

  #fetch(runtime: RuntimeId): Fetch {
    let fetch = this.#fetches.get(runtime);
    if (fetch === undefined) {
      const stage = join(this.#stages, runtime);
      // Not before it is known here, so that its end finds it.
      const done = Promise.resolve().then(() => this.#run(runtime, stage));
      fetch = { stage, done };
      this.#fetches.set(runtime, fetch);
    }
    return fetch;
  }

  async #run(runtime: RuntimeId, stage: string): Promise<void> {
    const { environment, npmSettings: settings, onLog } = this.#options;
    const { signal } = this.#abort;
    const started = performance.now();
    try {
      if (signal.aborted) throw new FetchError('the server is stopping', 'Start it again.');
      const what = packageOf(runtime);
      onLog('info', `fetching ${runtime}: Node ${what.version}`);
      await fs.promises.rm(stage, { recursive: true, force: true });
      await fs.promises.mkdir(stage, { recursive: true, mode: 0o700 });
      await fetchRuntime({ what, stage, target: join(this.#directory, runtime), environment, settings, signal });
      this.#ready.add(runtime);
      this.#failures.delete(runtime);
      onLog('info', `${runtime} is here after ${((performance.now() - started) / 1000).toFixed(1)} s`);
    } catch (error) {
      const failure = error instanceof FetchError ? error : new FetchError((error as Error).message, UNEXPECTED);
      this.#failures.set(runtime, failure);
      if (!signal.aborted) onLog('warn', failureText(runtime, failure));
      throw failure;
    } finally {
      await fs.promises.rm(stage, { recursive: true, force: true });
      this.#fetches.delete(runtime);
    }
  }
}

const UNEXPECTED = 'See that the data directory can be written and has 400 MB free; the next use tries again.';

function failureText(runtime: RuntimeId, { message, hint }: FetchError): string {
  return `${runtime} is not on this machine yet, and could not be fetched: ${message}. Hint: ${hint}`;
}

/** 0 for a file that isn't there. */
function sizeOf(path: string): number {
  return fs.statSync(path, { throwIfNoEntry: false })?.size ?? 0;
}
