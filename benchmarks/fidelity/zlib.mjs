// Compression in the main thread and in the thread pool.
import { promisify } from 'node:util';
import zlib from 'node:zlib';
import { measure } from './measure.mjs';

const text = Buffer.from(Array.from({ length: 4000 }, (_, index) => `line ${index * 7919} of some text\n`).join(''));
const gzip = promisify(zlib.gzip);
const gunzip = promisify(zlib.gunzip);

async function work() {
  const packed = zlib.deflateSync(text, { level: 1 });
  const unpacked = zlib.inflateSync(packed).length;
  const parts = await Promise.all(
    [0, 1].map(async (part) => gunzip(await gzip(text.subarray(part * 40_000, part * 40_000 + 40_000), { level: 1 }))),
  );
  return unpacked + parts.length;
}

export const handler = measure(work);
