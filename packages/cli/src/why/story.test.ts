import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { InvocationRecord } from './record.ts';
import { story } from './story.ts';
import { COLD } from './testing/records.ts';

const RECEIVED = Date.parse(COLD.receivedAt);
const NOT_PLACED = { sandbox: '', instance: '', startPath: null, instanceStep: null, pool: '', reason: '', costs: {} };

const told = (change: Partial<InvocationRecord> = {}, now = RECEIVED) => story({ ...COLD, ...change }, now);

test('a cold start is told from its request to its end', () => {
  assert.equal(
    told(),
    `hello of account 000000000000 succeeded after 680 ms.

  received  2026-11-21T03:38:26.123Z
  version   $LATEST: the newest of what the request names
  tried       0.10 ms  no   an idle sandbox of the version     there is no sandbox of this version
              0.20 ms  no   an instance from the warming pool  no warm instance is ready
              0.20 ms  no   to wait for room                   waits until there is room
               612 ms  yes  an instance made for it            no instance had room and none was warm; one was made
  ran in    sandbox s-1; made of a spare
            instance i-1, sub-pool general, step boot
            a spare was ready
  boot      making the instance took 611 ms

  to find a place         612 ms  |################################    |
  to make the sandbox     8.0 ms  |                                #   |
  to initialise          20.0 ms  |                                 #  |
  to run                 39.5 ms  |                                  ##|
`,
  );
});

test('one that runs or waits shows how far it is', () => {
  const { initialised: _i, started: _s, ended: _e, ...placed } = COLD.times;
  assert.match(
    told({ status: 'running', times: placed }, RECEIVED + 630),
    /is being initialised, 630 ms after it came/,
  );
  const started = { ...placed, initialised: 640, started: 641 };
  assert.match(told({ status: 'running', times: started }, RECEIVED + 2000), /runs, 2\.0 s after it came/);
  const waiting = told({ ...NOT_PLACED, status: 'running', times: {} }, RECEIVED + 5000);
  assert.match(waiting, /has waited for a sandbox for 5\.0 s\./);
  assert.match(waiting, /to find a place +5\.0 s {2}\|#{36}\|/);
  // The clock of whoever asks may be behind the server's.
  assert.match(told({ status: 'running', times: started }, RECEIVED - 60_000), /runs, 641 ms after it came/);
});

test('what failed says why', () => {
  const failures: [Partial<InvocationRecord>, RegExp][] = [
    [{ status: 'failed', error: 'TypeError' }, /failed after 680 ms: TypeError\n/],
    [{ status: 'timed-out', error: 'Task timed out after 3.00 seconds' }, /timed out after 680 ms: Task timed out/],
    [{ status: 'lost', error: 'signal: killed' }, /lost its sandbox after 680 ms: signal: killed\n/],
    [{ ...NOT_PLACED, status: 'failed', times: { ended: 5 }, error: 'no' }, /could not be run after 5\.0 ms: no\n/],
  ];
  for (const [change, expected] of failures) assert.match(told(change), expected);
});

test('a throttled one has no time line, unless it waited', () => {
  const refused = { ...NOT_PLACED, status: 'throttled', ladder: [], error: 'the limit is 1' };
  const text = told({ ...refused, times: { ended: 0 } });
  assert.match(text, /^hello of account 000000000000 was throttled, and did not run: the limit is 1\n/);
  assert.doesNotMatch(text, /\|/);
  assert.match(told({ ...refused, times: { ended: 30_000 } }), /was throttled after 30\.0 s.*\|#{36}\|/s);
});

test('a deferred one tells why it waited, and why it began when it did (D9)', () => {
  const deferral = {
    receivedAt: '2026-11-21T03:37:00.000Z',
    runBy: '2026-11-21T03:47:00.000Z',
    latestStart: '2026-11-21T03:46:30.000Z',
    expectedMs: 30_000,
    delayedBecause: 'demand is 12.0 executions at once; 2.0 are expected',
    begunBecause: null,
    waited: 0,
  };
  const waits = told({ ...NOT_PLACED, status: 'deferred', ladder: [], times: {}, deferral }, RECEIVED + 42_000);
  assert.match(waits, /^hello of account 000000000000 waits for a time with less demand, and has for 42\.0 s\.\n/);
  assert.match(waits, /deferred {2}asked for at 2026-11-21T03:37:00\.000Z, to be done by 2026-11-21T03:47:00\.000Z\n/);
  assert.match(waits, / it waited: demand is 12\.0 executions at once; 2\.0 are expected\n$/);
  const begun = told({ deferral: { ...deferral, begunBecause: 'demand is low', waited: 86_000 } });
  assert.match(begun, /succeeded after 680 ms\..* it began after 1 min 26 s: demand is low\n/s);
  const atOnce = told({ deferral: { ...deferral, delayedBecause: null, begunBecause: 'demand is low' } });
  assert.match(atOnce, / it began at once: demand is low\n/);
  const cancelled = { ...NOT_PLACED, status: 'cancelled', ladder: [], times: { ended: 42_000 } };
  assert.match(
    told({ ...cancelled, error: 'Its caller went away.', deferral }),
    /was cancelled after 42\.0 s: Its caller/,
  );
});

test('a warm one is short, and nothing in a record drives the terminal', () => {
  const ladder = [{ step: 'idle', taken: true, why: 'an idle sandbox', at: 0.02 }];
  const warm = { startPath: 'warm', instanceStep: 'active', costs: {}, ladder, reason: 'an idle sandbox' };
  const text = told({ ...warm, times: { placed: 0.02, started: 0.03, ended: 1.2 }, error: 'x\u001B[2J' });
  assert.match(text, /ran in +sandbox s-1; it was there already \(warm\)\n/);
  assert.match(text, /to find a place +0\.02 ms {2}\|#/);
  assert.ok(!text.includes('\u001B'));
});
