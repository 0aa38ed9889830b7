import assert from 'node:assert/strict';
import { appendFile, mkdtemp, readdir, readFile, rm, stat, truncate, writeFile } from 'node:fs/promises';
import { readdirSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, test } from 'node:test';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { MAX_EVENT_BYTES } from './event.ts';
import type { LogEvent } from './event.ts';
import { LogStore } from './store.ts';
import type { LogStoreOptions } from './store.ts';

const OWNER = { account: '000000000000', region: 'us-east-1' };
const GROUP = '/aws/lambda/hello';
const STREAM = `2026/11/21/[$LATEST]${'0'.repeat(32)}`;

let dir = '';
let now = 0;
const stores: LogStore[] = [];

function openStore(options: LogStoreOptions = {}): LogStore {
  // An hour: nothing is flushed in a test unless it asks.
  const store = new LogStore(dir, { now: () => now }, { flushMs: 3_600_000, ...options });
  stores.push(store);
  return store;
}

async function files(): Promise<string[]> {
  const names = await readdir(dir, { recursive: true });
  return names.filter((name) => name.endsWith('.log')).map((name) => join(dir, name));
}

async function fileBytes(): Promise<number> {
  const sizes = await Promise.all((await files()).map(async (path) => (await stat(path)).size));
  return sizes.reduce((sum, bytes) => sum + bytes, 0);
}

function collectGarbage(): void {
  setFlagsFromString('--expose-gc');
  (runInNewContext('gc') as () => void)();
}

const messages = (events: LogEvent[]): string[] => events.map((event) => event.message);

