import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { test } from 'node:test';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { array, assert as assertProperty, integer, property, string } from 'fast-check';
import { CompactRecord } from './record.ts';
import { RecordRing } from './ring.ts';

const SPEC = { account: '000000000000', functionName: 'hello', version: '$LATEST' };

test('a record comes out as what its owner filled in', () => {
  const ring = new RecordRing(4);
  const record = new CompactRecord('id-1', SPEC, 'pinned', Date.parse('2026-11-21T03:38:26.123Z'));
  ring.put(record);
  const ladder = [{ step: 'warming', taken: true, why: 'one was warm', at: 0.1 }] as const;
  Object.assign(record, {
    sandbox: 'sandbox-1',
    instance: 'instance-1',
    startPath: 'fork',
    instanceStep: 'warming',
    pool: 'general',
    reason: 'one was warm',
    status: 'failed',
    cold: { ladder, costs: { code: 1, sandbox: 2 } },
    error: 'TypeError',
    placedUs: 125,
    initialisedUs: 2500,
    startedUs: 2750,
    endedUs: 3000,
  });
  assert.deepEqual(JSON.parse(JSON.stringify(ring.get('id-1'))), {
    requestId: 'id-1',
    ...SPEC,
    versionReason: 'pinned',
    sandbox: 'sandbox-1',
    instance: 'instance-1',
    startPath: 'fork',
    instanceStep: 'warming',
    fleet: 'push',
    pool: 'general',
    reason: 'one was warm',
    receivedAt: '2026-11-21T03:38:26.123Z',
    times: { placed: 0.125, initialised: 2.5, started: 2.75, ended: 3 },
    ladder,
    costs: { code: 1, sandbox: 2 },
    status: 'failed',
    error: 'TypeError',
  });
  assert.equal(ring.get('id-2'), undefined);
});

test('a record that its owner still fills in shows how far the invocation is', () => {
  const ring = new RecordRing(4);
  const record = new CompactRecord('id-1', SPEC, 'current', Date.parse('2026-11-21T03:38:26.123Z'));
  ring.put(record);
  assert.deepEqual(ring.get('id-1')?.toJSON().times, {});
  assert.equal(ring.get('id-1')?.status, 'running');
  record.placedUs = 1500;
  record.status = 'lost';
  assert.deepEqual(ring.get('id-1')?.toJSON().times, { placed: 1.5 });
  assert.equal(ring.get('id-1')?.status, 'lost');
});

test('it keeps exactly the last records, whatever the ids', () => {
  const ids = array(string({ maxLength: 3 }), { maxLength: 200 });
  assertProperty(
    property(integer({ min: 1, max: 20 }), ids, (capacity, requestIds) => {
      const ring = new RecordRing(capacity);
      const kept: CompactRecord[] = [];
      for (const requestId of requestIds) {
        const record = new CompactRecord(requestId, SPEC, 'current', 0);
        ring.put(record);
        kept.push(record);
        if (kept.length > capacity) kept.shift();
        for (const id of requestIds) {
          assert.equal(
            ring.get(id),
            kept.findLast((candidate) => candidate.requestId === id),
          );
        }
      }
    }),
    { numRuns: 50 },
  );
});

test('the memory of a full ring stays the same and is under 400 bytes for each record', () => {
  setFlagsFromString('--expose-gc');
  const gc = runInNewContext('gc') as () => void;
  const used = () => {
    gc();
    const { heapUsed, arrayBuffers } = process.memoryUsage();
    return heapUsed + arrayBuffers;
  };
  const before = used();
  const ring = new RecordRing(50_000);
  const fill = () => {
    for (let i = 0; i < 50_000; i++) {
      const record = new CompactRecord(randomUUID(), SPEC, 'current', 1_700_000_000_000 + i);
      record.endedUs = i;
      ring.put(record);
    }
  };
  fill();
  const full = used();
  assert.ok((full - before) / 50_000 < 400, `${(full - before) / 50_000} bytes each`);
  fill();
  assert.ok(used() - full < 50_000 * 20);
  assert.equal(ring.capacity, 50_000);
});
