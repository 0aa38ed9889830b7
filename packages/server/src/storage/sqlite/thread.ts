import { once } from 'node:events';
import { Worker } from 'node:worker_threads';

/** What the thread answers; id 0 once, when its database is open. */
export interface Answer {
  readonly id: number;
  readonly result?: unknown;
  readonly error?: string;
}

interface Waiting {
  resolve(value: unknown): void;
  reject(error: Error): void;
}

/**
 * A thread that owns a database: a commit waits for the disk, and the thread that answers invocations must not.
 * `Request` is what may be asked of it, beside to close.
 */
export class DatabaseThread<Request> implements AsyncDisposable {
  readonly #worker: Worker;
  readonly #waiting = new Map<number, Waiting>();
  #next = 1;
  #failure: Error | undefined;

  private constructor(worker: Worker, name: string) {
    this.#worker = worker;
    worker.on('message', (answer: Answer) => {
      const waiting = this.#waiting.get(answer.id);
      this.#waiting.delete(answer.id);
      if (answer.error === undefined) waiting?.resolve(answer.result);
      else waiting?.reject(new Error(`the ${name} store failed: ${answer.error}`));
    });
    worker.on('error', (error) => this.#fail(error instanceof Error ? error : new Error(String(error))));
    worker.on('exit', () => this.#fail(new Error(`the ${name} store is closed`)));
  }

  /**
   * Opens or creates the file. When it resolves, the thread has loaded its modules and opened its files, so the
   * process may give up its privileges.
   *
   * @param program the module that the thread runs; it calls `serve`.
   * @param file path of the database; SQLite keeps two more beside it.
   * @param name of what is stored, for errors.
   * @throws Error with a hint where the file can't be opened or was made by a newer Hearth.
   */
  static async open<Request>(program: URL, file: string, name: string): Promise<DatabaseThread<Request>> {
    const worker = new Worker(program, { workerData: { file }, name });
    // Rejects with the worker's own error where it can't open the file.
    await once(worker, 'message');
    return new DatabaseThread(worker, name);
  }

  /** Asks the thread, which answers in order. Posted before the call returns. */
  ask<Result>(request: Request): Promise<Result> {
    if (this.#failure !== undefined) return Promise.reject(this.#failure);
    const id = this.#next++;
    const { promise, resolve, reject } = Promise.withResolvers<unknown>();
    this.#waiting.set(id, { resolve, reject });
    // oxlint-disable-next-line unicorn/require-post-message-target-origin -- a worker thread has no origin
    this.#worker.postMessage({ id, request });
    return promise as Promise<Result>;
  }

  /** Closes the database after what has been asked before. */
  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#failure !== undefined) return;
    const exited = once(this.#worker, 'exit');
    // oxlint-disable-next-line unicorn/require-post-message-target-origin -- a worker thread has no origin
    this.#worker.postMessage({ id: 0, request: undefined });
    await exited;
  }

  #fail(error: Error): void {
    this.#failure ??= error;
    for (const waiting of this.#waiting.values()) waiting.reject(this.#failure);
    this.#waiting.clear();
  }
}
