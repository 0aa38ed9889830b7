// Garbage of middle age beside a live heap: a ring of 40,000 entries, the oldest of which are replaced.
import { measure } from './measure.mjs';

const ring = Array.from({ length: 40_000 }, (_, index) => entry(index));
let serial = ring.length;

function entry(number) {
  return { key: `entry-${number}`, values: [number, number / 2, String(number)], inner: { number } };
}

function work() {
  for (let index = 0; index < 8000; index++, serial++) ring[serial % ring.length] = entry(serial);
  return ring.length;
}

export const handler = measure(work);
