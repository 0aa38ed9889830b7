import assert from 'node:assert/strict';
import { appendFile, mkdtemp, readdir, readFile, rm, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, test } from 'node:test';
import fc from 'fast-check';
import { LogGroups } from '../../logs/log-groups.ts';
import { LogStreams } from '../../logs/log-streams.ts';
import type { EventKey, EventQuery, StoredEvent } from '../../logs/ports.ts';
import { StoredLogs } from './archive.ts';
import { LogStore } from './store.ts';
import type { LogStoreOptions } from './store.ts';

const OWNER = { account: '000000000000', region: 'us-east-1' };
const GROUP = '/aws/lambda/hello';
const START = 1_700_000_000_000;
const DAY = 24 * 60 * 60 * 1000;

let dir = '';
let now = START;
const stores: LogStore[] = [];

beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'hearth-archive-'));
  now = START;
});
afterEach(async () => {
  for (const store of stores.splice(0)) await store[Symbol.asyncDispose]();
  await rm(dir, { recursive: true });
});

function open(options: LogStoreOptions = {}): { store: LogStore; archive: StoredLogs } {
  const store = new LogStore(dir, { now: () => now }, { flushMs: 3_600_000, ...options });
  stores.push(store);
  return { store, archive: new StoredLogs(store) };
}

const ALL: EventQuery = {
  from: 'head',
  start: 0,
  end: Number.MAX_SAFE_INTEGER,
  limit: 10_000,
  bytes: 1024 * 1024 * 1024,
};

/** All pages of a query, one after the other. */
async function readAll(archive: StoredLogs, query: EventQuery, group = GROUP): Promise<StoredEvent[]> {
  const events: StoredEvent[] = [];
  let place: { after?: EventKey; before?: EventKey } = {};
  for (;;) {
    const page = await archive.read(OWNER, group, { ...query, ...place });
    if (query.from === 'head') events.push(...page.events);
    else events.unshift(...page.events);
    if (!page.more) return events;
    place = query.from === 'head' ? { after: page.events.at(-1)! } : { before: page.events[0]! };
  }
}

const texts = (events: readonly StoredEvent[]): string[] => events.map(({ message }) => message);

test('groups, tags, streams, deletions and events outlive the server, and keys stay as they were', async () => {
  const first = open();
  await first.archive.putGroup(OWNER, { name: '/empty', created: 1, retentionDays: 7, tags: { a: 'b' } });
  await first.archive.putGroup(OWNER, { name: '/gone', created: 2, tags: {} });
  await first.archive.putGroup(OWNER, { name: '/long'.padEnd(500, 'x'), created: 3, tags: {} });
  await first.archive.deleteGroup(OWNER, '/gone');
  const writer = first.store.open(OWNER, GROUP, 'stream');
  writer.write('one\ntwo\n');
  await first.archive.append(OWNER, GROUP, 'put', [{ timestamp: START - 5, message: 'earlier' }]);
  await first.archive.append(OWNER, GROUP, 'deleted', [{ timestamp: START, message: 'unseen' }]);
  await first.archive.deleteStream(OWNER, GROUP, 'deleted');
  await first.archive.createStream(OWNER, GROUP, 'empty');
  const before = await readAll(first.archive, ALL);
  assert.deepEqual(texts(before), ['earlier', 'one', 'two']);
  await first.store[Symbol.asyncDispose]();

  now += 1000;
  const { archive, store } = open();
  const groups = [...(await archive.groups(OWNER))].sort((a, b) => a.created - b.created);
  assert.deepEqual(groups[0], { name: '/empty', created: 1, retentionDays: 7, tags: { a: 'b' } });
  assert.deepEqual(
    groups.map(({ name }) => name.slice(0, 20)),
    ['/empty', '/longxxxxxxxxxxxxxxx', GROUP],
  );
  assert.deepEqual(await readAll(archive, ALL), before);
  assert.deepEqual([...(await archive.streams(OWNER, GROUP)).keys()].sort(), ['empty', 'put', 'stream']);
  assert.deepEqual(await archive.stream(OWNER, GROUP, 'put'), {
    name: 'put',
    created: START,
    firstEvent: START - 5,
    lastEvent: START - 5,
    lastIngestion: START,
  });
  assert.equal(await archive.stream(OWNER, GROUP, 'deleted'), undefined);
  store.open(OWNER, GROUP, 'later').write('three');
  assert.deepEqual(texts(await readAll(archive, ALL)), ['earlier', 'one', 'two', 'three']);
});

