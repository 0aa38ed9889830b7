import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { INITIAL_CREDIT } from '@hearth/protocol';
import { MAX_RESPONSE } from '../instances/incoming-response.ts';
import { hostileBytes } from '../instances/testing/hostile-frames.ts';
import type { ResponseSink } from './invocation.ts';
import { settled, TestFleet } from './testing/test-fleet.ts';

/** Has enough after its first bytes, and insists on the order that it is promised. */
class LazySink implements ResponseSink {
  readonly takes: boolean;
  over = false;
  #state: 'new' | 'begun' | 'whole' = 'new';
  #bytes = 0;

  constructor(takes: boolean) {
    this.takes = takes;
  }

  begin(): void {
    assert.ok(this.#state === 'new' && !this.over);
    this.#state = 'begun';
  }

  write(bytes: Buffer): boolean {
    assert.ok(this.#state === 'begun' && !this.over);
    this.#bytes += bytes.length;
    assert.ok(this.#bytes <= INITIAL_CREDIT);
    return false;
  }

  whole(): void {
    assert.ok(this.#state === 'begun' && !this.over);
    this.#state = 'whole';
  }
}

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
      const sinks = Array.from({ length: calls }, (_, index) => new LazySink(index % 2 === 0));
      const answers = sinks.map((sink) => subject.invoke(hostile, '{}', sink.takes ? { sink } : {}));
      await settled();
      const { payload } = await subject.invoke(bystander, '"still here"');
      assert.equal(payload.toString(), '"still here"');
      // By now each has been answered by its own bytes, by the end of its sandbox or by its time-out.
      subject.clock.advance(1_001);
      await settled();
      subject.clock.advance(1_001);
      for (const { payload: answer, functionError } of await Promise.all(answers)) {
        assert.ok(answer.length <= MAX_RESPONSE);
        assert.ok(functionError === undefined || functionError === 'Unhandled');
      }
      await settled();
      for (const sink of sinks) sink.over = true;
      assert.equal(subject.fleet.stats().inFlight, 0);
    }),
    { numRuns: 300 },
  );
});
