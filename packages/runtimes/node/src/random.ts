import { randomFillSync } from 'node:crypto';

const TWO_POW_21 = 2 ** 21;
const TWO_POW_MINUS_53 = 2 ** -53;

/**
 * A `Math.random` of its own, seeded by the kernel: that of V8 goes on from the same state in every fork. Chris
 * Doty-Humphrey's sfc32 (128 bits of state, passes PractRand), two words for each number of 53 bits; about as fast
 * as V8's. Not for secrets, like the original.
 */
export function seededRandom(): () => number {
  const seed = randomFillSync(new Int32Array(3));
  // In the closure rather than an array, so that optimised code keeps them in registers.
  let a = seed[0]!;
  let b = seed[1]!;
  let c = seed[2]!;
  let counter = 1;
  // Written out twice: a shared function would have to hand its word over through memory.
  const random = (): number => {
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
  // The first outputs of similar seeds are alike until the state is mixed.
  for (let round = 0; round < 8; round++) random();
  return random;
}
