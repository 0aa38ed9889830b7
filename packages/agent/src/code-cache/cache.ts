/** Code of the instance's account, unpacked, by the hash of its archive (rows L4, L12, V16, X10). */
import { createHash } from 'node:crypto';
import * as fs from 'node:fs';
import { join } from 'node:path';
import { once } from 'node:events';
import { type CodeRef, INITIAL_CREDIT } from '@hearth/protocol';
import type { TransferSink } from '../link/link.ts';
import { unpack } from './unpack.ts';

export type Fetch = (account: string, sha256: string, sink: TransferSink) => void;

/**
 * An archive up to this size never is a file. As much may come at once, whatever becomes of it, so holding it takes no
 * more memory than waiting for the disk.
 */
const MAX_IN_MEMORY = INITIAL_CREDIT;

/** Bytes of unpacked code that one instance keeps, what its sandboxes use not counted: eight packages of the largest kind. */
const MAX_BYTES = 2 * 1024 * 1024 * 1024;

interface Entry {
  readonly directory: Promise<string>;
  /** Known once it is there. */
  bytes: number;
  holders: number;
}

export class CodeCache {
  readonly #directory: string;
  readonly #fetch: Fetch;
  readonly #maxBytes: number;
  /** Least recently used first. */
  readonly #entries = new Map<string, Entry>();
  #bytes = 0;
  #removed = 0;

  /**
   * @param directory on a disk, this instance's alone.
   * @param maxBytes beyond which code that nobody holds is removed.
   */
  constructor(directory: string, fetch: Fetch, maxBytes = MAX_BYTES) {
    this.#directory = directory;
    this.#fetch = fetch;
    this.#maxBytes = maxBytes;
  }

  /** Whether `get` would answer without asking the server. */
  has(sha256: string): boolean {
    return this.#entries.has(sha256);
  }

  /**
   * The directory with the unpacked code, which is the caller's to use until it calls `release`. However many ask at once, it is
   * fetched once.
   *
   * @throws where it can't be fetched, isn't what its hash says, or can't be unpacked: nothing is held then, and a later call
   * tries again.
   */
  get(account: string, code: CodeRef): Promise<string> {
    const known = this.#entries.get(code.sha256);
    if (known !== undefined) {
      known.holders++;
      this.#entries.delete(code.sha256);
      this.#entries.set(code.sha256, known);
      return known.directory;
    }
    const directory = this.#load(account, code, (bytes) => {
      entry.bytes = bytes;
      this.#bytes += bytes;
      this.#trim();
    });
    const entry: Entry = { directory, bytes: 0, holders: 1 };
    this.#entries.set(code.sha256, entry);
    directory.catch(() => this.#entries.delete(code.sha256));
    return directory;
  }

  /** One who got it needs it no longer. */
  release(sha256: string): void {
    const entry = this.#entries.get(sha256);
    if (entry === undefined) return;
    entry.holders--;
    this.#trim();
  }

  /** Removes what has not been used for longest, until the rest is small enough or held. */
  #trim(): void {
    for (const [sha256, { bytes, holders }] of this.#entries) {
      if (this.#bytes <= this.#maxBytes) return;
      if (holders > 0 || bytes === 0) continue;
      this.#entries.delete(sha256);
      this.#bytes -= bytes;
      const directory = join(this.#directory, sha256);
      // Out of the way at once, in case that it is fetched again; to be gone takes longer.
      const old = `${directory}.${this.#removed++}.old`;
      fs.renameSync(directory, old);
      fs.rm(old, { recursive: true, force: true }, (error) => {
        if (error !== null) process.stderr.write(`hearth agent: ${old} could not be removed: ${error.message}\n`);
      });
    }
  }

  async #load(account: string, code: CodeRef, onUnpacked: (bytes: number) => void): Promise<string> {
    const directory = join(this.#directory, code.sha256);
    const partial = `${directory}.partial`;
    const file = code.size <= MAX_IN_MEMORY ? undefined : `${directory}.zip`;
    const failed = new AbortController();
    try {
      const { signal } = failed;
      const archive =
        file === undefined ? this.#collect(account, code, signal) : this.#download(account, code, file, signal);
      // It is awaited below, unless what comes first fails.
      archive.catch(() => undefined);
      fs.mkdirSync(partial, 0o755);
      const bytes = await unpack(await archive, partial);
      fs.renameSync(partial, directory);
      onUnpacked(bytes);
      return directory;
    } catch (error) {
      failed.abort(error);
      await fs.promises.rm(partial, { recursive: true, force: true });
      throw error;
    } finally {
      if (file !== undefined) await fs.promises.rm(file, { force: true });
    }
  }

  async #collect(account: string, code: CodeRef, signal: AbortSignal): Promise<Buffer> {
    const pieces: Buffer[] = [];
    await this.#receive(account, code, signal, (piece) => void pieces.push(piece));
    return Buffer.concat(pieces);
  }

  /** @returns the path. */
  async #download(account: string, code: CodeRef, path: string, signal: AbortSignal): Promise<string> {
    const file = fs.createWriteStream(path, { signal });
    const failure = new Promise<never>((_, reject) => file.once('error', reject));
    const arrival = this.#receive(account, code, signal, async (piece) => {
      if (!file.write(piece)) await once(file, 'drain', { signal });
    });
    await Promise.race([arrival, failure]);
    await new Promise<void>((done, failed) => file.end((error?: Error | null) => (error ? failed(error) : done())));
    return path;
  }

  /** Resolves once `take` has had all of the archive, and it is what its hash says. */
  async #receive(
    account: string,
    { sha256, size }: CodeRef,
    signal: AbortSignal,
    take: (piece: Buffer) => Promise<void> | void,
  ): Promise<void> {
    const hash = createHash('sha256');
    let received = 0;
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    this.#fetch(account, sha256, {
      async write(piece) {
        signal.throwIfAborted();
        received += piece.length;
        if (received > size) throw new Error(`code ${sha256} is longer than the ${size} bytes it should have`);
        hash.update(piece);
        await take(piece);
        // The hash says whether it is whole; the word that ends the transfer comes later and says no more.
        if (received === size) resolve();
      },
      end: resolve,
      fail: reject,
    });
    await promise;
    if (hash.digest('hex') !== sha256) throw new Error(`code ${sha256} came with another hash: it is damaged`);
  }
}
