import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import * as fs from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setImmediate as turn } from 'node:timers/promises';
import { test } from 'node:test';
import { type CodeRef, PackageError } from '@hearth/protocol';
import type { TransferSink } from '../link/link.ts';
import { CodeCache } from './cache.ts';
import { hasFiles, holdFiles } from './function-files.ts';
import { zipOf } from './testing/zip.ts';

const ACCOUNT = '000000000000';
const ARCHIVE = zipOf([{ name: 'index.mjs', data: 'export {}' }]);

/** Too large to be kept in memory. */
const LARGE = zipOf([
  { name: 'index.mjs', data: 'export {}' },
  { name: 'padding', data: Buffer.alloc(2 * 1024 * 1024, 'padding'), stored: true },
]);

function refTo(archive: Buffer): { sha256: string; size: number } {
  return { sha256: createHash('sha256').update(archive).digest('hex'), size: archive.length };
}

/** A cache on a disk of its own, and the server's end of each transfer that it has asked for. */
class Bench implements Disposable {
  readonly directory = fs.mkdtempSync(join(tmpdir(), 'hearth-cache-'));
  readonly asked: { account: string; sha256: string; sink: TransferSink }[] = [];
  readonly cache: CodeCache;

  constructor(maxBytes?: number) {
    this.cache = new CodeCache(
      this.directory,
      (account, sha256, sink) => void this.asked.push({ account, sha256, sink }),
      maxBytes,
    );
  }

  /** Has code come and go. @returns its hash. */
  async fetch(archive: Buffer, release: boolean): Promise<string> {
    const code = refTo(archive);
    const coming = this.cache.get(ACCOUNT, code);
    await this.send(archive);
    await coming;
    if (release) this.cache.release(code.sha256);
    return code.sha256;
  }

  /** The transfer that was asked for last. */
  get sink(): TransferSink {
    return this.asked.at(-1)!.sink;
  }

  async send(archive: Buffer, pieceBytes = archive.length): Promise<void> {
    for (let at = 0; at < archive.length; at += pieceBytes) {
      await this.sink.write(archive.subarray(at, at + pieceBytes));
    }
    this.sink.end();
  }

  [Symbol.dispose](): void {
    fs.rmSync(this.directory, { recursive: true, force: true });
  }
}

for (const [what, archive, pieceBytes] of [
  ['code', ARCHIVE, 7],
  ['large code', LARGE, 64 * 1024],
] as const) {
  test(`${what} is fetched, checked and unpacked, and the archive is gone`, async () => {
    using bench = new Bench();
    const code = refTo(archive);
    assert.equal(bench.cache.has(code.sha256), false);
    const coming = bench.cache.get(ACCOUNT, code);
    await bench.send(archive, pieceBytes);
    const directory = await coming;
    assert.equal(fs.readFileSync(join(directory, 'index.mjs'), 'utf8'), 'export {}');
    assert.deepEqual(
      bench.asked.map(({ account, sha256 }) => [account, sha256]),
      [[ACCOUNT, code.sha256]],
    );
    assert.deepEqual(fs.readdirSync(bench.directory), [code.sha256]);
    assert.equal(bench.cache.has(code.sha256), true);
  });
}

test('it is there with its last byte, without the word that ends the transfer', async () => {
  using bench = new Bench();
  const coming = bench.cache.get(ACCOUNT, refTo(ARCHIVE));
  await bench.sink.write(ARCHIVE);
  assert.equal(fs.existsSync(join(await coming, 'index.mjs')), true);
});

test('however many ask for it, before and after it is there, it is fetched once', async () => {
  using bench = new Bench();
  const code = refTo(ARCHIVE);
  const askers = Array.from({ length: 10 }, () => bench.cache.get(ACCOUNT, code));
  await bench.send(ARCHIVE);
  const directories = await Promise.all(askers);
  directories.push(await bench.cache.get(ACCOUNT, code));
  assert.equal(new Set(directories).size, 1);
  assert.equal(bench.asked.length, 1);
});

test('two codes come at the same time and do not mix', async () => {
  using bench = new Bench();
  const archives = ['first', 'second'].map((data) => zipOf([{ name: 'name', data }]));
  const coming = archives.map((archive) => bench.cache.get(ACCOUNT, refTo(archive)));
  const sinks = bench.asked.map(({ sink }) => sink);
  await Promise.all(archives.map((archive, i) => sinks[i]!.write(archive)));
  for (const sink of sinks) sink.end();
  const directories = await Promise.all(coming);
  assert.deepEqual(
    directories.map((directory) => fs.readFileSync(join(directory, 'name'), 'utf8')),
    ['first', 'second'],
  );
});

