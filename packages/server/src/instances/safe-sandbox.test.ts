import assert from 'node:assert/strict';
import { once } from 'node:events';
import { mkdtempDisposable } from 'node:fs/promises';
import { connect, createServer, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { duplexPair } from 'node:stream';
import type { Duplex } from 'node:stream';
import { test } from 'node:test';
import fc from 'fast-check';
import {
  encodeCredit,
  encodeFrame,
  encodeJson,
  HEADER_BYTES,
  INITIAL_CREDIT,
  Kind,
  MAX_CONTENT_TYPE,
} from '@hearth/protocol';
import { settled } from '../invoke/testing/test-fleet.ts';
import { SafeSandbox } from './safe-sandbox.ts';
import type { InvocationListener } from './safe-sandbox.ts';

const INIT = {
  runtime: 'nodejs26.x' as const,
  handler: 'h',
  environment: {},
  functionName: 'f',
  version: '1',
  memoryMb: 128,
  logGroup: 'g',
  logStream: 's',
};
const META = { requestId: 'r', timeoutMs: 1000, arn: 'a', length: 2 };

class Subject {
  readonly peer: Duplex;
  readonly sandbox: SafeSandbox;
  readonly heard: string[] = [];
  readonly received: Buffer[] = [];
  /** Whether invocations have a sink. */
  takesParts = true;
  grant: ((bytes: number) => void) | undefined;

  constructor([ours, peer]: [Duplex, Duplex] = duplexPair()) {
    this.peer = peer;
    peer.on('data', (bytes: Buffer) => this.received.push(bytes));
    peer.on('error', () => undefined);
    this.sandbox = new SafeSandbox(ours, {
      onInitialised: () => this.heard.push('initialised'),
      onInitFailed: () => this.heard.push('init failed'),
      onLog: () => this.heard.push('log'),
      onEnding: (how) => this.heard.push(`ending: ${how}`),
      onWithdrawn: () => this.heard.push('withdrawn'),
      onClosed: (reason) => this.heard.push(`closed: ${reason}`),
    });
  }

  async ready(): Promise<void> {
    this.sandbox.init(INIT);
    this.peer.write(encodeFrame(Kind.init, 0));
    await settled();
  }

  readonly #listener: InvocationListener = {
    onLog: () => void this.heard.push('invocation log'),
    onHead: (contentType, grant) => {
      this.heard.push(`head: ${contentType}`);
      this.grant = grant;
      return this.takesParts;
    },
    onPart: (bytes) => void this.heard.push(`part: ${bytes.toString()}`),
    onWhole: () => void this.heard.push('whole'),
    onResponse: (payload) => void this.heard.push(`response: ${payload.toString()}`),
    onError: (document) => void this.heard.push(`error: ${document.toString()}`),
    onResponseTooLarge: () => void this.heard.push('too large'),
  };

  invoke(event = Buffer.from('{}')): void {
    this.sandbox.invoke({ ...META, length: event.length }, event, this.#listener);
  }

  invokeAhead(event = Buffer.from('{}')): void {
    this.sandbox.invokeAhead({ ...META, length: event.length }, event, this.#listener);
  }
}

test('never two invocations at once, and none before init', async () => {
  const subject = new Subject();
  assert.throws(() => subject.invoke(), /silent/);
  await subject.ready();
  subject.invoke();
  assert.throws(() => subject.invoke(), /second invocation/);
  subject.peer.write(encodeFrame(Kind.end, 1, '1'));
  await settled();
  subject.invoke();
  subject.sandbox.close('enough');
  assert.throws(() => subject.invoke(), /closed/);
  assert.deepEqual(subject.heard, ['initialised', 'response: 1', 'closed: enough']);
});

test('what is sent ahead begins when what came before it has ended, and leaves in one write', async () => {
  const subject = new Subject();
  await subject.ready();
  subject.invoke(Buffer.from('"a"'));
  subject.received.length = 0;
  for (const event of ['"b"', '"c"']) subject.invokeAhead(Buffer.from(event));
  await settled();
  assert.equal(subject.received.length, 1);
  // Together in one read, as a sandbox that never waits sends them.
  subject.peer.write(Buffer.concat([1, 2, 3].map((id) => encodeFrame(Kind.end, id, String(id)))));
  await settled();
  assert.deepEqual(subject.heard, ['initialised', 'response: 1', 'response: 2', 'response: 3']);
  assert.ok(subject.sandbox.ready);
});

test('what a sandbox answered before it died is heard, though something was sent to it meanwhile', async () => {
  await using directory = await mkdtempDisposable(join(tmpdir(), 'hearth-stream-'));
  await using server = createServer().listen(join(directory.path, 'sock'));
  const accepted = once(server, 'connection') as Promise<[Socket]>;
  const peer = connect(join(directory.path, 'sock'));
  const subject = new Subject([(await accepted)[0], peer]);
  await subject.ready();
  subject.invoke();
  subject.invokeAhead();
  await new Promise((resolve) => setImmediate(resolve));
  peer.write(encodeFrame(Kind.end, 1, '1'));
  peer.destroy();
  // Written at once, to a peer that is gone; its answer has not been read.
  subject.sandbox.withdraw();
  await settled();
  assert.deepEqual(subject.heard.slice(0, 2), ['initialised', 'response: 1']);
  assert.match(subject.heard.slice(2).join(), /^closed: [^,]+$/);
});

test('an end out of turn closes the stream', async () => {
  const subject = new Subject();
  await subject.ready();
  subject.invoke();
  subject.invokeAhead();
  subject.peer.write(encodeFrame(Kind.end, 2, '2'));
  await settled();
  assert.match(subject.heard.at(-1) ?? '', /^closed: protocol error: a frame for stream 2/);
});

test('what was sent ahead and is taken back is never heard of again; what runs ends', async () => {
  const subject = new Subject();
  await subject.ready();
  subject.invoke();
  subject.invokeAhead();
  subject.sandbox.withdraw();
  subject.sandbox.withdraw();
  assert.ok(!subject.sandbox.takesAhead(2), 'something could be sent that the answer would be taken for');
  subject.peer.write(Buffer.concat([encodeFrame(Kind.withdraw, 0), encodeFrame(Kind.end, 1, '1')]));
  await settled();
  assert.deepEqual(subject.heard, ['initialised', 'withdrawn', 'response: 1']);
  subject.invoke();
  assert.ok(subject.sandbox.takesAhead(2));
  subject.peer.write(encodeFrame(Kind.withdraw, 0));
  await settled();
  assert.match(subject.heard.at(-1) ?? '', /^closed: protocol error: nothing was asked back/);
});

test('nothing is sent ahead to an idle sandbox, or behind an event that is still being sent', async () => {
  const subject = new Subject();
  await subject.ready();
  assert.throws(() => subject.invokeAhead(), /nothing can be sent ahead/);
  subject.invoke(Buffer.alloc(2 * INITIAL_CREDIT, 0x20));
  assert.throws(() => subject.invokeAhead(), /nothing can be sent ahead/);
  subject.peer.write(encodeCredit(1, 2 * INITIAL_CREDIT));
  await settled();
  assert.throws(() => subject.invokeAhead(Buffer.alloc(10_000)), /nothing can be sent ahead/);
  subject.invokeAhead();
});

test('an end by a signal is told, if there is such an end', async () => {
  const subject = new Subject();
  await subject.ready();
  subject.invoke();
  subject.peer.write(encodeFrame(Kind.shutdown, 0, 'SIGKILL'));
  await settled();
  assert.deepEqual(subject.heard, ['initialised', 'ending: SIGKILL']);
  for (const nonsense of ['', 'SIGCHLD', 'toString', 'x'.repeat(100_000)]) {
    const other = new Subject();
    await other.ready();
    other.peer.write(encodeFrame(Kind.shutdown, 0, nonsense));
    await settled();
    assert.equal(other.sandbox.closed, true, nonsense);
  }
});

test('closing is idempotent and silences both sides', async () => {
  const subject = new Subject();
  await subject.ready();
  subject.invoke();
  subject.sandbox.close('first');
  subject.sandbox.close('second');
  subject.sandbox[Symbol.dispose]();
  subject.peer.write(encodeFrame(Kind.end, 1, '1'));
  await settled();
  assert.deepEqual(subject.heard, ['initialised', 'closed: first']);
});

/** Frames of the first invocation, in one piece. */
function frames(...list: readonly (readonly [Kind, string])[]): Buffer {
  return Buffer.concat(list.map(([kind, payload]) => encodeFrame(kind, 1, payload)));
}

const ILLEGAL: Record<string, Buffer> = {
  'an end of no invocation': encodeFrame(Kind.end, 0, '1'),
  'an end of another invocation': encodeFrame(Kind.end, 7, '1'),
  'a second init': encodeFrame(Kind.init, 0),
  'a control message': encodeJson(Kind.control, 0, { type: 'ready' }),
  'an invoke': encodeFrame(Kind.invoke, 1, ''),
  'a hello': encodeFrame(Kind.hello, 0, '{}'),
  'an unknown kind': Buffer.from([0, 0, 0, 0, 99, 0, 0, 0, 0, 0, 0, 0]),
  'a length over the limit': Buffer.from([0, 0, 0, 99, 4, 0, 0, 0, 1, 0, 0, 0]),
  'credit without its number': encodeFrame(Kind.credit, 1, 'x'),
  'more of a response than was granted': frames(
    [Kind.head, 'a/b'],
    ...Array.from({ length: 9 }, () => [Kind.chunk, 'x'.repeat(INITIAL_CREDIT / 8)] as const),
  ),
  'a second head': frames([Kind.head, 'a/b'], [Kind.head, 'a/b']),
  'a head in the midst of a response': frames([Kind.chunk, 'a'], [Kind.head, 'a/b']),
  'a head of another invocation': encodeFrame(Kind.head, 7, 'a/b'),
  'a content type that forges headers': frames([Kind.head, 'a/b\r\nset-cookie: a=b']),
  'a content type without end': frames([Kind.head, 'a'.repeat(MAX_CONTENT_TYPE + 1)]),
  'the end of a stream that has not begun': frames([Kind.whole, '']),
  'a second end of a stream': frames([Kind.head, 'a/b'], [Kind.whole, ''], [Kind.whole, '']),
  'more of a stream after its end': frames([Kind.head, 'a/b'], [Kind.whole, ''], [Kind.chunk, 'a']),
  'an end that brings more of a stream': frames([Kind.head, 'a/b'], [Kind.whole, ''], [Kind.end, 'a']),
  'an end in the midst of a stream': frames([Kind.head, 'a/b'], [Kind.chunk, 'a'], [Kind.end, '']),
};
for (const [name, bytes] of Object.entries(ILLEGAL)) {
  test(`closes on ${name}`, async () => {
    const subject = new Subject();
    await subject.ready();
    subject.invoke();
    subject.peer.write(bytes);
    await settled();
    assert.match(subject.heard.at(-1)!, /^closed: protocol error/);
    assert.ok(!subject.heard.some((what) => /^(response|error|too large)/.test(what)));
  });
}

test('a streamed response is passed on part by part; its listener grants what comes after the first credit', async () => {
  const subject = new Subject();
  await subject.ready();
  subject.invoke();
  subject.peer.write(frames([Kind.head, 'a/b'], [Kind.chunk, '1'], [Kind.chunk, '2']));
  await settled();
  subject.received.length = 0;
  subject.grant!(7);
  await settled();
  assert.deepEqual(Buffer.concat(subject.received), encodeCredit(1, 7));
  subject.peer.write(frames([Kind.whole, ''], [Kind.end, '']));
  await settled();
  assert.deepEqual(subject.heard, ['initialised', 'head: a/b', 'part: 1', 'part: 2', 'whole', 'response: ']);
  subject.received.length = 0;
  // Too late: the stream is another's now, or nobody's.
  subject.grant!(7);
  await settled();
  assert.deepEqual(subject.received, []);
  assert.ok(subject.sandbox.ready);
});

test('a streamed response that its listener does not take is collected', async () => {
  const subject = new Subject();
  subject.takesParts = false;
  await subject.ready();
  subject.invoke();
  subject.peer.write(
    frames([Kind.head, 'a/b'], [Kind.chunk, '1'], [Kind.chunk, '2'], [Kind.whole, ''], [Kind.end, '']),
  );
  await settled();
  assert.deepEqual(subject.heard, ['initialised', 'head: a/b', 'whole', 'response: 12']);
});

test('what is read of a long response is granted again', async () => {
  const subject = new Subject();
  await subject.ready();
  subject.invoke();
  subject.received.length = 0;
  for (let sent = 0; sent < 4 * INITIAL_CREDIT; sent += 128 * 1024) {
    subject.peer.write(encodeFrame(Kind.chunk, 1, Buffer.alloc(128 * 1024)));
  }
  await settled();
  const granted = subject.received
    .filter((bytes) => bytes.readUInt32LE(4) === Kind.credit)
    .reduce((sum, bytes) => sum + bytes.readUInt32LE(HEADER_BYTES), 0);
  assert.equal(granted, 4 * INITIAL_CREDIT);
});

test('an event of megabytes waits for credit', async () => {
  const subject = new Subject();
  await subject.ready();
  subject.received.length = 0;
  subject.invoke(Buffer.alloc(3_000_000));
  await settled();
  const sent = (): number => subject.received.reduce((sum, { length }) => sum + length, 0);
  assert.ok(sent() < INITIAL_CREDIT + 200 * 1024, `${sent()} bytes without credit`);
  subject.peer.write(encodeCredit(1, 3_000_000));
  await settled();
  assert.ok(sent() > 3_000_000);
});

test('any bytes whatever neither throw nor are reported twice', async () => {
  const frame = fc
    .tuple(fc.integer({ min: 0, max: 12 }), fc.integer({ min: 0, max: 2 }), fc.uint8Array({ maxLength: 40 }))
    .map(([kind, stream, payload]) => {
      const bytes = Buffer.alloc(HEADER_BYTES + payload.length);
      bytes.writeUInt32LE(payload.length, 0);
      bytes.writeUInt32LE(kind, 4);
      bytes.writeUInt32LE(stream, 8);
      bytes.set(payload, HEADER_BYTES);
      return bytes;
    });
  const noise = fc.oneof(
    frame,
    frame,
    fc.uint8Array({ maxLength: 30 }).map((bytes) => Buffer.from(bytes)),
  );
  const property = fc.asyncProperty(fc.array(noise), fc.boolean(), async (pieces, initialised) => {
    const subject = new Subject();
    if (initialised) {
      await subject.ready();
      subject.invoke();
    }
    for (const bytes of pieces) subject.peer.write(bytes);
    await settled();
    subject.sandbox.close('the test is over');
    const ends = subject.heard.filter((line) => /^(response|error|too large)/.test(line));
    assert.ok(ends.length <= 1);
    assert.equal(subject.heard.filter((line) => line.startsWith('closed')).length, 1);
  });
  await fc.assert(property, { numRuns: 100 });
});
