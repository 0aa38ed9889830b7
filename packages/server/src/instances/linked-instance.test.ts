import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer } from 'node:http';
import { createConnection, createServer as createNetServer } from 'node:net';
import type { Socket } from 'node:net';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { encodeFrame, encodeJson, HEADER_BYTES, Kind } from '@hearth/protocol';
import type { FromAgent } from '@hearth/protocol';
import { MAX_EARLY } from './connection-desk.ts';
import { LinkedInstance } from './linked-instance.ts';
import type { LinkedInstanceOptions } from './linked-instance.ts';
import { ManualClock } from './testing/manual-clock.ts';
import { MemoryCode } from './testing/spec.ts';

/** An instance on a real Unix socket, with the test as everything inside it. */
class Subject implements AsyncDisposable {
  readonly clock = new ManualClock();
  readonly directory = mkdtempSync(join(tmpdir(), 'hearth-linked-'));
  readonly server = createNetServer((stream) => this.instance.accept(stream));
  readonly volumes: number[][] = [];
  readonly instance: LinkedInstance;

  constructor(onRelay: LinkedInstanceOptions['onRelay'] = (stream) => stream.destroy()) {
    this.instance = new LinkedInstance({
      provider: 'test',
      request: { id: 'i-1', memoryMb: 512, cpus: 1, runtimes: [], spares: 1, slots: 1, maxSandboxes: 4 },
      token: 'secret',
      clock: this.clock,
      code: new MemoryCode(),
      makeVolumes: (slots) => this.volumes.push(slots),
      onRelay,
      onLog: () => undefined,
      remove: () => Promise.resolve(),
    });
  }

  async connect(...frames: Buffer[]): Promise<Socket> {
    if (!this.server.listening) await once(this.server.listen(join(this.directory, 's')), 'listening');
    const socket = createConnection(join(this.directory, 's'));
    socket.on('error', () => undefined);
    socket.resume();
    socket.write(Buffer.concat(frames));
    await once(socket, 'connect');
    return socket;
  }

  async agent(...messages: FromAgent[]): Promise<Socket> {
    const hello = encodeJson(Kind.hello, 0, { role: 'agent', token: 'secret', version: '1' });
    return this.connect(hello, ...messages.map((message) => encodeJson(Kind.control, 0, message)));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.instance[Symbol.asyncDispose]();
    this.server.close();
    rmSync(this.directory, { recursive: true });
  }
}

const hello = (role: string, token: string, more: object = {}): Buffer =>
  encodeJson(Kind.hello, 0, { role, token, ...more });
/** Resolves when the socket is closed, in order or by a reset. */
const closed = (socket: Socket): Promise<void> =>
  new Promise((resolve) => (socket.closed ? resolve() : void socket.once('close', () => resolve())));

test('what is no hello is closed', async () => {
  await using subject = new Subject();
  const wrong = [
    Buffer.from('GET / HTTP/1.1\r\nHost: x\r\n\r\n'),
    encodeFrame(Kind.init, 0, '{}'),
    encodeFrame(Kind.hello, 0, 'not json'),
    encodeFrame(Kind.hello, 0, 'null'),
    encodeFrame(Kind.hello, 0, '{"role":"agent"}'),
    encodeFrame(Kind.hello, 0, '{"role":"king","token":"secret"}'),
    encodeFrame(Kind.hello, 0, JSON.stringify({ role: 'sandbox', token: 'x'.repeat(2_000) })),
    hello('agent', 'wrong', { version: '1' }),
    hello('relay', 'secret', { sandbox: 's' }),
  ];
  for (const bytes of wrong) await closed(await subject.connect(bytes));
});

test('a connection that says nothing is closed after its time', async () => {
  await using subject = new Subject();
  const accepted = new Promise((resolve) => subject.server.once('connection', resolve));
  const socket = await subject.connect(Buffer.alloc(HEADER_BYTES - 1));
  await accepted;
  subject.clock.advance(5_000);
  await closed(socket);
});

test('a stream is matched with its token, whichever comes first, and only once', async () => {
  await using subject = new Subject();
  const early = await subject.connect(hello('sandbox', 'token-a'));
  const agent = await subject.agent(
    { type: 'ready' },
    { type: 'spare', sandbox: 'a', token: 'token-a', slot: 0 },
    { type: 'spare', sandbox: 'b', token: 'token-b', slot: 1 },
  );
  await subject.instance.ready;
  const first = await subject.instance.claim('a');
  const waiting = subject.instance.claim('b');
  await subject.connect(hello('sandbox', 'token-b'));
  const second = await waiting;
  assert.notEqual(first, second);
  await closed(await subject.connect(hello('sandbox', 'token-b')));
  assert.equal(early.closed, false);
  await closed(await subject.agent());
  assert.equal(agent.closed, false);
});

