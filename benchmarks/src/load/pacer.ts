/**
 * A thread that wakes the generator at even intervals much shorter than the millisecond of Node's timers, without
 * spinning: a spinning generator would take a core from the server under test.
 *
 * workerData: `clock`, a shared Int32Array whose first element counts the ticks; `intervalMs`.
 */
import { workerData } from 'node:worker_threads';

const { clock, intervalMs } = workerData as { clock: Int32Array<SharedArrayBuffer>; intervalMs: number };
const never = new Int32Array(new SharedArrayBuffer(4));

for (let next = performance.now() + intervalMs; ; next += intervalMs) {
  const wait = next - performance.now();
  if (wait > 0) Atomics.wait(never, 0, 0, wait);
  Atomics.add(clock, 0, 1);
  Atomics.notify(clock, 0);
}
