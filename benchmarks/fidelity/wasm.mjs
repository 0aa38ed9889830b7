// WebAssembly: the sum of i * i mod 7 for i up to n, in a module of one function, assembled by hand.
import { measure } from './measure.mjs';

const module = [
  '0061736d 01000000',
  // Type: (i32) -> i32. Function 0 has it. Exported as "sum".
  '01 06 01 60017f017f',
  '03 02 01 00',
  '07 07 01 03 73756d 00 00',
  // Locals: i = 1, sum = 2.
  '0a 24 01 22 01 02 7f',
  // loop: sum += (i * i) rem_u 7
  '03 40 2002 2001 2001 6c 4107 70 6a 2102',
  // i += 1; if (i < n) again
  '2001 4101 6a 2201 2000 49 0d00 0b',
  '2002 0b',
];
const bytes = Buffer.from(module.join('').replaceAll(' ', ''), 'hex');
const { instance } = await WebAssembly.instantiate(bytes);

function work() {
  return instance.exports.sum(2_000_000);
}

export const handler = measure(work);
