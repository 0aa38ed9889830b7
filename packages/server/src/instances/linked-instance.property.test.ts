import assert from 'node:assert/strict';
import { duplexPair } from 'node:stream';
import type { Duplex } from 'node:stream';
import { test } from 'node:test';
import fc from 'fast-check';
import { encodeFrame, encodeJson, Kind } from '@hearth/protocol';
import type { FromAgent } from '@hearth/protocol';
import { LinkedInstance } from './linked-instance.ts';
import { hostileBytes, rawFrame } from './testing/hostile-frames.ts';
import { ManualClock } from './testing/manual-clock.ts';
import { MemoryCode } from './testing/spec.ts';

const ACCOUNT = '111111111111';
const EXIT = { code: null, signal: 'SIGKILL', outOfMemory: false };
const HONEST: FromAgent[] = [
  { type: 'ready' },
  { type: 'spare', sandbox: 'a', token: 'token-a', slot: 0 },
  {
    type: 'placed',
    sandbox: 's-1',
    connection: 'a',
    slot: 0,
    path: 'spare',
    reason: 'a spare was ready',
    times: { code: 1, sandbox: 2 },
  },
  { type: 'lost', sandbox: 's-1', reason: 'ended', exit: EXIT, maxMemoryMb: 20 },
  { type: 'usage', sandboxes: [{ sandbox: 's-1', usedBytes: 1, maxBytes: 2 }] },
  { type: 'fetch-code', stream: 1, sha256: 'a'.repeat(64), account: ACCOUNT },
  { type: 'want-volumes', slots: [0, 1], sizeMb: 512 },
  { type: 'log', level: 'warn', message: 'something' },
];

/** JSON text, since `__proto__` and 1e999 can't be written as values. */
const strange = fc.constantFrom(
  'null',
  'true',
  '[]',
  '{}',
  '""',
  '-1',
  '0.5',
  '1e999',
  '1e300',
  '4294967296',
  '"__proto__"',
  '"constructor"',
  '"SIGKILL"',
  '"warm\\r\\nx-injected: 1"',
  '[null]',
  '[[]]',
  '[{"sandbox":"s-1"}]',
  '{"__proto__":{"code":1}}',
  '{"code":null,"signal":"__proto__","outOfMemory":true}',
  '{"code":null,"signal":{},"outOfMemory":true}',
  `"${'x'.repeat(70_000)}"`,
  `${'['.repeat(10_000)}${']'.repeat(10_000)}`,
);

/** A message of which some fields say something else, or are gone. */
const lie = fc
  .tuple(fc.constantFrom(...HONEST), fc.array(fc.tuple(fc.nat(9), fc.option(strange)), { maxLength: 2 }))
  .map(([message, changes]) => {
    const fields = Object.entries(message).map(([name, value]): [string, string] => [name, JSON.stringify(value)]);
    for (const [at, text] of changes) {
      const field = fields[at % fields.length];
      if (field === undefined) continue;
      if (text === null) fields.splice(at % (fields.length + 1), 1);
      else field[1] = text;
    }
    return encodeFrame(Kind.control, 0, `{${fields.map(([name, text]) => `"${name}":${text}`).join()}}`);
  });

const piece = fc.oneof(
  { weight: 6, arbitrary: lie },
  { weight: 1, arbitrary: hostileBytes },
  { weight: 1, arbitrary: fc.nat(0xffff_ffff).map((bytes) => rawFrame(Kind.credit, 1, u32(bytes))) },
);

function u32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32LE(value);
  return bytes;
}

interface Subject {
  clock: ManualClock;
  instance: LinkedInstance;
  reports: { type: string; text: string }[];
  volumes: { slots: number[]; sizeMb: number }[];
  logged: string[];
  connect: () => Duplex;
}

function makeSubject(): Subject {
  const clock = new ManualClock();
  const code = new MemoryCode();
  code.put(ACCOUNT, Buffer.alloc(300_000));
  const volumes: Subject['volumes'] = [];
  const logged: string[] = [];
  const reports: Subject['reports'] = [];
  const instance = new LinkedInstance({
    provider: 'test',
    request: { id: 'i-1', memoryMb: 512, cpus: 1, runtimes: [], spares: 1, slots: 1, maxSandboxes: 4 },
    token: 'secret',
    clock,
    code,
    makeVolumes: (slots, sizeMb) => volumes.push({ slots, sizeMb }),
    onRelay: (stream) => stream.destroy(),
    onLog: (_, message) => logged.push(message),
    remove: () => Promise.resolve(),
  });
  instance.assign(ACCOUNT);
  instance.listen({
    onReport: (report) => {
      reports.push({ type: report.type, text: JSON.stringify(report) });
      judge(report);
    },
    onStdio: () => undefined,
  });
  const connect = (): Duplex => {
    const [ours, theirs] = duplexPair();
    theirs.on('error', () => undefined);
    theirs.resume();
    instance.accept(ours);
    return theirs;
  };
  return { clock, instance, reports, volumes, logged, connect };
}

