import { randomFillSync } from 'node:crypto';

/** Bytes asked of the system at once: a call costs as much for a few as for these. */
const STOCK = 8 * 1024;

const stock = Buffer.alloc(STOCK);
let used = STOCK;

/** So many random bytes, at most {@link STOCK}, in hexadecimal: for names that must not meet, not for secrets. */
export function randomHex(bytes: number): string {
  if (used + bytes > STOCK) {
    randomFillSync(stock);
    used = 0;
  }
  used += bytes;
  return stock.toString('hex', used - bytes, used);
}
