import type { CodeRef } from '@hearth/protocol';
import type { BlobStore } from './ports.ts';

/**
 * Milliseconds that code stays after its last function let go of it: longer than any start of a sandbox that was
 * under way for the old version may still take (an init may last 10 s, twice, after the code was fetched).
 */
const GRACE = 60_000;

export interface CollectorOptions {
  /** Milliseconds since any fixed point. */
  readonly now: () => number;
  /** Calls back after some milliseconds, without keeping the process alive. */
  readonly schedule: (milliseconds: number, callback: () => void) => Disposable;
  /** Told when a blob could not be deleted; it is tried again later. */
  readonly onError: (error: unknown) => void;
}

/** Counts the uses of code by functions and layers, and deletes code that none uses any more. */
export class CodeCollector implements AsyncDisposable {
  readonly #blobs: BlobStore;
  readonly #options: CollectorOptions;
  readonly #uses = new Map<string, number>();
  /** Since when no function uses it. */
  readonly #unused = new Map<string, number>();
  #storing = 0;
  #sweep: Promise<void> | undefined;
  #timer: Disposable | undefined;
  #closed = false;

  constructor(blobs: BlobStore, options: CollectorOptions) {
    this.#blobs = blobs;
    this.#options = options;
  }

  /** Deletes what no function uses at the start of the server. Call it once, after all `retain`s. */
  async deleteOrphans(): Promise<void> {
    for (const sha256 of await this.#blobs.list()) if (!this.#uses.has(sha256)) await this.#blobs.delete(sha256);
  }

  /** Stores code and counts one use of it, to be ended by `release`. */
  async store(bytes: Buffer): Promise<CodeRef> {
    // A sweep may be about to delete these very bytes: it is waited for, and none begins until they are counted.
    this.#storing += 1;
    try {
      await this.#sweep;
      const code = await this.#blobs.put(bytes);
      this.retain(code.sha256);
      return code;
    } finally {
      this.#storing -= 1;
      if (this.#unused.size > 0) this.#later();
    }
  }

  /** Counts one more use of each of these. */
  retain(...hashes: readonly string[]): void {
    for (const sha256 of hashes) {
      this.#uses.set(sha256, (this.#uses.get(sha256) ?? 0) + 1);
      this.#unused.delete(sha256);
    }
  }

  release(...hashes: readonly string[]): void {
    for (const sha256 of hashes) this.#release(sha256);
  }

  #release(sha256: string): void {
    const uses = (this.#uses.get(sha256) ?? 1) - 1;
    if (uses > 0) {
      this.#uses.set(sha256, uses);
      return;
    }
    this.#uses.delete(sha256);
    this.#unused.set(sha256, this.#options.now());
    this.#later();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#closed = true;
    this.#timer?.[Symbol.dispose]();
    await this.#sweep;
  }

  #later(): void {
    if (this.#closed || this.#timer !== undefined) return;
    this.#timer = this.#options.schedule(GRACE, () => {
      this.#timer = undefined;
      // `store` calls back here when it is done.
      if (this.#closed || this.#storing > 0) return;
      this.#sweep = this.#deleteUnused().finally(() => {
        this.#sweep = undefined;
        if (this.#unused.size > 0) this.#later();
      });
    });
  }

  async #deleteUnused(): Promise<void> {
    const now = this.#options.now();
    for (const [sha256, since] of this.#unused) {
      if (now - since < GRACE) continue;
      try {
        await this.#blobs.delete(sha256);
        this.#unused.delete(sha256);
      } catch (error) {
        this.#options.onError(error);
      }
    }
  }
}
