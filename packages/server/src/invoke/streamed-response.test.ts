import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { INITIAL_CREDIT, MAX_FRAME } from '@hearth/protocol';
import type { FakeHandler } from '../instances/testing/fake-agent.ts';
import type { ResponseHead, ResponseSink, ResponseSource } from './invocation.ts';
import { MAX_STREAMED_RESPONSE, StreamedResponse } from './streamed-response.ts';
import { settled, TestFleet } from './testing/test-fleet.ts';

// https://docs.aws.amazon.com/lambda/latest/dg/configuration-response-streaming.html

const NOTHING = Buffer.alloc(0);
const FRAME = Buffer.alloc(MAX_FRAME, 'x');

/** Keeps what it gets, and has enough of it when the test says so. */
class TestSink implements ResponseSink {
  head: ResponseHead | undefined;
  source: ResponseSource | undefined;
  readonly writes: Buffer[] = [];
  bytes = 0;
  done = false;
  hungry = true;

  begin(head: ResponseHead, source: ResponseSource): void {
    assert.equal(this.head, undefined);
    this.head = head;
    this.source = source;
  }

  write(bytes: Buffer): boolean {
    assert.ok(this.head !== undefined && !this.done);
    // What would fill memory is counted only.
    if (this.bytes < 4 * INITIAL_CREDIT) this.writes.push(bytes);
    this.bytes += bytes.length;
    return this.hungry;
  }

  whole(): void {
    assert.ok(!this.done);
    this.done = true;
  }

  get text(): string {
    return Buffer.concat(this.writes).toString();
  }
}

/** A fleet with one function, which runs `handler`, invoked with a sink. */
function streaming(handler: FakeHandler, tail = false) {
  const fleet = new TestFleet({ handlers: { 'index.handler': handler } });
  const sink = new TestSink();
  const spec = fleet.spec();
  const outcome = fleet.invoke(spec, '{}', { sink, tail });
  return { fleet, sink, spec, outcome, [Symbol.asyncDispose]: () => fleet[Symbol.asyncDispose]() };
}

describe('a streamed response', () => {
  test('reaches its sink while the function runs, and END comes after it', async () => {
    const gate = Promise.withResolvers<void>();
    await using t = streaming(async (_event, { streamed, log }) => {
      streamed.head('text/html');
      streamed.write('first');
      await gate.promise;
      streamed.write(' last');
      streamed.whole();
      log('afterwards\n');
      return NOTHING;
    }, true);
    await settled();
    assert.deepEqual(t.sink.head, { contentType: 'text/html', startPath: 'spare' });
    assert.equal(t.sink.text, 'first');
    assert.doesNotMatch(t.fleet.logs.text(), /END/);
    gate.resolve();
    const { payload, functionError, logTail } = await t.outcome;
    assert.deepEqual([t.sink.text, t.sink.done, payload.length, functionError], ['first last', true, 0, undefined]);
    assert.match(Buffer.from(logTail!, 'base64').toString(), /afterwards\nEND .*\nREPORT /);
  });

  test('is whole before its function has ended', async () => {
    const gate = Promise.withResolvers<void>();
    await using t = streaming(async (_event, { streamed }) => {
      streamed.head('a/b');
      streamed.whole();
      await gate.promise;
      return NOTHING;
    });
    await settled();
    assert.ok(t.sink.done);
    assert.equal(t.fleet.fleet.stats().inFlight, 1);
    gate.resolve();
    await t.outcome;
    assert.equal((await t.fleet.invoke(t.spec)).startPath, 'warm');
  });

  test('of pieces that came in one read goes on in one piece', async () => {
    await using t = streaming(async (_event, { streamed, sandbox }) => {
      streamed.head('a/b');
      sandbox.stream.cork();
      for (let i = 0; i < 100; i++) streamed.write(String(i % 10));
      sandbox.stream.uncork();
      await settled();
      streamed.whole();
      return NOTHING;
    });
    await t.outcome;
    assert.equal(t.sink.text, '0123456789'.repeat(10));
    assert.ok(t.sink.writes.length < 100, `${t.sink.writes.length} writes`);
  });

  test('is collected where nobody takes it as it comes, and its content type is in the outcome', async () => {
    const fleet = new TestFleet({
      handlers: {
        'index.handler': async (_event, { streamed }) => {
          streamed.head('text/plain');
          streamed.write('a');
          streamed.write('b');
          streamed.whole();
          return NOTHING;
        },
      },
    });
    await using _ = fleet;
    const { payload, contentType } = await fleet.invoke(fleet.spec());
    assert.deepEqual([payload.toString(), contentType], ['ab', 'text/plain']);
  });

  test('of a function that does not stream is in the outcome', async () => {
    await using t = streaming(() => Buffer.from('"all"'));
    const { payload } = await t.outcome;
    assert.deepEqual([payload.toString(), t.sink.head], ['"all"', undefined]);
  });
});