test('a group whose line in the journal is lost is found by its files, and a torn line costs only itself', async () => {
  const first = open();
  const long = `/${'long'.repeat(100)}`;
  for (const name of [GROUP, long]) {
    first.store.open(OWNER, name, 's').write('here');
    await first.store.flush();
  }
  await first.archive.putGroup(OWNER, { name: '/kept', created: 5, tags: {} });
  await first.archive.putGroup(OWNER, { name: '/torn', created: 6, tags: {} });
  await first.store[Symbol.asyncDispose]();
  const path = join(dir, 'groups.jsonl');
  const lines = (await readFile(path, 'utf8')).split('\n').filter((line) => line.includes('/kept'));
  await writeFile(path, `${lines.join('\n')}\n{"account":"000000000000","region`);
  const second = open();
  const names = (await second.archive.groups(OWNER)).map(({ name }) => name).sort();
  assert.deepEqual(names, [GROUP, long, '/kept'].sort());
  await second.archive.putGroup(OWNER, { name: '/next', created: 7, tags: {} });
  await second.store[Symbol.asyncDispose]();
  assert.ok(await open().archive.group(OWNER, '/next'));
});

test('the journal does not grow with changes', async () => {
  const { archive } = open();
  const put = (created: number) => archive.putGroup(OWNER, { name: '/same', created, tags: {} });
  await Promise.all(Array.from({ length: 2999 }, (_, i) => put(i)));
  await put(2999);
  const lines = (await readFile(join(dir, 'groups.jsonl'), 'utf8')).split('\n').length;
  assert.ok(lines < 1100, `${lines} lines`);
  assert.equal((await archive.group(OWNER, '/same'))?.created, 2999);
});

test('any events come in the order of their times, whatever the pages, the streams and the way to the disk', async () => {
  const event = fc.record({
    stream: fc.constantFrom('a', 'b', 'c'),
    ago: fc.nat(50),
    text: fc.string({ minLength: 1 }),
  });
  const step = fc.oneof(
    { weight: 5, arbitrary: fc.array(event, { minLength: 1, maxLength: 8 }) },
    { weight: 1, arbitrary: fc.constant('flush' as const) },
  );
  let run = 0;
  await fc.assert(
    fc.asyncProperty(
      fc.array(step, { maxLength: 12 }),
      fc.record({
        limit: fc.integer({ min: 1, max: 7 }),
        from: fc.constantFrom('head', 'tail'),
        only: fc.constantFrom('', 'b'),
      }),
      async (steps, { limit, from, only }) => {
        const group = `/any/${run++}`;
        const { store, archive } = open();
        const written: { timestamp: number; message: string; number: number; stream: string }[] = [];
        for (const batch of steps) {
          now += 10;
          if (batch === 'flush') await store.flush();
          else {
            for (const { stream, ago, text } of batch) {
              const item = { timestamp: now - ago, message: text.toWellFormed() };
              written.push({ ...item, number: written.length, stream });
              await archive.append(OWNER, group, stream, [item]);
            }
          }
        }
        const expected = written
          .filter(({ stream }) => only === '' || stream === only)
          .sort((a, b) => a.timestamp - b.timestamp || a.number - b.number)
          .map(({ message }) => message);
        const query = { ...ALL, limit, from, stream: (name: string) => only === '' || name === only };
        assert.deepEqual(texts(await readAll(archive, query, group)), expected);
        await store[Symbol.asyncDispose]();
        stores.pop();
      },
    ),
    { numRuns: 60 },
  );
});

test('what is found grows with the log: a segment that is being written is looked at again', async () => {
  const { store, archive } = open({ groupBytes: 200_000 });
  const writer = store.open(OWNER, GROUP, 's');
  const seen: string[] = [];
  let after: EventKey | undefined;
  for (let i = 0; i < 200; i++) {
    writer.write(`${i} ${'x'.repeat(2000)}`);
    now += 1;
    await store.flush();
    const page = await archive.read(OWNER, GROUP, { ...ALL, ...(after === undefined ? {} : { after }) });
    seen.push(...texts(page.events).map((text) => text.split(' ')[0]!));
    after = page.events.at(-1) ?? after;
  }
  assert.deepEqual(
    seen,
    Array.from({ length: 200 }, (_, i) => String(i)),
    'also though the oldest files have gone',
  );
  assert.ok((await readAll(archive, ALL)).length < 150);
});

test('a torn block and foreign bytes cost only themselves, and do not break what reads them', async () => {
  const { store, archive } = open();
  const writer = store.open(OWNER, GROUP, 's');
  for (const line of ['one', 'two']) {
    writer.write(line);
    await store.flush();
  }
  await store[Symbol.asyncDispose]();
  const path = (await readdir(dir, { recursive: true })).find((name) => name.endsWith('.log'));
  const file = join(dir, path!);
  await truncate(file, (await readFile(file)).length - 2);
  await appendFile(file, Buffer.from(`HBLK${'\u0005\u0000\u0000\u0000'.repeat(20)}`));
  const second = open();
  assert.deepEqual(texts(await readAll(second.archive, ALL)), ['one']);
  assert.equal(archive.storedBytes(OWNER, '/nothing'), 0);
  second.store.open(OWNER, GROUP, 's').write('three');
  await second.store.flush();
  assert.deepEqual(texts(await readAll(open().archive, ALL)), ['one', 'three']);
});