const damaged = Buffer.from(ARCHIVE);
damaged[ARCHIVE.length - 1]! ^= 1;
const broken = Buffer.from('no zip file');
const escaping = zipOf([{ name: 'index.mjs' }, { name: 'a/../../../evil' }]);
const FAILURES: Record<string, { asked: Buffer; sent: Buffer; because: RegExp }> = {
  'another archive of the same length': { asked: ARCHIVE, sent: damaged, because: /another hash/ },
  'another large archive of the same length': {
    asked: LARGE,
    sent: Buffer.concat([LARGE.subarray(0, -1), Buffer.from('x')]),
    because: /another hash/,
  },
  'a large archive cut short': { asked: LARGE, sent: LARGE.subarray(0, -1), because: /another hash/ },
  'an archive cut short': { asked: ARCHIVE, sent: ARCHIVE.subarray(0, -1), because: /another hash/ },
  nothing: { asked: ARCHIVE, sent: Buffer.alloc(0), because: /another hash/ },
  'what its hash says, but no zip file': { asked: broken, sent: broken, because: /not a zip file/i },
  'an archive that leads out': { asked: escaping, sent: escaping, because: /invalid relative path/ },
};

for (const [what, { asked, sent, because }] of Object.entries(FAILURES)) {
  test(`${what} is refused, leaves nothing, and is asked for again`, async () => {
    using bench = new Bench();
    const code = refTo(asked);
    for (const times of [1, 2]) {
      const coming = Promise.allSettled([bench.cache.get(ACCOUNT, code), bench.cache.get(ACCOUNT, code)]);
      await bench.send(sent);
      for (const result of await coming) {
        assert.equal(result.status, 'rejected');
        assert.match(String(result.reason), because);
      }
      assert.equal(bench.asked.length, times);
      assert.equal(bench.cache.has(code.sha256), false);
      assert.deepEqual(fs.readdirSync(bench.directory), []);
    }
  });
}

test('after a failure the right code can still come', async () => {
  using bench = new Bench();
  const code = refTo(ARCHIVE);
  const failed = assert.rejects(bench.cache.get(ACCOUNT, code), /another hash/);
  await bench.send(damaged);
  await failed;
  const coming = bench.cache.get(ACCOUNT, code);
  await bench.send(ARCHIVE);
  assert.equal(fs.existsSync(join(await coming, 'index.mjs')), true);
});

test('more bytes than there should be are refused when they come, not when all have come', async () => {
  using bench = new Bench();
  const failed = assert.rejects(bench.cache.get(ACCOUNT, refTo(ARCHIVE)), /longer than the/);
  await bench.sink.write(ARCHIVE.subarray(1));
  const written = await bench.sink.write(Buffer.from('xx')).then(
    () => undefined,
    (error: Error) => error,
  );
  assert.match(String(written), /longer than the/);
  // As the link does with what a sink throws.
  bench.sink.fail(written!);
  await failed;
  assert.deepEqual(fs.readdirSync(bench.directory), []);
});

test('a transfer that fails leaves nothing, at whatever moment it does', async () => {
  using bench = new Bench();
  for (const turns of [0, 1, 2, 5]) {
    for (const bytes of [0, 10]) {
      const failed = assert.rejects(bench.cache.get(ACCOUNT, refTo(ARCHIVE)), /the server has none/);
      for (let i = 0; i < turns; i++) await turn();
      if (bytes > 0) await bench.sink.write(ARCHIVE.subarray(0, bytes));
      bench.sink.fail(new Error('the server has none'));
      await failed;
      assert.deepEqual(fs.readdirSync(bench.directory), [], `${turns} turns, ${bytes} bytes`);
    }
  }
});

for (const archive of [ARCHIVE, LARGE]) {
  test(`a disk that takes nothing ends a transfer of ${archive.length} bytes; pieces that still come are refused, not left waiting`, async () => {
    using bench = new Bench();
    fs.rmSync(bench.directory, { recursive: true });
    await assert.rejects(bench.cache.get(ACCOUNT, refTo(archive)), { code: 'ENOENT' });
    await assert.rejects(bench.sink.write(archive.subarray(0, 10)));
  });
}