describe('a sink that has enough', () => {
  test('gets nothing more, grants nothing more, and gets the rest when it goes on', async () => {
    const granted: number[] = [];
    const gate = Promise.withResolvers<void>();
    await using t = streaming(async (_event, { streamed }) => {
      streamed.head('a/b');
      for (let sent = 0; sent < INITIAL_CREDIT; sent += MAX_FRAME) {
        streamed.write(FRAME);
        await settled();
      }
      granted.push(streamed.granted());
      await gate.promise;
      await settled();
      granted.push(streamed.granted());
      streamed.whole();
      return NOTHING;
    });
    t.sink.hungry = false;
    while (granted.length === 0) await settled();
    assert.equal(t.sink.bytes, MAX_FRAME);
    t.sink.hungry = true;
    t.sink.source!.resume();
    assert.equal(t.sink.bytes, INITIAL_CREDIT);
    gate.resolve();
    await t.outcome;
    assert.deepEqual(granted, [0, INITIAL_CREDIT]);
  });

  test('gets what has come already when the response ends', async () => {
    await using t = streaming(async (_event, { streamed }) => {
      streamed.head('a/b');
      streamed.write('a');
      await settled();
      streamed.write('b');
      streamed.whole();
      return NOTHING;
    });
    t.sink.hungry = false;
    await t.outcome;
    assert.deepEqual([t.sink.text, t.sink.done], ['ab', true]);
  });

  test('gets what has come already when the function times out', async () => {
    await using t = streaming((_event, { streamed }) => {
      streamed.head('a/b');
      streamed.write('a');
      void settled().then(() => streamed.write('b'));
      return new Promise<never>(() => {});
    });
    t.sink.hungry = false;
    for (let i = 0; i < 3; i++) await settled();
    assert.equal(t.sink.text, 'a');
    t.fleet.clock.advance(3_001);
    const { functionError, payload } = await t.outcome;
    assert.equal(functionError, 'Unhandled');
    assert.match(payload.toString(), /Task timed out after 3\.00 seconds/);
    assert.deepEqual([t.sink.text, t.sink.done], ['ab', false]);
    // Too late, and no harm.
    t.sink.source!.resume();
  });
});