test('files of what is no longer retained go', async () => {
  const { store, archive } = open();
  await archive.putGroup(OWNER, { name: GROUP, created: now, retentionDays: 3, tags: {} });
  await archive.append(OWNER, GROUP, 's', [{ timestamp: now, message: 'old' }]);
  await archive.append(OWNER, '/other', 's', [{ timestamp: now, message: 'old' }]);
  await archive.expire(now + 2 * DAY);
  assert.equal((await readAll(archive, ALL)).length, 1);
  await archive.expire(now + 4 * DAY);
  assert.equal((await readAll(archive, ALL)).length, 0);
  assert.equal(archive.storedBytes(OWNER, GROUP), 0);
  assert.equal((await readAll(archive, ALL, '/other')).length, 1);
  assert.ok(await archive.group(OWNER, GROUP), 'the group stays');
  store.open(OWNER, GROUP, 't').write('new');
  assert.deepEqual(texts(await readAll(archive, ALL)), ['new']);
});

test('a long log is searched in slices, with little memory, by two at a time, and no longer than it is wanted', async () => {
  const { store, archive } = open();
  const writer = store.open(OWNER, GROUP, 's');
  const line = 'x'.repeat(100);
  for (let i = 0; i < 400; i++) {
    writer.write(Array.from({ length: 1000 }, (_, j) => `${i * 1000 + j} ${line}\n`).join(''));
    now += 1;
    if (i % 10 === 9) await store.flush();
  }
  assert.ok(archive.storedBytes(OWNER, GROUP) > 40_000_000);
  const search = (needle: string, signal?: AbortSignal) =>
    archive.read(OWNER, GROUP, {
      ...ALL,
      bytes: 1024 * 1024,
      matches: (message) => message.startsWith(needle),
      ...(signal === undefined ? {} : { signal }),
    });
  globalThis.gc?.();
  const before = process.memoryUsage().rss;
  let turns = 0;
  let searching = true;
  const turn = () => {
    turns++;
    if (searching) setImmediate(turn);
  };
  turn();
  const stop = new AbortController();
  const late = search('5 ', stop.signal);
  late.catch(() => {});
  const found = Promise.all(['399999 ', '7 ', '200000 '].map((needle) => search(needle)));
  stop.abort();
  await assert.rejects(late, { name: 'AbortError' });
  const pages = await found;
  searching = false;
  for (const page of pages) assert.equal(page.events.length, 1);
  assert.ok(turns > 50, `others had their turn ${turns} times`);
  const grown = process.memoryUsage().rss - before;
  assert.ok(grown < 150_000_000, `${grown} bytes more`);
  const first = await archive.read(OWNER, GROUP, { ...ALL, limit: 1, bytes: 1024 * 1024 });
  assert.match(first.events[0]!.message, /^0 /);
  assert.equal(first.more, true);
});

test('so many streams as a group may have are made, and no more', async () => {
  const { archive } = open();
  const groups = new LogGroups(archive, () => now);
  await groups.create(OWNER, '/streams');
  const streams = new LogStreams(archive, groups, 3);
  for (const name of ['a', 'b', 'c']) await streams.create(OWNER, '/streams', name);
  await assert.rejects(streams.create(OWNER, '/streams', 'd'), { code: 'LimitExceededException' });
  await groups.create(OWNER, '/other');
  await streams.create(OWNER, '/other', 'd');
});

test('what is still in memory is searched in slices too', async (t) => {
  const { store, archive } = open({ memoryBytes: 64 * 1024 * 1024 });
  const writer = store.open(OWNER, GROUP, 's');
  const lines = Array.from({ length: 1000 }, (_, i) => `${i} ${'x'.repeat(100)}\n`).join('');
  // A disk that takes nothing for now: all of it stays where it is.
  t.mock.method(store, 'onSealed', () => {});
  for (let i = 0; i < 120; i++) writer.write(lines);
  let turns = 0;
  let searching = true;
  const turn = () => {
    turns++;
    if (searching) setImmediate(turn);
  };
  turn();
  const page = await archive.read(OWNER, GROUP, { ...ALL, matches: (message) => message.startsWith('999 ') });
  searching = false;
  assert.equal(page.events.length, 120);
  assert.ok(turns > 5, `others had their turn ${turns} times`);
});
