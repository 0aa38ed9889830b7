import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, beforeEach, test } from 'node:test';
import { FilesystemBlobStore } from '../storage/filesystem/blob-store.ts';
import { CodeCollector } from './code-collector.ts';
import type { BlobStore } from './ports.ts';

let root: string;
let places = 0;
before(async () => {
  root = await mkdtemp(join(tmpdir(), 'hearth-collector-'));
});
after(() => rm(root, { recursive: true }));

/** A clock that tests move. */
class Clock {
  time = 0;
  readonly #timers = new Set<{ at: number; callback: () => void }>();

  readonly now = () => this.time;

  readonly schedule = (milliseconds: number, callback: () => void): Disposable => {
    const timer = { at: this.time + milliseconds, callback };
    this.#timers.add(timer);
    return { [Symbol.dispose]: () => this.#timers.delete(timer) };
  };

  get waiting(): number {
    return this.#timers.size;
  }

  advance(milliseconds: number): void {
    this.time += milliseconds;
    for (const timer of [...this.#timers].filter(({ at }) => at <= this.time)) {
      this.#timers.delete(timer);
      timer.callback();
    }
  }
}

let clock: Clock;
let blobs: BlobStore;
let collector: CodeCollector;
const errors: unknown[] = [];
beforeEach(async () => {
  clock = new Clock();
  blobs = await FilesystemBlobStore.open(join(root, String(places++)));
  collector = open(blobs);
});

function open(store: BlobStore): CodeCollector {
  const { now, schedule } = clock;
  return new CodeCollector(store, { now, schedule, onError: (error) => errors.push(error) });
}

test('code is kept while a function uses it, and for a minute after', async () => {
  const { sha256 } = await collector.store(Buffer.from('one'));
  collector.retain(sha256);
  collector.release(sha256);
  assert.equal(clock.waiting, 0, 'one use is left');
  collector.release(sha256);
  clock.advance(59_999);
  assert.deepEqual(await blobs.list(), [sha256]);
  clock.advance(1);
  await collector[Symbol.asyncDispose]();
  assert.deepEqual(await blobs.list(), []);
});

test('code that is used again within the minute stays', async () => {
  const { sha256 } = await collector.store(Buffer.from('one'));
  collector.release(sha256);
  clock.advance(30_000);
  await collector.store(Buffer.from('one'));
  clock.advance(60_000);
  await collector[Symbol.asyncDispose]();
  assert.deepEqual(await blobs.list(), [sha256]);
});

test('storing the very code that is being deleted waits, and the code is there afterwards', async () => {
  const gate = Promise.withResolvers<void>();
  const slow: BlobStore = {
    put: (bytes) => blobs.put(bytes),
    open: (sha256) => blobs.open(sha256),
    list: () => blobs.list(),
    delete: async (sha256) => {
      await gate.promise;
      await blobs.delete(sha256);
    },
  };
  collector = open(slow);
  const { sha256 } = await collector.store(Buffer.from('one'));
  collector.release(sha256);
  clock.advance(60_000);
  const again = collector.store(Buffer.from('one'));
  gate.resolve();
  await again;
  assert.deepEqual(await blobs.list(), [sha256]);
});

test('a deletion that fails is reported and tried again', async () => {
  let failing = true;
  collector = open({
    put: (bytes) => blobs.put(bytes),
    open: (sha256) => blobs.open(sha256),
    list: () => blobs.list(),
    delete: async (sha256) => {
      if (failing) throw new Error('disk');
      await blobs.delete(sha256);
    },
  });
  const { sha256 } = await collector.store(Buffer.from('one'));
  collector.release(sha256);
  clock.advance(60_000);
  // The sweep ends before another store begins to write.
  const other = await collector.store(Buffer.from('two'));
  assert.match(String(errors.pop()), /disk/);
  failing = false;
  clock.advance(60_000);
  await collector.store(Buffer.from('two'));
  assert.deepEqual(await blobs.list(), [other.sha256]);
});

test('at start, code of no function goes and the rest stays', async () => {
  const one = await blobs.put(Buffer.from('one'));
  await blobs.put(Buffer.from('orphan'));
  collector.retain(one.sha256);
  await collector.deleteOrphans();
  assert.deepEqual(await blobs.list(), [one.sha256]);
});
