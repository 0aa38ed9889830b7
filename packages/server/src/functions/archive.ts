import { Readable } from 'node:stream';
import type { BlobStore } from './ports.ts';

/** The zip file with this hash; the stream ends in an error where it isn't there. */
export function readArchive(blobs: BlobStore, sha256: string): Readable {
  return Readable.from(chunksOf(blobs, sha256), { objectMode: false });
}

async function* chunksOf(blobs: BlobStore, sha256: string): AsyncGenerator<Buffer> {
  const blob = await blobs.open(sha256);
  if (blob === undefined) throw new Error(`code ${sha256} is not in the store any more`);
  yield* blob.stream as AsyncIterable<Buffer>;
}