describe('the log store', () => {
  beforeEach(async () => {
    dir = await mkdtemp(join(tmpdir(), 'hearth-logs-'));
    now = 1_700_000_000_000;
  });
  afterEach(async () => {
    for (const store of stores.splice(0)) await store[Symbol.asyncDispose]();
    await rm(dir, { recursive: true, force: true });
  });

  test('each line is an event with time, stream and request id, from memory and from files alike', async () => {
    const store = openStore();
    const writer = store.open(OWNER, GROUP, STREAM);
    writer.write('START\nEND\nREPORT\n', 'id-1');
    now += 5;
    writer.write(Buffer.from('a line\n'));
    const expected = [
      { timestamp: 1_700_000_000_000, stream: STREAM, message: 'START', requestId: 'id-1' },
      { timestamp: 1_700_000_000_000, stream: STREAM, message: 'END', requestId: 'id-1' },
      { timestamp: 1_700_000_000_000, stream: STREAM, message: 'REPORT', requestId: 'id-1' },
      { timestamp: 1_700_000_000_005, stream: STREAM, message: 'a line' },
    ];
    assert.deepEqual(await store.tail(OWNER, GROUP), expected);
    await store.flush();
    assert.deepEqual(await store.tail(OWNER, GROUP), expected);
    assert.deepEqual(await openStore().tail(OWNER, GROUP), expected, 'another life of the server reads the same');
  });

  test('since and limit cut the answer, and the last events win', async () => {
    const store = openStore();
    const writer = store.open(OWNER, GROUP, STREAM);
    for (let i = 0; i < 100; i++) {
      writer.write(`line ${i}`);
      now += 10;
      if (i % 10 === 9) await store.flush();
    }
    assert.deepEqual(messages(await store.tail(OWNER, GROUP, { limit: 2 })), ['line 98', 'line 99']);
    const since = 1_700_000_000_000 + 970;
    assert.deepEqual(messages(await store.tail(OWNER, GROUP, { since })), ['line 97', 'line 98', 'line 99']);
  });

  test('accounts and groups never see each other', async () => {
    const store = openStore();
    store.open(OWNER, GROUP, STREAM).write('mine');
    store.open({ ...OWNER, account: '111111111111' }, GROUP, STREAM).write('theirs');
    store.open(OWNER, `${GROUP}/../other`, STREAM).write('other');
    await store.flush();
    assert.deepEqual(messages(await store.tail(OWNER, GROUP)), ['mine']);
    assert.deepEqual(messages(await store.tail({ ...OWNER, account: '111111111111' }, GROUP)), ['theirs']);
    assert.deepEqual(await store.tail({ ...OWNER, region: 'eu-west-1' }, GROUP), []);
    assert.throws(() => store.open({ ...OWNER, account: '../../etc/pw' }, GROUP, STREAM), TypeError);
    assert.throws(() => store.open(OWNER, GROUP, 'a\nb'), TypeError);
  });

  test('what was flushed outlives a crash, also behind a torn write', async () => {
    const first = openStore();
    first.open(OWNER, GROUP, STREAM).write('kept');
    await first.flush();
    first.open(OWNER, GROUP, STREAM).write('torn off');
    await first.flush();
    const [path = ''] = await files();
    await truncate(path, (await stat(path)).size - 3);
    const second = openStore();
    second.open(OWNER, GROUP, STREAM).write('after the crash');
    await second.flush();
    assert.deepEqual(messages(await openStore().tail(OWNER, GROUP)), ['kept', 'after the crash']);
  });

  test('a damaged block and foreign bytes cost only themselves', async () => {
    const store = openStore();
    const writer = store.open(OWNER, GROUP, STREAM);
    for (const line of ['one', 'two', 'three']) {
      writer.write(line);
      await store.flush();
    }
    const [path = ''] = await files();
    const bytes = await readFile(path);
    bytes[bytes.indexOf('two')] = 0;
    await writeFile(path, bytes);
    await appendFile(path, Buffer.from('HBLK and then garbage'));
    assert.deepEqual(messages(await openStore().tail(OWNER, GROUP)), ['one', 'three']);
  });

  test('bytes are joined to lines across writes, and a character is never cut in two', async () => {
    const store = openStore();
    const writer = store.open(OWNER, GROUP, STREAM);
    const bytes = Buffer.from('héllo wörld\nnext');
    for (const byte of bytes) writer.write(Buffer.from([byte]), 'id');
    writer.write('END\n', 'id');
    assert.deepEqual(messages(await store.tail(OWNER, GROUP)), ['héllo wörld', 'next', 'END']);
    writer.write(Buffer.from('no end'));
    writer.close();
    assert.deepEqual(messages(await store.tail(OWNER, GROUP, { limit: 1 })), ['no end']);
  });

  test('a long line becomes events of at most 256 KB and loses nothing', async () => {
    const store = openStore();
    const line = '€'.repeat(300_000);
    store.open(OWNER, GROUP, STREAM).write(line);
    const events = await store.tail(OWNER, GROUP);
    assert.equal(messages(events).join(''), line);
    assert.ok(events.every((event) => Buffer.byteLength(event.message) <= MAX_EVENT_BYTES));
    assert.equal(events.length, Math.ceil(Buffer.byteLength(line) / (MAX_EVENT_BYTES - 1)));
  });

  test('binary bytes are replaced, not trusted', async () => {
    const store = openStore();
    store.open(OWNER, GROUP, STREAM).write(Buffer.from([0xff, 0x00, 0x41, 0x0a, 0x48, 0x42, 0x4c, 0x4b, 0x0a]));
    assert.deepEqual(messages(await store.tail(OWNER, GROUP)), ['\uFFFD\u0000A', 'HBLK']);
  });

  test('a flood is dropped within its own bound, counted, warned of once and marked in the log', async () => {
    const warnings: string[] = [];
    const store = openStore({ memoryBytes: 4 * 1024 * 1024, warn: (message) => warnings.push(message) });
    const flood = store.open(OWNER, GROUP, STREAM);
    const text = 'x'.repeat(10_000);
    for (let i = 0; i < 10_000; i++) flood.write(text);
    assert.ok(store.memory.held <= 4 * 1024 * 1024);
    assert.ok(store.droppedBytes > 90_000_000);
    assert.equal(warnings.length, 1);
    assert.match(warnings[0] ?? '', /Hint:/);
    store.open(OWNER, '/aws/lambda/quiet', STREAM).write('still heard');
    assert.deepEqual(messages(await store.tail(OWNER, '/aws/lambda/quiet')), ['still heard']);
    await store.flush();
    flood.write('after');
    const [marker, after] = await store.tail(OWNER, GROUP, { limit: 2 });
    assert.match(marker?.message ?? '', /bytes of log were dropped/);
    assert.equal(after?.message, 'after');
  });

  test('files stay within the limits of the group and of all, the oldest going first', async () => {
    const store = openStore({ groupBytes: 400_000, totalBytes: 1_000_000 });
    const text = 'y'.repeat(10_000);
    const loud = store.open(OWNER, GROUP, STREAM);
    for (let i = 0; i < 200; i++) {
      loud.write(`${i} ${text}`);
      now += 1;
      if (i % 4 === 3) await store.flush();
    }
    assert.ok((await fileBytes()) <= 500_000, `${await fileBytes()} bytes for one group`);
    const events = await store.tail(OWNER, GROUP);
    assert.match(events.at(-1)?.message ?? '', /^199 /);
    for (let group = 0; group < 10; group++) {
      const writer = store.open(OWNER, `/aws/lambda/g${group}`, STREAM);
      for (let i = 0; i < 30; i++) writer.write(text);
      now += 1;
      await store.flush();
    }
    assert.ok((await fileBytes()) <= 1_000_000, `${await fileBytes()} bytes in all`);
    assert.deepEqual(await store.tail(OWNER, GROUP), [], 'the oldest group made room');
  });

  test('a disk that takes nothing costs logs, not the server', async () => {
    const warnings: unknown[] = [];
    await writeFile(join(dir, OWNER.account), 'a file where a directory is needed');
    const store = openStore({ warn: (_message, error) => warnings.push(error) });
    store.open(OWNER, GROUP, STREAM).write('lost');
    await store.flush();
    store.open(OWNER, GROUP, STREAM).write('lost too');
    await store.flush();
    assert.equal(warnings.length, 1);
    assert.ok(store.droppedBytes > 0);
    assert.equal(store.memory.held, 0);
  });

  test('thousands of groups leave few descriptors open', async () => {
    const store = openStore();
    for (let group = 0; group < 500; group++) store.open(OWNER, `/aws/lambda/g${group}`, STREAM).write('hello');
    await store.flush();
    assert.equal((await files()).length, 500);
    const ours = readdirSync('/proc/self/fd').length;
    assert.ok(ours < 150, `${ours} descriptors are open`);
  });

  test('the timer flushes by itself, within 200 ms', async (t) => {
    t.mock.timers.enable({ apis: ['setTimeout'] });
    const store = new LogStore(dir, { now: () => now });
    stores.push(store);
    store.open(OWNER, GROUP, STREAM).write('soon on disk');
    t.mock.timers.tick(200);
    const held = store.memory.held;
    t.mock.timers.reset();
    assert.ok(held > 0, 'it is on its way');
    await store.flush();
    assert.equal(store.memory.held, 0);
  });
});

