import assert from 'node:assert/strict';
import { validateHeaderValue } from 'node:http';
import { duplexPair } from 'node:stream';
import type { Duplex } from 'node:stream';
import { test } from 'node:test';
import fc from 'fast-check';
import { encodeFrame, encodeJson, INITIAL_CREDIT, Kind } from '@hearth/protocol';
import { MAX_RESPONSE } from './incoming-response.ts';
import { SafeSandbox } from './safe-sandbox.ts';
import { hostileBytes, rawFrame } from './testing/hostile-frames.ts';

const INIT = {
  handler: 'h',
  environment: {},
  functionName: 'f',
  version: '1',
  memoryMb: 128,
  logGroup: 'g',
  logStream: 's',
  runtime: 'nodejs26.x',
} as const;
const META = { requestId: 'r', timeoutMs: 1000, arn: 'a', length: 2 };
const EVENT = Buffer.from('{}');

/** A sandbox whose every invocation writes down how it ended. */
class Subject {
  readonly peer: Duplex;
  readonly sandbox: SafeSandbox;
  readonly ends: string[][] = [];
  readonly closings: string[] = [];
  loggedBytes = 0;
  /** Whether invocations take what is streamed as it comes. */
  streams = false;
  streamedBytes = 0;

  constructor() {
    const [ours, peer] = duplexPair();
    this.peer = peer;
    peer.resume();
    peer.on('error', () => undefined);
    this.sandbox = new SafeSandbox(ours, {
      onInitialised: () => undefined,
      onInitFailed: () => undefined,
      onLog: (text) => void (this.loggedBytes += text.length),
      onEnding: () => undefined,
      onWithdrawn: () => undefined,
      onClosed: (reason) => this.closings.push(reason),
    });
  }

  invoke(ahead: boolean): void {
    const ends: string[] = [];
    const listener = {
      onLog: (text: Buffer) => void (this.loggedBytes += text.length),
      onHead: (contentType: string) => {
        assert.doesNotThrow(() => validateHeaderValue('content-type', contentType));
        assert.equal(ends.length, 0);
        return this.streams;
      },
      onPart: (bytes: Buffer) => {
        assert.equal(ends.length, 0);
        // Nobody grants more.
        assert.ok((this.streamedBytes += bytes.length) <= INITIAL_CREDIT * this.ends.length);
      },
      onWhole: () => assert.equal(ends.length, 0),
      onResponse: (payload: Buffer) => {
        assert.ok(payload.length <= MAX_RESPONSE);
        ends.push('response');
      },
      onError: () => void ends.push('error'),
      onResponseTooLarge: () => void ends.push('too large'),
    };
    if (ahead ? !this.sandbox.takesAhead(EVENT.length) : !this.sandbox.ready) return;
    this.ends.push(ends);
    if (ahead) this.sandbox.invokeAhead(META, EVENT, listener);
    else this.sandbox.invoke(META, EVENT, listener);
  }
}

/** Lets the stream's own queue empty itself. */
async function turn(): Promise<void> {
  for (let i = 0; i < 3; i++) await new Promise((resolve) => setImmediate(resolve));
}

type Step = Buffer | 'invoke' | 'ahead' | 'withdraw';

test('whatever a sandbox sends, and whenever: no invocation ends twice, nothing is thrown, the stream closes once', async () => {
  const step: fc.Arbitrary<Step> = fc.oneof(
    { weight: 4, arbitrary: hostileBytes },
    { weight: 3, arbitrary: fc.constantFrom<Step>('invoke', 'ahead', 'withdraw') },
  );
  await fc.assert(
    fc.asyncProperty(
      fc.array(step, { maxLength: 12 }),
      fc.boolean(),
      fc.boolean(),
      async (steps, initialised, streams) => {
        const subject = new Subject();
        subject.streams = streams;
        subject.sandbox.init(INIT);
        if (initialised) subject.peer.write(encodeFrame(Kind.init, 0));
        await turn();
        for (const each of steps) {
          if (typeof each !== 'string') subject.peer.write(each);
          else if (each === 'withdraw') subject.sandbox.withdraw();
          else subject.invoke(each === 'ahead');
          await turn();
        }
        for (const ends of subject.ends) assert.ok(ends.length <= 1, ends.join());
        subject.sandbox.close('the test is over');
        assert.equal(subject.closings.length, 1);
      },
    ),
    { numRuns: 2000 },
  );
});

test('a response in ten million parts takes the memory of its bytes', async () => {
  const subject = new Subject();
  subject.sandbox.init(INIT);
  subject.peer.write(encodeFrame(Kind.init, 0));
  await turn();
  subject.invoke(false);
  const empty = Buffer.concat(Array.from({ length: 5_000 }, () => rawFrame(Kind.chunk, 1, Buffer.alloc(0))));
  const single = Buffer.concat(Array.from({ length: 5_000 }, () => rawFrame(Kind.chunk, 1, Buffer.from(' '))));
  const before = process.memoryUsage().rss;
  for (let i = 0; i < 1_000; i++) {
    subject.peer.write(empty);
    subject.peer.write(single);
    await turn();
  }
  const grownMb = (process.memoryUsage().rss - before) / 1024 / 1024;
  assert.ok(grownMb < 150, `${grownMb} MB`);
  subject.peer.write(encodeFrame(Kind.end, 1, '1'));
  await turn();
  assert.deepEqual(subject.ends, [['response']]);
});

test('credit without end is counted and does no harm; a response without end is dropped', async () => {
  const subject = new Subject();
  subject.sandbox.init(INIT);
  subject.peer.write(encodeFrame(Kind.init, 0));
  await turn();
  subject.invoke(false);
  const most = Buffer.alloc(4, 0xff);
  for (let i = 0; i < 1_000; i++) subject.peer.write(rawFrame(Kind.credit, 1, most));
  const part = rawFrame(Kind.chunk, 1, Buffer.alloc(256 * 1024));
  const before = process.memoryUsage().arrayBuffers;
  for (let sent = 0; sent < 256; sent++) {
    subject.peer.write(part);
    await turn();
  }
  const heldMb = (process.memoryUsage().arrayBuffers - before) / 1024 / 1024;
  assert.ok(heldMb < 32, `${heldMb} MB held of 64`);
  subject.peer.write(encodeFrame(Kind.end, 1, ''));
  await turn();
  assert.deepEqual(subject.ends, [['too large']]);
  assert.deepEqual(subject.closings, []);
});

test('a sandbox that makes the server write and never reads is given up', async () => {
  const subject = new Subject();
  subject.peer.pause();
  subject.sandbox.init(INIT);
  subject.peer.write(encodeFrame(Kind.init, 0));
  await turn();
  subject.invoke(false);
  // Each invocation brings another event, none of which is read.
  for (let i = 1; subject.closings.length === 0; i++) {
    assert.ok(i < 10_000, 'it is written to without end');
    subject.peer.write(encodeJson(Kind.end, i, 'done'));
    await turn();
    const event = Buffer.alloc(100_000);
    const ignore = (): void => undefined;
    if (!subject.sandbox.ready) continue;
    subject.sandbox.invoke({ ...META, length: event.length }, event, {
      onLog: ignore,
      onHead: () => false,
      onPart: ignore,
      onWhole: ignore,
      onResponse: ignore,
      onError: ignore,
      onResponseTooLarge: ignore,
    });
  }
  assert.deepEqual(subject.closings, ['it does not read what it is sent']);
});
