import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import * as fs from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { CodeCache } from './cache.ts';
import { Preloads } from './preloads.ts';
import { zipOf } from './testing/zip.ts';

const account = '000000000000';

/** A cache so small that it keeps only what somebody holds, and a server that has everything that was `put` there. */
class Bench implements Disposable {
  readonly directory = fs.mkdtempSync(join(tmpdir(), 'hearth-preloads-'));
  readonly archives = new Map<string, Buffer>();
  readonly fetched: string[] = [];
  readonly cache = new CodeCache(this.directory, (_account, sha256, sink) => void this.#send(sha256, sink), 1);
  readonly preloads = new Preloads(this.cache);

  put(data: string): { sha256: string; size: number } {
    const archive = zipOf([{ name: 'index.mjs', data }]);
    const sha256 = createHash('sha256').update(archive).digest('hex');
    this.archives.set(sha256, archive);
    return { sha256, size: archive.length };
  }

  async #send(sha256: string, sink: { write(piece: Buffer): Promise<void>; end(): void; fail(error: Error): void }) {
    const archive = this.archives.get(sha256);
    if (archive === undefined) return sink.fail(new Error('the account has no such code'));
    this.fetched.push(sha256);
    await sink.write(archive);
    sink.end();
  }

  [Symbol.dispose](): void {
    fs.rmSync(this.directory, { recursive: true, force: true });
  }
}

test('code and layers are in the cache before anyone asks, and stay however little it may keep (D2)', async () => {
  using bench = new Bench();
  const [code, layer, other] = ['code', 'layer', 'other'].map((data) => bench.put(data));
  assert.equal(
    await bench.preloads.replace([
      { account, code: code!, layers: [layer!] },
      { account, code: other! },
    ]),
    undefined,
  );
  assert.deepEqual(bench.fetched.toSorted(), [code, layer, other].map((ref) => ref!.sha256).toSorted());
  await bench.cache.get(account, code!);
  bench.cache.release(code!.sha256);
  assert.equal(bench.cache.has(code!.sha256), true);
  assert.equal(bench.fetched.length, 3, 'nothing is fetched for whoever comes');
});

test('what is wanted no more is let go, and what stays is not fetched again (D20)', async () => {
  using bench = new Bench();
  const [old, kept, next] = ['old', 'kept', 'next'].map((data) => ({ account, code: bench.put(data) }));
  await bench.preloads.replace([old!, kept!]);
  await bench.preloads.replace([kept!, next!]);
  assert.deepEqual(
    [old, kept, next].map((wanted) => bench.cache.has(wanted!.code.sha256)),
    [false, true, true],
  );
  assert.equal(bench.fetched.length, 3);
});

test('one package that can not be had is told, and keeps none of the others away', async () => {
  using bench = new Bench();
  const missing = { account, code: { sha256: '0'.repeat(64), size: 9 } };
  const there = { account, code: bench.put('there') };
  assert.match((await bench.preloads.replace([missing, there])) ?? '', /no such code/);
  assert.equal(bench.cache.has(there.code.sha256), true);
});
