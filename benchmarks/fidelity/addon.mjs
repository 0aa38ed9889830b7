// A native addon from npm: many short calls, and long ones over a buffer.
import { crc32 } from '@node-rs/crc32';
import { measure } from './measure.mjs';

const data = Buffer.alloc(4 * 1024 * 1024, 'hearth');

function work() {
  let sum = crc32(data);
  for (let index = 0; index < 10_000; index++) sum = crc32('a few words', sum);
  return sum;
}

export const handler = measure(work);