describe('a streamed response is cut off', () => {
  test('by an error in its midst, which is the outcome', async () => {
    await using t = streaming(async (_event, { streamed }) => {
      streamed.head('a/b');
      streamed.write('some');
      await settled();
      throw new TypeError('broken');
    });
    const { functionError, payload } = await t.outcome;
    assert.deepEqual([functionError, t.sink.text, t.sink.done], ['Unhandled', 'some', false]);
    assert.equal((JSON.parse(payload.toString()) as { errorType: string }).errorType, 'TypeError');
    assert.equal((await t.fleet.invoke(t.spec)).functionError, 'Unhandled');
  });

  test('by the end of its sandbox', async () => {
    await using t = streaming(async (_event, { streamed, sandbox }) => {
      streamed.head('a/b');
      streamed.write('some');
      await settled();
      sandbox.stream.destroy();
      return new Promise<never>(() => {});
    });
    const { functionError, payload } = await t.outcome;
    assert.deepEqual([functionError, t.sink.text, t.sink.done], ['Unhandled', 'some', false]);
    assert.match(payload.toString(), /Runtime\.ExitError/);
  });

  test('at 200 MB', async () => {
    await using t = streaming(async (_event, { streamed }) => {
      streamed.head('a/b');
      let sent = 0;
      // A little over.
      while (sent < MAX_STREAMED_RESPONSE + INITIAL_CREDIT) {
        while (sent + MAX_FRAME <= INITIAL_CREDIT + streamed.granted()) {
          streamed.write(FRAME);
          sent += MAX_FRAME;
        }
        await new Promise((resolve) => setImmediate(resolve));
      }
      streamed.whole();
      return NOTHING;
    });
    const { functionError, payload } = await t.outcome;
    assert.deepEqual([functionError, t.sink.bytes, t.sink.done], ['Unhandled', MAX_STREAMED_RESPONSE, false]);
    assert.deepEqual(JSON.parse(payload.toString()), {
      errorType: 'Function.ResponseSizeTooLarge',
      errorMessage: 'Response payload size exceeded maximum allowed payload size (209715200 bytes).',
    });
  });

  test('where its sandbox sends more than was granted', async () => {
    await using t = streaming(async (_event, { streamed }) => {
      streamed.head('a/b');
      for (let sent = 0; sent <= INITIAL_CREDIT; sent += MAX_FRAME) streamed.write(FRAME);
      return new Promise<never>(() => {});
    });
    t.sink.hungry = false;
    const { payload } = await t.outcome;
    assert.match(payload.toString(), /Runtime\.ExitError/);
    assert.ok(t.sink.bytes <= INITIAL_CREDIT);
  });
});

describe('a sink that has enough, by itself,', () => {
  const head: ResponseHead = { contentType: 'a/b', startPath: 'warm' };

  test('makes a million parts of one byte take the memory of their bytes', () => {
    const sink = new TestSink();
    sink.hungry = false;
    const response = new StreamedResponse(sink, head, () => assert.fail('nothing may be granted'));
    const part = Buffer.from('x');
    response.add(part);
    response.resume();
    const before = process.memoryUsage();
    for (let i = 0; i < INITIAL_CREDIT - 1; i++) response.add(part);
    const after = process.memoryUsage();
    assert.equal(sink.writes.length, 1);
    const grownMb = (after.heapUsed + after.arrayBuffers - before.heapUsed - before.arrayBuffers) / 1024 / 1024;
    // Twice as much, and what was outgrown and is not collected yet.
    assert.ok(grownMb < 8, `${grownMb} MB`);
    response.end();
    assert.equal(sink.bytes, INITIAL_CREDIT);
  });

  test('may go on inside the very call that told it', async () => {
    const sink = new TestSink();
    sink.write = (bytes) => {
      sink.bytes += bytes.length;
      sink.source!.resume();
      return false;
    };
    let granted = 0;
    const response = new StreamedResponse(sink, head, (bytes) => void (granted += bytes));
    for (let sent = 0; sent < 4 * INITIAL_CREDIT; sent += MAX_FRAME) {
      response.add(FRAME);
      await settled();
    }
    assert.deepEqual([sink.bytes, granted], [4 * INITIAL_CREDIT, 4 * INITIAL_CREDIT]);
  });
});

describe('a sink that has all', () => {
  test('hears nothing of a failure afterwards, which is in the outcome', async () => {
    await using t = streaming(async (_event, { streamed }) => {
      streamed.head('a/b');
      streamed.whole();
      throw new Error('late');
    });
    assert.equal((await t.outcome).functionError, 'Unhandled');
    assert.ok(t.sink.done);
  });
});

test('platform.runtimeDone tells how many bytes were streamed', async () => {
  const fleet = new TestFleet({
    handlers: {
      'index.handler': async (_event, { streamed }) => {
        streamed.head('a/b');
        streamed.write('12345');
        streamed.whole();
        return NOTHING;
      },
    },
  });
  await using _ = fleet;
  const spec = fleet.spec({ jsonLogs: { applicationLevel: 'INFO', systemLevel: 'DEBUG' } });
  await fleet.invoke(spec, '{}', { sink: new TestSink() });
  assert.match(fleet.logs.text(), /"producedBytes":5/);
});
