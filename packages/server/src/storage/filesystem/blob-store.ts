import { createHash, randomUUID } from 'node:crypto';
import { mkdir, open, readdir, rename, rm, stat } from 'node:fs/promises';
import type { FileHandle } from 'node:fs/promises';
import { join } from 'node:path';
import type { Readable } from 'node:stream';
import { setImmediate } from 'node:timers/promises';
import type { CodeRef } from '@hearth/protocol';
import type { BlobStore } from '../../functions/ports.ts';

/** Bytes hashed and written before other work gets its turn: about half a millisecond. */
const SLICE = 512 * 1024;

/**
 * Blobs as files `blobs/ab/<rest of the SHA-256>` of a directory. A file appears whole or not at all: it is written
 * and synced under `incoming/`, then renamed. What a crash left in `incoming/` is removed when the store is opened.
 */
export class FilesystemBlobStore implements BlobStore {
  readonly #blobs: string;
  readonly #incoming: string;

  private constructor(directory: string) {
    this.#blobs = join(directory, 'blobs');
    this.#incoming = join(directory, 'incoming');
  }

  /** @param directory is created where it isn't there; it must be this store's alone. */
  static async open(directory: string): Promise<FilesystemBlobStore> {
    const store = new FilesystemBlobStore(directory);
    await rm(store.#incoming, { recursive: true, force: true });
    await mkdir(store.#incoming, { recursive: true, mode: 0o700 });
    await mkdir(store.#blobs, { recursive: true, mode: 0o700 });
    return store;
  }

  async put(bytes: Buffer): Promise<CodeRef> {
    const temporary = join(this.#incoming, randomUUID());
    const hash = createHash('sha256');
    try {
      const file = await open(temporary, 'wx', 0o600);
      try {
        for (let offset = 0; offset < bytes.length; offset += SLICE) {
          const slice = bytes.subarray(offset, offset + SLICE);
          hash.update(slice);
          await file.write(slice);
          await setImmediate();
        }
        await file.sync();
      } finally {
        await file.close();
      }
      const sha256 = hash.digest('hex');
      const { directory, path } = this.#place(sha256);
      if (!(await exists(path))) {
        const made = await mkdir(directory, { recursive: true, mode: 0o700 });
        await rename(temporary, path);
        await syncDirectory(directory);
        if (made !== undefined) await syncDirectory(this.#blobs);
      }
      return { sha256, size: bytes.length };
    } finally {
      await rm(temporary, { force: true });
    }
  }

  async open(sha256: string): Promise<{ size: number; stream: Readable } | undefined> {
    const { path } = this.#place(sha256);
    let file: FileHandle;
    try {
      file = await open(path, 'r');
    } catch (error) {
      if (isMissing(error)) return undefined;
      throw error;
    }
    // The stream closes the file, at its end or when it is destroyed.
    const stream = file.createReadStream();
    try {
      return { size: (await file.stat()).size, stream };
    } catch (error) {
      stream.destroy();
      throw error;
    }
  }

  async delete(sha256: string): Promise<void> {
    await rm(this.#place(sha256).path, { force: true });
  }

  async list(): Promise<string[]> {
    const found: string[] = [];
    for (const directory of await readdir(this.#blobs)) {
      for (const name of await readdir(join(this.#blobs, directory))) found.push(directory + name);
    }
    return found;
  }

  /** @throws Error for what is no SHA-256, so that no name from outside ever becomes a path. */
  #place(sha256: string): { directory: string; path: string } {
    if (!/^[0-9a-f]{64}$/.test(sha256)) throw new Error(`${JSON.stringify(sha256)} is not a hex SHA-256`);
    const directory = join(this.#blobs, sha256.slice(0, 2));
    return { directory, path: join(directory, sha256.slice(2)) };
  }
}

async function exists(path: string): Promise<boolean> {
  try {
    await stat(path);
    return true;
  } catch (error) {
    if (isMissing(error)) return false;
    throw error;
  }
}

/** A new name is durable once its directory is synced: fsync(2). */
async function syncDirectory(directory: string): Promise<void> {
  const handle = await open(directory, 'r');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

function isMissing(error: unknown): boolean {
  return (error as NodeJS.ErrnoException).code === 'ENOENT';
}