/** What placement relies on when it acts on a report. */
function judge(report: Parameters<Parameters<LinkedInstance['listen']>[0]['onReport']>[0]): void {
  if (report.type === 'usage') {
    for (const { usedBytes, maxBytes } of report.sandboxes) assert.ok(usedBytes >= 0 && maxBytes >= 0);
    assert.ok(JSON.stringify(report.sandboxes).length > 0);
    return;
  }
  assert.equal(typeof report.sandbox, 'string');
  if (report.type === 'placed') {
    assert.match(report.path, /^(warm|spare|fork|exec)$/);
    assert.ok(Number.isSafeInteger(report.slot) && Number.isFinite(report.times.code + report.times.sandbox));
    return;
  }
  assert.ok(Number.isSafeInteger(report.maxMemoryMb) && report.maxMemoryMb >= 0);
  if (report.exit === null) return;
  assert.match(report.exit.signal ?? 'SIGKILL', /^SIG[A-Z0-9]+$/);
  assert.equal(typeof report.exit.outOfMemory, 'boolean');
}

async function turn(): Promise<void> {
  for (let i = 0; i < 6; i++) await new Promise((resolve) => setImmediate(resolve));
}

test('whatever an agent says: nothing is thrown, and what is handed on is what placement and the spawner can act on', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(piece, { maxLength: 10 }), async (pieces) => {
      const subject = makeSubject();
      const agent = subject.connect();
      agent.write(encodeJson(Kind.hello, 0, { role: 'agent', token: 'secret', version: '1' }));
      for (const bytes of pieces) agent.write(bytes);
      await turn();
      for (const { slots, sizeMb } of subject.volumes) {
        assert.ok(slots.every((slot) => Number.isInteger(slot) && slot >= 0 && slot < 5));
        assert.ok(sizeMb >= 1 && sizeMb <= 10_240);
      }
      await subject.instance[Symbol.asyncDispose]();
      assert.equal(agent.destroyed || subject.instance.account === ACCOUNT, true);
    }),
    { numRuns: 3000 },
  );
});

test('whatever comes in the place of a hello: the connection is closed or waits, and nothing is kept of it', async () => {
  const opening = fc.oneof(
    hostileBytes,
    fc
      .record({ role: fc.constantFrom('sandbox', 'stdio', 'relay', 'agent', '__proto__', ''), token: strange })
      .map(({ role, token }) => encodeFrame(Kind.hello, 0, `{"role":${JSON.stringify(role)},"token":${token}}`)),
  );
  await fc.assert(
    fc.asyncProperty(opening, async (bytes) => {
      const subject = makeSubject();
      const stream = subject.connect();
      stream.write(bytes);
      await turn();
      subject.clock.advance(60_000);
      await turn();
      assert.equal(subject.clock.pendingTimers, 0);
      await subject.instance[Symbol.asyncDispose]();
    }),
    { numRuns: 1000 },
  );
});

test('an agent that announces sandboxes without end loses its instance', async () => {
  const subject = makeSubject();
  const gone = new Promise<string>((resolve) => subject.instance.onGone(resolve));
  const agent = subject.connect();
  agent.write(encodeJson(Kind.hello, 0, { role: 'agent', token: 'secret', version: '1' }));
  for (let i = 0; i < 100; i++) {
    agent.write(encodeJson(Kind.control, 0, { type: 'spare', sandbox: `s${i}`, token: `t${i}`, slot: 0 }));
  }
  assert.match(await gone, /more sandboxes than it has slots/);
});

test('an instance lives on, however many sandboxes come and go in it', async () => {
  const subject = makeSubject();
  let gone: string | undefined;
  subject.instance.onGone((reason) => (gone = reason));
  const lost = Promise.withResolvers<void>();
  let count = 0;
  subject.instance.listen({
    onReport: ({ type }) => type === 'lost' && ++count === 1000 && lost.resolve(),
    onStdio: () => {},
  });
  const agent = subject.connect();
  agent.write(encodeJson(Kind.hello, 0, { role: 'agent', token: 'secret', version: '1' }));
  for (let i = 0; i < 1000; i++) {
    const [sandbox, connection] = [`s-${i}`, `c-${i}`];
    const times = { code: 0, sandbox: 0 };
    for (const message of [
      { type: 'spare', sandbox: connection, token: `t${i}`, slot: 0 },
      { type: 'placed', sandbox, connection, slot: 0, path: 'spare', reason: '', times },
      { type: 'lost', sandbox, connection, reason: 'ended', exit: null, maxMemoryMb: 0 },
    ]) {
      agent.write(encodeJson(Kind.control, 0, message));
    }
  }
  await lost.promise;
  assert.equal(gone, undefined);
  await subject.instance[Symbol.asyncDispose]();
});

test('an agent that writes to the log without end is cut short', async () => {
  const subject = makeSubject();
  const agent = subject.connect();
  agent.write(encodeJson(Kind.hello, 0, { role: 'agent', token: 'secret', version: '1' }));
  for (let i = 0; i < 5_000; i++) {
    agent.write(encodeJson(Kind.control, 0, { type: 'log', level: 'error', message: 'x'.repeat(10_000) }));
  }
  await turn();
  assert.ok(subject.logged.length <= 50 && subject.logged.every((line) => line.length < 2_100));
});
