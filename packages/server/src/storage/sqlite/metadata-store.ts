import { once } from 'node:events';
import { Worker } from 'node:worker_threads';
import type { FunctionRecord } from '../../functions/function-record.ts';
import type { FunctionId, MetadataStore } from '../../functions/ports.ts';
import type { Answer, Request } from './messages.ts';

interface Waiting {
  resolve(value: FunctionRecord[]): void;
  reject(error: Error): void;
}

/**
 * Functions in an SQLite file. The database lives in a worker thread: a commit waits for the disk, and the thread
 * that answers invocations must not.
 */
export class SqliteMetadataStore implements MetadataStore {
  readonly #worker: Worker;
  readonly #waiting = new Map<number, Waiting>();
  #next = 1;
  #failure: Error | undefined;

  private constructor(worker: Worker) {
    this.#worker = worker;
    worker.on('message', (answer: Answer) => {
      const waiting = this.#waiting.get(answer.id);
      this.#waiting.delete(answer.id);
      if (answer.error === undefined) waiting?.resolve(answer.records ?? []);
      else waiting?.reject(new Error(answer.error));
    });
    worker.on('error', (error) => this.#fail(error instanceof Error ? error : new Error(String(error))));
    worker.on('exit', () => this.#fail(new Error('the metadata store is closed')));
  }

  /**
   * Opens or creates the file. When it resolves, the thread has loaded its modules and opened its files, so the
   * process may give up its privileges.
   *
   * @param file path of the database; SQLite keeps two more beside it.
   * @throws Error with a hint where the file can't be opened or was made by a newer Hearth.
   */
  static async open(file: string): Promise<SqliteMetadataStore> {
    const worker = new Worker(new URL('worker.ts', import.meta.url), { workerData: { file }, name: 'metadata' });
    // Rejects with the worker's own error where it can't open the file.
    await once(worker, 'message');
    return new SqliteMetadataStore(worker);
  }

  all(): Promise<FunctionRecord[]> {
    return this.#ask({ type: 'all' });
  }

  async put(record: FunctionRecord): Promise<void> {
    await this.#ask({ type: 'put', record });
  }

  async delete({ account, region, name }: FunctionId): Promise<void> {
    await this.#ask({ type: 'delete', function: { account, region, name } });
  }

  /** Closes the database after what has been asked before. */
  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#failure !== undefined) return;
    const exited = once(this.#worker, 'exit');
    // oxlint-disable-next-line unicorn/require-post-message-target-origin -- a worker thread has no origin
    this.#worker.postMessage({ id: 0, type: 'close' } satisfies Request);
    await exited;
  }

  #ask(request: RequestBody): Promise<FunctionRecord[]> {
    if (this.#failure !== undefined) return Promise.reject(this.#failure);
    const id = this.#next++;
    const { promise, resolve, reject } = Promise.withResolvers<FunctionRecord[]>();
    this.#waiting.set(id, { resolve, reject });
    // oxlint-disable-next-line unicorn/require-post-message-target-origin -- a worker thread has no origin
    this.#worker.postMessage({ ...request, id } satisfies Request);
    return promise;
  }

  #fail(error: Error): void {
    this.#failure ??= error;
    for (const waiting of this.#waiting.values()) waiting.reject(this.#failure);
    this.#waiting.clear();
  }
}

type WithoutId<T> = T extends unknown ? Omit<T, 'id'> : never;
type RequestBody = WithoutId<Request>;
