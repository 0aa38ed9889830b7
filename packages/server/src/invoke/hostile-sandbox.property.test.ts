import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { hostileBytes } from '../instances/testing/hostile-frames.ts';
import { settled, TestFleet } from './testing/test-fleet.ts';

test('a function that writes what it likes to the server harms only itself: each caller is answered, others run on', async () => {
  let script: Buffer[] = [];
  await using subject = new TestFleet({
    handlers: {
      'hostile.handler': (_event, { sandbox }) => {
        for (const bytes of script) sandbox.stream.write(bytes);
        return new Promise(() => undefined);
      },
    },
  });
  const hostile = subject.spec({ functionName: 'hostile', handler: 'hostile.handler', timeoutMs: 1_000 });
  const bystander = subject.spec({ functionName: 'bystander', account: '222222222222' });
  await fc.assert(
    fc.asyncProperty(fc.array(hostileBytes, { maxLength: 8 }), fc.integer({ min: 1, max: 3 }), async (bytes, calls) => {
      script = bytes;
      const answers = Array.from({ length: calls }, () => subject.invoke(hostile));
      await settled();
      const { payload } = await subject.invoke(bystander, '"still here"');
      assert.equal(payload.toString(), '"still here"');
      // By now each has been answered by its own bytes, by the end of its sandbox or by its time-out.
      subject.clock.advance(1_001);
      await settled();
      subject.clock.advance(1_001);
      for (const { payload: answer, functionError } of await Promise.all(answers)) {
        assert.ok(answer.length <= 6 * 1024 * 1024 + 100);
        assert.ok(functionError === undefined || functionError === 'Unhandled');
      }
      await settled();
      assert.equal(subject.fleet.stats().inFlight, 0);
    }),
    { numRuns: 300 },
  );
});
