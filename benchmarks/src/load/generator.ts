/**
 * The open loop's own process: sends requests at a fixed rate whatever the answers do, and prints one line of JSON.
 *
 * Latency counts from the moment a request was due, not from when it was sent, so a server that stalls can't hide
 * the requests that it kept from being sent (coordinated omission). How late this process itself was in sending those
 * that had a free connection is reported beside it, as its own share.
 */
import { writeFileSync } from 'node:fs';
import { connect, type Socket } from 'node:net';
import { Worker } from 'node:worker_threads';
import { percentile } from '../statistics.ts';
import { ResponseParser } from './response-parser.ts';
import { requestBytes } from './target.ts';
import type { OpenLoopRequest, OpenLoopResult } from './open-loop.ts';

const CONNECTIONS = 256;
const TICK_MS = 0.1;
/** Not counted: until this process's own code is compiled, its latencies would be its own. */
const WARM_UP_SECONDS = 0.7;

interface Connection {
  socket: Socket;
  /** Number of the request under way. */
  index: number;
}

const request = JSON.parse(process.argv[2] ?? '') as OpenLoopRequest;
const bytes = requestBytes(request.target);
const port = Number(new URL(request.target.url).port);
const uncounted = Math.floor(request.rate * WARM_UP_SECONDS);
const total = uncounted + Math.floor(request.rate * request.seconds);
const patienceMs = (WARM_UP_SECONDS + request.seconds) * 1000 + 5000;
const intervalMs = 1000 / request.rate;

const latencies = new Float64Array(total);
const lateness = new Float64Array(total);
const idle: Connection[] = [];
/** All answers, and those to requests that count. */
let answered = 0;
let counted = 0;
let failed = 0;
let sent = 0;
let sentInTime = 0;
let queued = 0;
/** Requests before this one had come due while no connection was free. */
let starvedUntil = 0;
let start = 0;
const finished = Promise.withResolvers<void>();

function dueTime(index: number): number {
  return start + index * intervalMs;
}

/** Sends all requests that are due, as far as there are free connections. */
function sendDue(now: number): void {
  while (sent < total && dueTime(sent) <= now) {
    const connection = idle.pop();
    if (connection === undefined) {
      starvedUntil = Math.min(total, Math.ceil((now - start) / intervalMs));
      return;
    }
    connection.index = sent;
    if (sent >= uncounted && sent < starvedUntil) queued += 1;
    else if (sent >= uncounted) {
      lateness[sentInTime] = now - dueTime(sent);
      sentInTime += 1;
    }
    sent += 1;
    connection.socket.write(bytes);
  }
}

function open(): Promise<void> {
  return new Promise((resolve, reject) => {
    const socket = connect(port, '127.0.0.1', resolve);
    socket.setNoDelay(true);
    socket.once('error', reject);
    const connection: Connection = { socket, index: 0 };
    const parser = new ResponseParser((status) => {
      const now = performance.now();
      answered += 1;
      if (connection.index >= uncounted) {
        latencies[counted] = now - dueTime(connection.index);
        counted += 1;
        if (status !== 200) failed += 1;
      }
      if (answered === total) finished.resolve();
      idle.push(connection);
      sendDue(now);
    });
    socket.on('data', (data: Buffer) => parser.push(data));
    socket.once('close', () => finished.reject(new Error(`${request.target.name} closed a connection`)));
    idle.push(connection);
  });
}

// Linux rounds a thread's sleeps up by 50 us unless it is told that this thread means what it says; the pacer inherits it.
writeFileSync('/proc/self/timerslack_ns', '1000');
await Promise.all(Array.from({ length: CONNECTIONS }, open));
const clock = new Int32Array(new SharedArrayBuffer(4));
const pacer = new Worker(new URL('pacer.ts', import.meta.url), { workerData: { clock, intervalMs: TICK_MS } });
const giveUp = setTimeout(() => finished.resolve(), patienceMs);
// The thread takes a while to start; what is due before it ticks would be sent in one burst.
await Atomics.waitAsync(clock, 0, 0).value;
start = performance.now() + 5;
while (sent < total) {
  const seen = Atomics.load(clock, 0);
  sendDue(performance.now());
  const tick = Atomics.waitAsync(clock, 0, seen);
  if (tick.async) await tick.value;
  if (performance.now() - start > patienceMs) break;
}
await finished.promise;
clearTimeout(giveUp);
await pacer.terminate();

const sorted = latencies.slice(0, counted).toSorted();
const late = lateness.slice(0, sentInTime).toSorted();
/** Microseconds; NaN if every single request had to wait for a connection. */
const share = (p: number): number => (late.length === 0 ? Number.NaN : percentile(late, p) * 1000);
const result: OpenLoopResult = {
  due: total - uncounted,
  answered: counted,
  failed,
  p50: percentile(sorted, 0.5) * 1000,
  p90: percentile(sorted, 0.9) * 1000,
  p99: percentile(sorted, 0.99) * 1000,
  p999: percentile(sorted, 0.999) * 1000,
  max: percentile(sorted, 1) * 1000,
  queued,
  lateness: { p50: share(0.5), p99: share(0.99) },
};
process.stdout.write(`${JSON.stringify(result)}\n`, () => process.exit());
