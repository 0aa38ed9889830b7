import { randomBytes } from 'node:crypto';

const TWO_POW_21 = 2 ** 21;
const TWO_POW_MINUS_53 = 2 ** -53;

export const SEED_BYTES = 12;

/**
 * A `Math.random` of its own, with a seed of its own: that of V8 goes on from the same state in every fork. Chris
 * Doty-Humphrey's sfc32 (128 bits of state, passes PractRand), two words for each number of 53 bits; about as fast
 * as V8's. Not for secrets, like the original.
 */
export class SeededRandom {
  /** Like `Math.random`; needs no `this`. */
  readonly next: () => number;
  /** Starts anew from a seed of {@link SEED_BYTES}. */
  readonly reseed: (seed: Buffer) => void;

  constructor() {
    // In the closure rather than an array, so that optimised code keeps them in registers.
    let a = 0;
    let b = 0;
    let c = 0;
    let counter = 1;
    // Written out twice: a shared function would have to hand its word over through memory.
    const next = (): number => {
      let word = (((a + b) | 0) + counter) | 0;
      counter = (counter + 1) | 0;
      a = b ^ (b >>> 9);
      b = (c + (c << 3)) | 0;
      c = (((c << 21) | (c >>> 11)) + word) | 0;
      const high = word >>> 0;
      word = (((a + b) | 0) + counter) | 0;
      counter = (counter + 1) | 0;
      a = b ^ (b >>> 9);
      b = (c + (c << 3)) | 0;
      c = (((c << 21) | (c >>> 11)) + word) | 0;
      return (high * TWO_POW_21 + (word >>> 11)) * TWO_POW_MINUS_53;
    };
    this.next = next;
    this.reseed = (seed) => {
      a = seed.readInt32LE(0);
      b = seed.readInt32LE(4);
      c = seed.readInt32LE(8);
      counter = 1;
      // The first outputs of similar seeds are alike until the state is mixed.
      for (let round = 0; round < 8; round++) next();
    };
    this.reseed(randomBytes(SEED_BYTES));
  }
}
