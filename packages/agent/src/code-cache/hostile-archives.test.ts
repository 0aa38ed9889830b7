/** P12: archives that are unusual and right come out right; those that lie, or would do harm, are refused. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { PackageError } from '@hearth/protocol';
import { overlappingZip } from './testing/overlapping-zip.ts';
import { Yard } from './testing/yard.ts';
import { EXECUTABLE, LINK, type TestEntry, zipOf } from './testing/zip.ts';
import { unpack } from './unpack.ts';

const DATA = 'some text '.repeat(50);
const LARGE = Buffer.from(Array.from({ length: 400_000 }, (_, i) => i % 253));

const refusal = (because: RegExp) => (error: unknown) => error instanceof PackageError && because.test(error.message);

const RIGHT: Record<string, { archive: Buffer; unpacked: Record<string, string> }> = {
  'what a program wrote as a stream, with sizes behind the data': {
    archive: zipOf([
      { name: 'a', data: DATA, streamed: true },
      { name: 'b', data: 'stored', stored: true, streamed: true },
    ]),
    unpacked: { a: `644 ${DATA}`, b: '644 stored' },
  },
  'zip64 where it would not have been needed': {
    archive: zipOf([
      { name: 'a', data: DATA, zip64: true },
      { name: 'run', data: '#!/bin/sh', zip64: true, mode: EXECUTABLE },
    ]),
    unpacked: { a: `644 ${DATA}`, run: '755 #!/bin/sh' },
  },
  'a program before the archive, of which its offsets know': {
    archive: zipOf([{ name: 'a', data: DATA }], 1, Buffer.from('#!/bin/sh\nunzip "$0"\n')),
    unpacked: { a: `644 ${DATA}` },
  },
  'a comment behind the archive': {
    archive: withComment(zipOf([{ name: 'a', data: DATA }]), 'made by hand'),
    unpacked: { a: `644 ${DATA}` },
  },
  'a directory that has data': {
    archive: zipOf([{ name: 'a/', data: DATA }, { name: 'a/b' }]),
    unpacked: { 'a/': '755', 'a/b': '644 ' },
  },
  'names that differ in case only': {
    archive: zipOf([
      { name: 'Index.mjs', data: '1' },
      { name: 'index.mjs', data: '2' },
    ]),
    unpacked: { 'Index.mjs': '644 1', 'index.mjs': '644 2' },
  },
  'a name in the encoding of DOS': {
    archive: zipOf([{ name: Buffer.from([0x81, 0x2e, 0x6a, 0x73]), data: 'ü' }]),
    unpacked: { 'ü.js': `644 ${Buffer.from('ü').toString('latin1')}` },
  },
  'a name that looks like a way out and is none': {
    archive: zipOf([{ name: '..a/...', data: '1' }, { name: 'a/.../b' }, { name: '\u2025/\uff0e\uff0e/c' }]),
    unpacked: {
      '..a/': '755',
      '..a/...': '644 1',
      'a/': '755',
      'a/.../': '755',
      'a/.../b': '644 ',
      '\u2025/': '755',
      '\u2025/\uff0e\uff0e/': '755',
      '\u2025/\uff0e\uff0e/c': '644 ',
    },
  },
};

for (const [what, { archive, unpacked }] of Object.entries(RIGHT)) {
  test(`comes out right: ${what}`, async () => {
    using yard = new Yard();
    await yard.unpack(archive);
    assert.deepEqual(yard.unpacked(), unpacked);
    using another = new Yard();
    await unpack(archive, another.target);
    assert.deepEqual(another.unpacked(), unpacked);
  });
}

const WRONG: Record<string, { entries: TestEntry[]; because: RegExp }> = {
  'a file whose checksum is another': { entries: [{ name: 'a', data: DATA, claimedCrc: 1 }], because: /checksum/ },
  'a stored file whose checksum is another': {
    entries: [{ name: 'a', data: DATA, stored: true, claimedCrc: 1 }],
    because: /checksum/,
  },
  'a large file whose checksum is another': {
    entries: [{ name: 'a', data: LARGE, claimedCrc: 1 }],
    because: /checksum/,
  },
  'a link whose checksum is another': {
    entries: [{ name: 'a', data: '/etc', mode: LINK, claimedCrc: 1 }],
    because: /checksum/,
  },
  'zip64 that says there are exabytes': {
    entries: [{ name: 'a', data: DATA, zip64: true, claimedSize: 2 ** 52 }],
    because: /unpacks to more than/,
  },
  'zip64 that says its data is exabytes away': {
    entries: [{ name: 'a', data: DATA, zip64: true, claimedOffset: 2 ** 52 }],
    because: /EOF|bounds/,
  },
  'packed bytes that are longer than the archive': {
    entries: [{ name: 'a', data: DATA, zip64: true, claimedPackedSize: 2 ** 40 }],
    because: /overlap/,
  },
  'two names for the same bytes': {
    entries: [
      { name: 'a', data: LARGE, stored: true },
      { name: 'b', data: LARGE, stored: true, claimedOffset: 0 },
      {
        name: 'c',
        data: '',
        stored: true,
        claimedOffset: 0,
        claimedPackedSize: LARGE.length,
        claimedSize: LARGE.length,
      },
    ],
    because: /overlap/,
  },
  bzip2: { entries: [{ name: 'a', data: DATA, claimedMethod: 12 }], because: /unsupported compression method, 12/ },
  'a path of 64 KB, told in less': {
    entries: [{ name: 'x/'.repeat(30_000) + 'y' }],
    because: /^the path .{1,120} is too long$/,
  },
};

for (const [what, { entries, because }] of Object.entries(WRONG)) {
  test(`is refused: ${what}`, async () => {
    const archive = zipOf(entries);
    using yard = new Yard();
    await assert.rejects(yard.unpack(archive), refusal(because));
    assert.deepEqual(yard.touched(), []);
    using another = new Yard();
    await assert.rejects(unpack(archive, another.target), refusal(because));
  });
}

test('is refused: an archive with something before it of which its offsets do not know', async () => {
  using yard = new Yard();
  const archive = Buffer.concat([Buffer.from('#!/bin/sh\nunzip "$0"\n'), zipOf([{ name: 'a', data: DATA }])]);
  await assert.rejects(yard.unpack(archive), refusal(/signature/));
});

test('is refused before anything of it is read twice: a bomb of files that overlap', async () => {
  using yard = new Yard();
  // Each file for itself is whole and right: with one it unpacks.
  await yard.unpack(overlappingZip(1, 1024 * 1024));
  assert.deepEqual(Object.keys(yard.unpacked()), ['f0000']);
  const bomb = overlappingZip(200, 1024 * 1024);
  assert.ok(bomb.length < 64 * 1024, `${bomb.length} bytes`);
  await assert.rejects(yard.unpack(bomb), refusal(/overlap/));
});

test('is refused at once: entries that unpack to nothing and would have a gigabyte read', async () => {
  using yard = new Yard();
  // Deflate's empty blocks, five bytes each: as much work as one likes, for no output.
  const empty = Buffer.concat(Array.from({ length: 50_000 }, () => Buffer.from([0, 0, 0, 0xff, 0xff])));
  const nothing = Buffer.concat([empty, Buffer.from([1, 0, 0, 0xff, 0xff])]);
  const entry = (i: number): TestEntry => ({
    name: `f${i}`,
    stored: true,
    claimedMethod: 8,
    claimedSize: 0,
    claimedCrc: 0,
  });
  const entries = [
    { ...entry(0), data: nothing },
    ...Array.from({ length: 5_000 }, (_, i) => ({
      ...entry(i + 1),
      claimedOffset: 0,
      claimedPackedSize: nothing.length,
    })),
  ];
  const started = performance.now();
  await assert.rejects(yard.unpack(zipOf(entries)), refusal(/overlap/));
  assert.ok(performance.now() - started < 5_000);
});

test('a zip in a zip is a file', async () => {
  using yard = new Yard();
  const inner = zipOf([{ name: '../outside/secret', data: 'x' }]);
  await yard.unpack([{ name: 'inner.zip', data: inner }]);
  assert.deepEqual(yard.unpacked(), { 'inner.zip': `644 ${inner.toString('latin1')}` });
});

function withComment(archive: Buffer, comment: string): Buffer {
  const changed = Buffer.concat([archive, Buffer.from(comment)]);
  changed.writeUInt16LE(comment.length, archive.length - 2);
  return changed;
}
