// Two threads that compute at the same time, hand over buffers, and wait for one another on shared memory.
import { Worker } from 'node:worker_threads';
import { measure } from './measure.mjs';

const SOURCE = `
  const { parentPort, workerData } = require('node:worker_threads');
  const cells = new Int32Array(workerData.shared);
  const { own, other } = workerData;
  parentPort.on('message', (buffer) => {
    const numbers = new Float64Array(buffer);
    for (let round = 0; round < 40; round++) {
      for (let index = 0; index < numbers.length; index++) numbers[index] = Math.sqrt(numbers[index] * 3 + round);
    }
    // Neither answers before both have come to here.
    Atomics.add(cells, own, 1);
    Atomics.notify(cells, own);
    for (let seen = Atomics.load(cells, other); seen - Atomics.load(cells, own) < 0; seen = Atomics.load(cells, other)) {
      Atomics.wait(cells, other, seen);
    }
    parentPort.postMessage(buffer, [buffer]);
  });
`;

const shared = new SharedArrayBuffer(8);
const workers = [0, 1].map((own) => new Worker(SOURCE, { eval: true, workerData: { shared, own, other: 1 - own } }));

function work() {
  return Promise.all(
    workers.map(
      (worker) =>
        new Promise((resolve, reject) => {
          const { buffer } = new Float64Array(20_000).fill(7);
          worker.once('error', reject);
          worker.once('message', (answer) => {
            worker.off('error', reject);
            resolve(answer.byteLength);
          });
          worker.postMessage(buffer, [buffer]);
        }),
    ),
  );
}

export const handler = measure(work);
