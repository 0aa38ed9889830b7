/** Code of the instance's account, unpacked, by the hash of its archive (rows L4, L12, V16, X10). */
import { createHash } from 'node:crypto';
import * as fs from 'node:fs';
import { join } from 'node:path';
import { once } from 'node:events';
import type { CodeRef } from '@hearth/protocol';
import type { TransferSink } from '../link/link.ts';
import { unpack } from './unpack.ts';

export type Fetch = (account: string, sha256: string, sink: TransferSink) => void;

export class CodeCache {
  readonly #directory: string;
  readonly #fetch: Fetch;
  readonly #entries = new Map<string, Promise<string>>();

  /** @param directory on a disk, this instance's alone. */
  constructor(directory: string, fetch: Fetch) {
    this.#directory = directory;
    this.#fetch = fetch;
  }

  /** Whether `get` would answer without asking the server. */
  has(sha256: string): boolean {
    return this.#entries.has(sha256);
  }

  /**
   * The directory with the unpacked code. However many ask at once, it is fetched once.
   *
   * @throws where it can't be fetched, isn't what its hash says, or can't be unpacked; a later call tries again.
   */
  get(account: string, code: CodeRef): Promise<string> {
    const known = this.#entries.get(code.sha256);
    if (known !== undefined) return known;
    const coming = this.#load(account, code);
    this.#entries.set(code.sha256, coming);
    coming.catch(() => this.#entries.delete(code.sha256));
    return coming;
  }

  async #load(account: string, { sha256, size }: CodeRef): Promise<string> {
    const archive = join(this.#directory, `${sha256}.zip`);
    const partial = join(this.#directory, `${sha256}.partial`);
    const directory = join(this.#directory, sha256);
    try {
      await this.#download(account, sha256, size, archive);
      fs.mkdirSync(partial, 0o755);
      await unpack(archive, partial);
      fs.renameSync(partial, directory);
      return directory;
    } catch (error) {
      await fs.promises.rm(partial, { recursive: true, force: true });
      throw error;
    } finally {
      await fs.promises.rm(archive, { force: true });
    }
  }

  async #download(account: string, sha256: string, size: number, archive: string): Promise<void> {
    const file = fs.createWriteStream(archive);
    const hash = createHash('sha256');
    let received = 0;
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    file.once('error', reject);
    this.#fetch(account, sha256, {
      async write(piece) {
        received += piece.length;
        if (file.destroyed) throw new Error(`code ${sha256} can't be written`);
        if (received > size) throw new Error(`code ${sha256} is longer than the ${size} bytes it should have`);
        hash.update(piece);
        if (!file.write(piece)) await once(file, 'drain');
      },
      end: resolve,
      fail: reject,
    });
    try {
      await promise;
      await new Promise<void>((done, failed) => file.end((error?: Error | null) => (error ? failed(error) : done())));
    } catch (error) {
      file.destroy();
      throw error;
    }
    if (hash.digest('hex') !== sha256) throw new Error(`code ${sha256} came with another hash: it is damaged`);
  }
}
