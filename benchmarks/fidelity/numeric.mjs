// Optimised code on numbers: a product of matrices of doubles, and a sieve of small integers.
import { measure } from './measure.mjs';

const SIZE = 128;
const a = Float64Array.from({ length: SIZE * SIZE }, (_, index) => (index % 17) / 3);
const b = Float64Array.from({ length: SIZE * SIZE }, (_, index) => (index % 13) / 7);
const product = new Float64Array(SIZE * SIZE);
const sieve = new Uint8Array(200_000);

function work() {
  for (let row = 0; row < SIZE; row++) {
    for (let column = 0; column < SIZE; column++) {
      let sum = 0;
      for (let k = 0; k < SIZE; k++) sum += a[row * SIZE + k] * b[k * SIZE + column];
      product[row * SIZE + column] = sum;
    }
  }
  sieve.fill(1);
  for (let prime = 2; prime * prime < sieve.length; prime++) {
    if (sieve[prime] === 0) continue;
    for (let multiple = prime * prime; multiple < sieve.length; multiple += prime) sieve[multiple] = 0;
  }
  return product[SIZE] + sieve[199_999];
}

export const handler = measure(work);