test('streams whose token nobody announced are held for a while, and not without number', async () => {
  await using subject = new Subject();
  const held: Socket[] = [];
  for (let index = 0; index < MAX_EARLY; index++) held.push(await subject.connect(hello('sandbox', `t${index}`)));
  await closed(await subject.connect(hello('sandbox', 'one too many')));
  subject.clock.advance(5_000);
  await Promise.all(held.map(closed));
});

test('what a sandbox writes to its descriptors is handed on, from the first byte', async () => {
  await using subject = new Subject();
  const heard = new Promise<string>((resolve) =>
    subject.instance.listen({
      onReport: () => undefined,
      onStdio: (connection, bytes) => resolve(`${connection}: ${bytes.toString()}`),
    }),
  );
  await subject.agent({ type: 'ready' }, { type: 'spare', sandbox: 'a', token: 'token-a', slot: 0 });
  await subject.connect(hello('stdio', 'token-a'), Buffer.from('native text\n'));
  assert.equal(await heard, 'a: native text\n');
});

test('what a sandbox said last is handed on before its loss is', async () => {
  await using subject = new Subject();
  const heard: string[] = [];
  const stdio = Promise.withResolvers<void>();
  const lost = Promise.withResolvers<void>();
  subject.instance.listen({
    onReport: ({ type }) => {
      heard.push(type);
      lost.resolve();
    },
    onStdio: (_, bytes) => {
      heard.push(bytes.toString());
      stdio.resolve();
    },
  });
  const agent = await subject.agent({ type: 'ready' }, { type: 'spare', sandbox: 'a', token: 'token-a', slot: 0 });
  const output = await subject.connect(hello('stdio', 'token-a'), Buffer.from('first'));
  await stdio.promise;
  // With nothing else to read, the agent's link is ready first now, and so it is read first.
  for (let turn = 0; turn < 2; turn++) await new Promise((resolve) => setImmediate(resolve));
  const control = (message: FromAgent): Buffer => encodeJson(Kind.control, 0, message);
  agent.write(control({ type: 'log', level: 'info', message: 'earlier' }));
  output.end('last');
  agent.write(control({ type: 'lost', sandbox: 'a', connection: 'a', reason: 'ended', exit: null, maxMemoryMb: 0 }));
  await lost.promise;
  assert.deepEqual(heard, ['first', 'last', 'lost']);
});

test('nor is it before the stream of what it said has come, where both come at once', async () => {
  await using subject = new Subject();
  const heard: string[] = [];
  const lost = Promise.withResolvers<void>();
  subject.instance.listen({
    onReport: ({ type }) => {
      heard.push(type);
      lost.resolve();
    },
    onStdio: (_, bytes) => heard.push(bytes.toString()),
  });
  const agent = await subject.agent({ type: 'ready' }, { type: 'spare', sandbox: 'a', token: 'token-a', slot: 0 });
  agent.write(
    encodeJson(Kind.control, 0, {
      type: 'lost',
      sandbox: 'a',
      connection: 'a',
      reason: 'ended',
      exit: null,
      maxMemoryMb: 0,
    } satisfies FromAgent),
  );
  const output = await subject.connect(hello('stdio', 'token-a'));
  output.end('last');
  await lost.promise;
  assert.deepEqual(heard, ['last', 'lost']);
});

test('a relayed connection speaks HTTP for the account of its instance', async () => {
  const http = createServer((request, response) => response.end(`${request.url} for ${seen}`));
  let seen = '';
  await using subject = new Subject((stream, account, sandbox) => {
    seen = `${sandbox} of ${account}`;
    http.emit('connection', stream);
  });
  subject.instance.assign('111111111111');
  const together = Buffer.from('GET /path HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n');
  const socket = await subject.connect(hello('relay', 'secret', { sandbox: 's-1' }), together);
  let answer = '';
  socket.on('data', (bytes) => (answer += bytes.toString()));
  await closed(socket);
  assert.match(answer, /\/path for s-1 of 111111111111/);
});

test('an agent that breaks the protocol, or asks for what no sandbox needs, loses its instance', async () => {
  const wrong: Buffer[] = [
    encodeFrame(Kind.control, 0, 'no json'),
    encodeFrame(Kind.control, 0, '{"type":"constructor"}'),
    encodeFrame(Kind.control, 0, '{"type":"placed","sandbox":"s"}'),
    encodeFrame(Kind.invoke, 0, ''),
    encodeJson(Kind.control, 0, { type: 'want-volumes', slots: [99], sizeMb: 512 }),
    encodeJson(Kind.control, 0, { type: 'want-volumes', slots: [0], sizeMb: 1e9 }),
    encodeJson(Kind.control, 0, { type: 'want-volumes', slots: { length: 1 }, sizeMb: 512 }),
  ];
  for (const bytes of wrong) {
    await using subject = new Subject();
    const gone = new Promise<string>((resolve) => subject.instance.onGone(resolve));
    const agent = await subject.agent();
    agent.write(bytes);
    assert.notEqual(await gone, '');
    await closed(agent);
    assert.deepEqual(subject.volumes, []);
    await assert.rejects(subject.instance.claim('a'), { name: 'ProviderError' });
  }
});
