/** Deferrable invocations in real sandboxes, with a forecast that is made up. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { DemandForecast } from '../../capacity/trend/demand-forecast.ts';
import { RealSubject } from '../../instances/local/testing/real-subject.ts';
import { Metrics } from '../../telemetry/metrics/metrics.ts';
import { InvocationRecords } from '../../telemetry/records/records.ts';
import { Fleet } from '../fleet.ts';
import type { Invocation } from '../invocation.ts';

const lacksRoot = process.getuid?.() !== 0 && 'the spawner needs root';

test(
  'D9, D10: a deferrable one waits for its cheap time or its deadline, others run meanwhile',
  { skip: lacksRoot },
  async () => {
    await using subject = await RealSubject.open();
    const records = new InvocationRecords(new Metrics());
    const forecast: DemandForecast = { expected: (_at: number) => 0, now: () => 0 };
    await using fleet = new Fleet({
      provider: subject.provider,
      records,
      logs: { open: () => ({ write: () => {}, close: () => {} }) },
      credentialsFor: () => ({ accessKeyId: '', secretAccessKey: '', sessionToken: '' }),
      onLog: () => {},
      warmInstances: 1,
      instanceMemoryMb: 512,
      instanceCpus: 1,
      maxMemoryMb: 2048,
      spares: 2,
      slots: 2,
      maxSandboxes: 8,
      forecast: { expected: (at) => forecast.expected(at), now: () => forecast.now() },
    });
    await fleet.start();
    const spec = subject.specs.echo;
    const describe = (requestId: string): Invocation => ({
      requestId,
      spec,
      reason: 'current',
      invokedArn: spec.functionArn,
      payload: Buffer.from('"here"'),
      tail: false,
    });
    const defer = async (id: string, windowMs: number): Promise<number> => {
      const sent = performance.now();
      const ran = await fleet.invokeWhenCheap({
        invocation: describe(id),
        terms: { runBy: Date.now() + windowMs, whenDue: 'run' },
        resolveAgain: () => describe(id),
        gone: new AbortController().signal,
      });
      assert.equal(ran.outcome.payload.toString(), '"here"');
      return performance.now() - sent;
    };
    // Its first invocations tell how long it takes.
    for (let i = 0; i < 5; i++) await fleet.invoke(describe(`first-${i}`));
    const cheapFrom = Date.now() + 2_000;
    forecast.expected = (at) => (Math.max(at, Date.now()) < cheapFrom ? 8 : 0);
    forecast.now = () => forecast.expected(0);
    const cheap = defer('cheap', 10_000);
    assert.equal(records.get('cheap')!.status, 'deferred');
    assert.equal(fleet.stats().deferred, 1);
    assert.equal((await fleet.invoke(describe('ordinary'))).startPath, 'warm');
    const waited = await cheap;
    assert.ok(waited >= 1_900 && waited < 4_500, `it took ${waited} ms`);
    const record = records.get('cheap')!;
    assert.equal(record.status, 'succeeded');
    assert.match(record.deferral!.delayedBecause!, /^demand is 8\.0 executions at once; 0\.0/);
    assert.match(record.deferral!.begunBecause!, /^demand is low/);
    // The forecast promises what never comes.
    forecast.expected = () => 0;
    forecast.now = () => 8;
    const due = await defer('due', 3_000);
    assert.ok(due >= 1_000 && due < 3_000, `it took ${due} ms of 3,000`);
    assert.match(records.get('due')!.deferral!.begunBecause!, /no cheaper time came/);
  },
);