describe('following a log', () => {
  beforeEach(async () => {
    dir = await mkdtemp(join(tmpdir(), 'hearth-logs-'));
    now = 1_700_000_000_000;
  });
  afterEach(async () => {
    for (const store of stores.splice(0)) await store[Symbol.asyncDispose]();
    await rm(dir, { recursive: true, force: true });
  });

  test('the past comes once, then each new event, in order', async () => {
    const store = openStore();
    const writer = store.open(OWNER, GROUP, STREAM);
    writer.write('on disk');
    await store.flush();
    writer.write('in memory');
    const stop = new AbortController();
    const seen: string[] = [];
    for await (const event of store.follow(OWNER, GROUP, { signal: stop.signal })) {
      seen.push(event.message);
      if (seen.length < 6) {
        writer.write(`new ${seen.length}`);
        await store.flush();
      }
      if (event.message === 'new 5') stop.abort();
    }
    assert.deepEqual(seen, ['on disk', 'in memory', 'new 1', 'new 2', 'new 3', 'new 4', 'new 5']);
  });

  test('it waits for a group that does not exist yet, and leaves nothing when it ends', async () => {
    const store = openStore();
    const stop = new AbortController();
    const events = store.follow(OWNER, GROUP, { signal: stop.signal });
    const first = events.next();
    await store.tail(OWNER, GROUP);
    store.open(OWNER, GROUP, STREAM).write('born');
    await store.flush();
    assert.equal((await first).value?.message, 'born');
    stop.abort();
    assert.equal((await events.next()).done, true);
  });

  test('a flood that turns files over all the time has each of them open once, and closes it', async () => {
    const store = openStore({ groupBytes: 64 * 1024, totalBytes: 1024 * 1024, flushMs: 1 });
    const writer = store.open(OWNER, GROUP, STREAM);
    const line = `${'x'.repeat(3000)}\n`;
    for (let i = 0; i < 10_000; i++) {
      writer.write(line);
      // Sometimes a turn, sometimes several, so that blocks are sealed at every point of another's way to the disk.
      for (let turn = 0; turn < i % 4; turn++) await new Promise((resolve) => setImmediate(resolve));
    }
    writer.close();
    await store[Symbol.asyncDispose]();
    // What is open and forgotten the collector finds, which ends the process.
    const late: unknown[] = [];
    const hear = (error: unknown): unknown => late.push(error);
    process.on('uncaughtException', hear);
    collectGarbage();
    for (let turn = 0; turn < 5; turn++) await new Promise((resolve) => setImmediate(resolve));
    process.off('uncaughtException', hear);
    assert.deepEqual(late, []);
  });

  test('a reader that is too slow is told so and costs a bounded amount', async () => {
    const store = openStore();
    const writer = store.open(OWNER, GROUP, STREAM);
    writer.write('first');
    const events = store.follow(OWNER, GROUP);
    assert.equal((await events.next()).value?.message, 'first');
    for (let i = 0; i < 100; i++) {
      writer.write('z'.repeat(100_000));
      await store.flush();
    }
    const next = await events.next();
    assert.match(next.value?.message ?? '', /left out: this reader was too slow/);
    await events.return(undefined);
  });
});
