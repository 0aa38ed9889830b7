/** Sandboxes are forked from one process and must have nothing in common that should be a sandbox's own. */
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { Hearth } from './testing/hearth.ts';

const SANDBOXES = 1000;
const AT_ONCE = 4;
/** Called in turn: each call finds the sandbox of the call before given up, 1 ms after it was idle. */
const FUNCTIONS = Array.from({ length: 24 }, (_, i) => `self-${i}`);

const CODE = `
  import * as crypto from 'node:crypto';
  import { readlinkSync } from 'node:fs';
  import { Worker } from 'node:worker_threads';
  const atLoad = { random: Math.random(), uuid: crypto.randomUUID() };
  export const handler = async (event) => ({
    atLoad,
    sequence: Array.from({ length: 8 }, () => Math.random()),
    uuids: [crypto.randomUUID(), globalThis.crypto.randomUUID(), crypto.randomUUID({ disableEntropyCache: true })],
    bytes: crypto.randomBytes(16).toString('hex'),
    filled: crypto.randomFillSync(Buffer.alloc(16)).toString('hex'),
    values: Buffer.from(globalThis.crypto.getRandomValues(new Uint8Array(16))).toString('hex'),
    integers: Array.from({ length: 4 }, () => crypto.randomInt(2 ** 47)).join(),
    key: crypto.generateKeyPairSync('ed25519').publicKey.export({ format: 'jwk' }).x,
    readFrom: String(process.hrtime.bigint()),
    now: Date.now(),
    timeOrigin: performance.timeOrigin,
    performanceNow: performance.now(),
    uptime: process.uptime(),
    hrtime: String(process.hrtime.bigint()),
    pid: process.pid,
    ppid: process.ppid,
    procSelf: Number(readlinkSync('/proc/self')),
    stream: process.env.AWS_LAMBDA_LOG_STREAM_NAME,
    worker: event.worker
      ? await new Promise((resolve, reject) => {
          const source = 'require("node:worker_threads").parentPort.postMessage([Math.random(), process.pid])';
          new Worker(source, { eval: true }).once('message', resolve).once('error', reject);
        })
      : [Math.random(), process.pid],
  });`;

interface Self {
  atLoad: { random: number; uuid: string };
  sequence: number[];
  uuids: string[];
  bytes: string;
  filled: string;
  values: string;
  integers: string;
  key: string;
  now: number;
  timeOrigin: number;
  performanceNow: number;
  uptime: number;
  readFrom: string;
  hrtime: string;
  pid: number;
  ppid: number;
  procSelf: number;
  stream: string;
  worker: [number, number];
}

interface Seen {
  startPath: string;
  self: Self;
}

const settings = (spares: number) => ({
  instances: 1,
  slots: 16,
  spares,
  freezeAfterMs: 0,
  keepAlive: 'fixed',
  sandboxIdleMs: 1,
  instanceIdleMs: 3_600_000,
});

/** Answers of this many different sandboxes. Each is compared with the machine's own clocks as it comes. */
async function collect(hearth: Hearth, count: number): Promise<Seen[]> {
  const seen: Seen[] = [];
  let next = 0;
  const loop = async (): Promise<void> => {
    while (seen.length < count) {
      const n = next++;
      const name = FUNCTIONS[n % FUNCTIONS.length];
      const called = { now: Date.now(), hrtime: process.hrtime.bigint() };
      const response = await fetch(`${hearth.url}/2015-03-31/functions/${name}/invocations`, {
        method: 'POST',
        body: JSON.stringify({ worker: n % 20 === 0 }),
      });
      const text = await response.text();
      assert.equal(response.status, 200, text);
      assert.equal(response.headers.get('x-amz-function-error'), null, text);
      const startPath = response.headers.get('x-hearth-start-path') ?? '';
      if (startPath === 'warm') continue;
      const self = JSON.parse(text) as Self;
      // Made for this very call. A clock that is the zygote's says something else.
      if (startPath !== 'spare') assert.ok(self.timeOrigin > called.now - 10, `as old as ${self.uptime} s`);
      assertClocks(self, called);
      seen.push({ startPath, self });
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, loop));
  return seen;
}