test('a disk that is full while code is unpacked leaves nothing of it; what fits comes all the same', async () => {
  using bench = new Bench();
  const directory = join(bench.directory, 'small');
  fs.mkdirSync(directory);
  execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=1m', 'hearth-test', directory]);
  try {
    const cache = new CodeCache(directory, (_account, sha256, sink) => {
      const archive = sha256 === refTo(ARCHIVE).sha256 ? ARCHIVE : fat;
      void Promise.resolve(sink.write(archive)).then(() => sink.end());
    });
    // Small as it comes, and large when it is unpacked.
    const fat = zipOf([{ name: 'index.mjs', data: Buffer.alloc(4 * 1024 * 1024) }]);
    await assert.rejects(cache.get(ACCOUNT, refTo(fat)), { code: 'ENOSPC' });
    assert.deepEqual(fs.readdirSync(directory), []);
    assert.equal(cache.has(refTo(fat).sha256), false);
    const path = await cache.get(ACCOUNT, refTo(ARCHIVE));
    assert.deepEqual(fs.readdirSync(path), ['index.mjs']);
  } finally {
    execFileSync('umount', [directory]);
  }
});

test('what nobody holds goes when there is too much, what was used last stays longest', async () => {
  const archives = Array.from({ length: 4 }, (_, i) => zipOf([{ name: 'a', data: Buffer.alloc(100_000, i) }]));
  using bench = new Bench(350_000);
  const held = await bench.fetch(archives[0]!, false);
  const first = await bench.fetch(archives[1]!, true);
  const second = await bench.fetch(archives[2]!, true);
  assert.deepEqual(
    [held, first, second].map((hash) => bench.cache.has(hash)),
    [true, true, true],
  );
  // Used again, so that the second is the one that has waited for longest.
  await bench.cache.get(ACCOUNT, refTo(archives[1]!));
  bench.cache.release(first);
  const third = await bench.fetch(archives[3]!, true);
  assert.deepEqual(
    [held, first, second, third].map((hash) => bench.cache.has(hash)),
    [true, true, false, true],
  );
  for (let tries = 0; tries < 1000 && fs.readdirSync(bench.directory).length > 3; tries++) await fs.promises.stat('/');
  assert.deepEqual(fs.readdirSync(bench.directory).toSorted(), [held, first, third].toSorted());
  // It can come again.
  await bench.fetch(archives[2]!, true);
  assert.equal(bench.cache.has(second), true);
});

test('what is held stays, however much it is, and goes once it is let go', async () => {
  const archives = Array.from({ length: 3 }, (_, i) => zipOf([{ name: 'a', data: Buffer.alloc(100_000, i) }]));
  using bench = new Bench(1000);
  const held: string[] = [];
  for (const archive of archives) held.push(await bench.fetch(archive, false));
  assert.ok(held.every((hash) => bench.cache.has(hash)));
  for (const hash of held) {
    bench.cache.release(hash);
    assert.equal(bench.cache.has(hash), false);
  }
});

const LAYERS = ['first', 'second', 'third'].map((data) =>
  zipOf([
    { name: 'name', data },
    { name: `lib/${data}`, data: 'x'.repeat(20_000) },
  ]),
);
const [FIRST, SECOND, THIRD] = LAYERS.map(refTo) as [CodeRef, CodeRef, CodeRef];

/** The server's answer to everything that has been asked for and not been sent. */
async function answerAll(bench: Bench): Promise<void> {
  for (const { sha256, sink } of bench.asked.splice(0)) {
    await sink.write(LAYERS.find((archive) => refTo(archive).sha256 === sha256)!);
    sink.end();
  }
}

test('V16: layers are merged in order; each is fetched once, whatever lists it is in and however many ask', async () => {
  using bench = new Bench();
  const lists = [[FIRST, SECOND], [SECOND, FIRST], [FIRST, SECOND], [FIRST, SECOND, THIRD], [SECOND]];
  const coming = Promise.all(lists.map((layers) => bench.cache.getLayers(ACCOUNT, layers)));
  assert.deepEqual(
    bench.asked.map(({ sha256 }) => sha256),
    [FIRST.sha256, SECOND.sha256, THIRD.sha256],
  );
  await answerAll(bench);
  const directories = await coming;
  assert.deepEqual(
    directories.map((directory) => fs.readFileSync(join(directory, 'name'), 'utf8')),
    ['second', 'first', 'second', 'third', 'second'],
  );
  assert.deepEqual(fs.readdirSync(join(directories[3]!, 'lib')).toSorted(), ['first', 'second', 'third']);
  assert.equal(directories[0], directories[2]);
  assert.ok(bench.cache.hasLayers([FIRST, SECOND]));
  assert.equal(bench.cache.hasLayers([THIRD, SECOND]), false);
  assert.equal(bench.asked.length, 0);
});

