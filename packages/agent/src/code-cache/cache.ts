/** Code and layers that the instance's account uses, unpacked, by the hash of the archive (rows L4, L12, V16, X10). */
import { createHash } from 'node:crypto';
import * as fs from 'node:fs';
import { join } from 'node:path';
import { once } from 'node:events';
import { type CodeRef, INITIAL_CREDIT } from '@hearth/protocol';
import type { TransferSink } from '../link/link.ts';
import { mergeTrees } from './merge-trees.ts';
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
  /** Archives whose files it shares, each of which it holds. */
  readonly parts: readonly string[];
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
    return this.#hold(code.sha256, [], (made) => this.#load(account, code, made));
  }

  /** Whether `getLayers` would answer without asking the server. */
  hasLayers(layers: readonly CodeRef[]): boolean {
    return this.has(keyOf(layers));
  }

  /**
   * As `get`, a directory with the files of all layers: where several have one of the same path, the last one's. It is made
   * once for each list of layers, of links to each layer's files: a layer is fetched, unpacked and kept once, however many
   * lists it is in.
   *
   * @param layers at least one.
   */
  getLayers(account: string, layers: readonly CodeRef[]): Promise<string> {
    const [only, ...others] = layers;
    if (only !== undefined && others.length === 0) return this.get(account, only);
    const parts = layers.map(({ sha256 }) => sha256);
    return this.#hold(keyOf(layers), parts, (made) => this.#merge(account, layers, made));
  }

  /** One who got it needs it no longer. */
  release(sha256: string): void {
    const entry = this.#entries.get(sha256);
    if (entry === undefined) return;
    entry.holders--;
    this.#trim();
  }

  /** The same of what `getLayers` gave. */
  releaseLayers(layers: readonly CodeRef[]): void {
    this.release(keyOf(layers));
  }

  /** @param make calls back with the bytes that it takes once it is there. */
  #hold(
    key: string,
    parts: readonly string[],
    make: (made: (bytes: number) => void) => Promise<string>,
  ): Promise<string> {
    const known = this.#entries.get(key);
    if (known !== undefined) {
      known.holders++;
      this.#entries.delete(key);
      this.#entries.set(key, known);
      return known.directory;
    }
    const directory = make((bytes) => {
      entry.bytes = bytes;
      this.#bytes += bytes;
      this.#trim();
    });
    const entry: Entry = { directory, bytes: 0, holders: 1, parts };
    this.#entries.set(key, entry);
    directory.catch(() => this.#entries.delete(key));
    return directory;
  }

  /** Removes what has not been used for longest, until the rest is small enough or held. */
  #trim(): void {
    for (const [key, { bytes, holders, parts }] of this.#entries) {
      if (this.#bytes <= this.#maxBytes) return;
      if (holders > 0 || bytes === 0) continue;
      this.#entries.delete(key);
      this.#bytes -= bytes;
      const directory = join(this.#directory, key);
      // Out of the way at once, in case that it is fetched again; to be gone takes longer.
      const old = `${directory}.${this.#removed++}.old`;
      fs.renameSync(directory, old);
      fs.rm(old, { recursive: true, force: true }, (error) => {
        if (error !== null) process.stderr.write(`hearth agent: ${old} could not be removed: ${error.message}\n`);
      });
      for (const part of parts) this.release(part);
    }
  }

  async #merge(account: string, layers: readonly CodeRef[], onMade: (bytes: number) => void): Promise<string> {
    const directory = join(this.#directory, keyOf(layers));
    const partial = `${directory}.partial`;
    const coming = await Promise.allSettled(layers.map((layer) => this.get(account, layer)));
    try {
      const sources = coming.map((result) => {
        if (result.status === 'rejected') throw result.reason;
        return result.value;
      });
      fs.mkdirSync(partial, 0o755);
      const bytes = await mergeTrees(sources, partial);
      fs.renameSync(partial, directory);
      onMade(bytes);
      return directory;
    } catch (error) {
      await fs.promises.rm(partial, { recursive: true, force: true });
      for (const [i, { status }] of coming.entries()) if (status === 'fulfilled') this.release(layers[i]!.sha256);
      throw error;
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

/** What layers that are merged in this order are known by, also as a file's name. */
function keyOf(layers: readonly CodeRef[]): string {
  if (layers.length === 1) return layers[0]!.sha256;
  const list = createHash('sha256').update(layers.map(({ sha256 }) => sha256).join(' '));
  return `layers-${list.digest('hex')}`;
}