function assertClocks(self: Self, called: { now: number; hrtime: bigint }): void {
  const { now, timeOrigin, performanceNow, uptime, readFrom, hrtime } = self;
  // While it read them it may have had to wait for a processor.
  const tolerance = 100 + Number(BigInt(hrtime) - BigInt(readFrom)) / 1e6;
  // All of them tell of this process: it is as old as its spare at most, and not as old as its zygote's clocks say.
  assert.ok(now >= called.now && now <= Date.now(), `Date.now ${now}`);
  assert.ok(BigInt(hrtime) > called.hrtime && BigInt(hrtime) < process.hrtime.bigint(), `hrtime ${hrtime}`);
  assert.ok(
    Math.abs(timeOrigin + performanceNow - now) < tolerance,
    `timeOrigin ${timeOrigin} + ${performanceNow} is not ${now}`,
  );
  assert.ok(
    uptime > 0 && Math.abs(uptime * 1000 - performanceNow) < tolerance,
    `uptime ${uptime}, now() ${performanceNow}`,
  );
}

function assertUnique(what: string, values: readonly (string | number)[]): void {
  assert.equal(new Set(values).size, values.length, `${what} is the same in different sandboxes`);
}

/** Whatever is drawn at random is drawn once, whoever draws it. */
function assertDistinct(seen: readonly Seen[]): void {
  const selves = seen.map(({ self }) => self);
  assertUnique(
    'a UUID',
    selves.flatMap(({ atLoad, uuids }) => [atLoad.uuid, ...uuids]),
  );
  assertUnique(
    'Math.random',
    selves.flatMap(({ atLoad, sequence, worker }) => [atLoad.random, ...sequence, worker[0]]),
  );
  for (const what of ['bytes', 'filled', 'values', 'integers', 'key', 'stream'] as const) {
    assertUnique(
      what,
      selves.map((self) => self[what]),
    );
  }
  const draws = selves.flatMap(({ sequence }) => sequence);
  const mean = draws.reduce((sum, value) => sum + value, 0) / draws.length;
  // A mean is off by more than six times its standard deviation once in 500 million times.
  const deviation = 1 / Math.sqrt(12 * draws.length);
  assert.ok(Math.abs(mean - 0.5) < 6 * deviation, `the mean of ${draws.length} draws of Math.random is ${mean}`);
  assert.ok(draws.every((value) => value >= 0 && value < 1));
  for (const { pid, ppid, procSelf, worker } of selves) {
    assert.deepEqual({ pid, ppid, procSelf, worker: worker[1] }, { pid: 1, ppid: 0, procSelf: 1, worker: 1 });
  }
}

const countOf = (seen: readonly Seen[], path: string): number =>
  seen.filter(({ startPath }) => startPath === path).length;

describe('sandboxes forked from one zygote', () => {
  const all: Seen[] = [];

  for (const [path, spares, count] of [
    ['spare', 8, SANDBOXES],
    ['fork', 0, SANDBOXES],
    ['exec', 0, 40],
  ] as const) {
    describe(`by ${path}`, () => {
      let hearth: Hearth;

      before(async () => {
        hearth = await Hearth.start({ settings: settings(spares) });
        const environment =
          path === 'exec' ? { Environment: { Variables: { NODE_OPTIONS: '--stack-trace-limit=20' } } } : {};
        for (const name of FUNCTIONS) await hearth.create(name, CODE, { MemorySize: 256, Timeout: 30, ...environment });
      });

      after(() => hearth[Symbol.asyncDispose]());

      it(`are ${count} of their own`, async (test) => {
        const seen = await collect(hearth, count);
        test.diagnostic(
          `${countOf(seen, 'spare')} spares, ${countOf(seen, 'fork')} forked, ${countOf(seen, 'exec')} exec`,
        );
        assert.ok(countOf(seen, path) >= count / 2);
        assertDistinct(seen);
        all.push(...seen);
      });
    });
  }

  it('differ whichever way they came about', () => assertDistinct(all));
});