test('a layer that can not be had fails the list, holds nothing of it, and may come later', async () => {
  using bench = new Bench(1);
  const failed = assert.rejects(bench.cache.getLayers(ACCOUNT, [FIRST, SECOND]), /the server has none/);
  const [first, second] = bench.asked.splice(0);
  await first!.sink.write(LAYERS[0]!);
  second!.sink.fail(new Error('the server has none'));
  await failed;
  assert.equal(bench.cache.hasLayers([FIRST, SECOND]), false);
  assert.equal(bench.cache.has(FIRST.sha256), false, 'nobody holds it, and there is too much');
  const coming = bench.cache.getLayers(ACCOUNT, [FIRST, SECOND]);
  await answerAll(bench);
  assert.equal(fs.readFileSync(join(await coming, 'name'), 'utf8'), 'second');
});

test('a merge that can not be written leaves nothing, holds no layer, and is tried again', async () => {
  using bench = new Bench(1);
  const coming = bench.cache.getLayers(ACCOUNT, [FIRST, SECOND]);
  // In the way of what is to be made.
  const made = 'layers-' + createHash('sha256').update(`${FIRST.sha256} ${SECOND.sha256}`).digest('hex');
  fs.writeFileSync(join(bench.directory, `${made}.partial`), '');
  const failed = assert.rejects(coming, { code: 'EEXIST' });
  await answerAll(bench);
  await failed;
  assert.ok(![FIRST, SECOND].some(({ sha256 }) => bench.cache.has(sha256)));
  assert.equal(bench.cache.hasLayers([FIRST, SECOND]), false);
  const again = bench.cache.getLayers(ACCOUNT, [FIRST, SECOND]);
  await answerAll(bench);
  assert.equal(fs.readFileSync(join(await again, 'name'), 'utf8'), 'second');
});

test('merged layers stay while they are held, and go with all that they are made of', async () => {
  using bench = new Bench(1);
  const coming = bench.cache.getLayers(ACCOUNT, [FIRST, SECOND]);
  await answerAll(bench);
  const directory = await coming;
  assert.ok([FIRST, SECOND].every(({ sha256 }) => bench.cache.has(sha256)));
  assert.equal(fs.readFileSync(join(directory, 'lib/first'), 'utf8').length, 20_000);
  bench.cache.releaseLayers([FIRST, SECOND]);
  assert.ok(![FIRST, SECOND].some(({ sha256 }) => bench.cache.has(sha256)));
  assert.equal(bench.cache.hasLayers([FIRST, SECOND]), false);
  for (let tries = 0; tries < 1000 && fs.readdirSync(bench.directory).length > 0; tries++) await fs.promises.stat('/');
  assert.deepEqual(fs.readdirSync(bench.directory), []);
});

test('a function holds its code and its layers, or neither; the fault of a layer is told as such', async () => {
  using bench = new Bench(1);
  for (const [faulty, because] of [
    ['code', /^(?!in a layer).*not a zip file/i],
    ['layer', /^in a layer: .*not a zip file/i],
  ] as const) {
    const packages = { account: ACCOUNT, code: refTo(ARCHIVE), layers: [FIRST, SECOND] };
    if (faulty === 'code') packages.code = refTo(broken);
    else packages.layers[1] = refTo(broken);
    const failed = assert.rejects(holdFiles(bench.cache, packages), (error) => {
      assert.ok(error instanceof PackageError);
      assert.match(error.message, because);
      return true;
    });
    for (const { sha256, sink } of bench.asked.splice(0)) {
      await sink.write([broken, ARCHIVE, ...LAYERS].find((bytes) => refTo(bytes).sha256 === sha256)!);
    }
    await failed;
    assert.equal(hasFiles(bench.cache, packages), false);
    assert.ok(![packages.code, ...packages.layers].some(({ sha256 }) => bench.cache.has(sha256)), faulty);
  }
  const packages = { account: ACCOUNT, code: FIRST, layers: [FIRST, THIRD] };
  const coming = holdFiles(bench.cache, packages);
  await answerAll(bench);
  {
    using files = await coming;
    assert.equal(fs.readFileSync(join(files.code, 'name'), 'utf8'), 'first');
    assert.equal(fs.readFileSync(join(files.layers!, 'name'), 'utf8'), 'third');
    assert.ok(hasFiles(bench.cache, packages));
  }
  assert.equal(hasFiles(bench.cache, packages), false);
});
