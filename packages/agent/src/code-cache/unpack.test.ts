import assert from 'node:assert/strict';
import * as fs from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { Yard } from './testing/yard.ts';
import { EXECUTABLE, LINK, type TestEntry, zipOf } from './testing/zip.ts';
import { unpack } from './unpack.ts';

const usual = fs.readdirSync('/proc/self/fd').length;

test('files, directories and links come out as they went in', async () => {
  using yard = new Yard();
  await yard.unpack([
    { name: 'index.mjs', data: 'export {}' },
    { name: './lib/deep/a.js', data: 'a', stored: true },
    { name: 'empty/' },
    { name: 'lib/b.js' },
    { name: 'lib/link', data: 'deep/a.js', mode: LINK },
    { name: 'umlaut-ü.txt', data: 'ü' },
  ]);
  assert.deepEqual(yard.unpacked(), {
    'empty/': '755',
    'index.mjs': '644 export {}',
    'lib/': '755',
    'lib/b.js': '644 ',
    'lib/deep/': '755',
    'lib/deep/a.js': '644 a',
    'lib/link': '-> deep/a.js',
    'umlaut-ü.txt': `644 ${Buffer.from('ü').toString('latin1')}`,
  });
});

test('the same comes out of memory as out of a file, of small files and large ones', async () => {
  const data = Buffer.from(Array.from({ length: 300_000 }, (_, i) => i % 251));
  const entries = [
    { name: 'small', data: 'small' },
    { name: 'stored', data: 'stored', stored: true },
    { name: 'large', data, mode: EXECUTABLE },
    { name: 'large-stored', data, stored: true },
    { name: 'link', data: 'large', mode: LINK },
    { name: 'after', data: 'after' },
  ];
  const large = data.toString('latin1');
  const expected = {
    after: '644 after',
    large: `755 ${large}`,
    'large-stored': `644 ${large}`,
    link: '-> large',
    small: '644 small',
    stored: '644 stored',
  };
  using yard = new Yard();
  await yard.unpack(entries);
  assert.deepEqual(yard.unpacked(), expected);
  using another = new Yard();
  await unpack(zipOf(entries), another.target);
  assert.deepEqual(another.unpacked(), expected);
});

test('the executable bit is kept, and nothing else of the mode', async () => {
  using yard = new Yard();
  await yard.unpack([
    { name: 'run', mode: EXECUTABLE },
    { name: 'only-owner', mode: 0o100700 },
    { name: 'unreadable', mode: 0o100000 },
    { name: 'anybody', mode: 0o100666 },
    { name: 'setuid', mode: 0o104755 },
    { name: 'setgid', mode: 0o102644 },
    { name: 'device', mode: 0o060666 },
    { name: 'sticky/', mode: 0o041777 },
  ]);
  assert.deepEqual(yard.unpacked(), {
    anybody: '644 ',
    device: '644 ',
    'only-owner': '755 ',
    run: '755 ',
    setgid: '644 ',
    setuid: '755 ',
    'sticky/': '755',
    unreadable: '644 ',
  });
});

test('an archive without entries is an empty directory', async () => {
  using yard = new Yard();
  await yard.unpack([]);
  assert.deepEqual(yard.unpacked(), {});
});

test('what was packed with backslashes, as the check at upload lets pass, gets directories', async () => {
  using yard = new Yard();
  await yard.unpack([{ name: 'lib\\a.js', data: 'a' }]);
  assert.deepEqual(yard.unpacked(), { 'lib/': '755', 'lib/a.js': '644 a' });
});

test('of a name that stands there twice the last one counts', async () => {
  using yard = new Yard();
  await yard.unpack([
    { name: 'a', data: 'first', mode: EXECUTABLE },
    { name: 'a', data: '2nd' },
    { name: 'b', data: '../outside/secret', mode: LINK },
    { name: 'b', data: 'a file now' },
    { name: 'c', data: 'a file' },
    { name: 'c', data: 'a', mode: LINK },
    { name: 'd', data: '../outside', mode: LINK },
    { name: 'd', data: 'a', mode: LINK },
    { name: 'e/' },
    { name: 'e/' },
  ]);
  assert.deepEqual(yard.unpacked(), { a: '644 2nd', b: '644 a file now', c: '-> a', d: '-> a', 'e/': '755' });
  assert.deepEqual(yard.touched(), []);
});

test('a link may lead anywhere, and nothing follows it while unpacking', async () => {
  using yard = new Yard();
  await yard.unpack([{ name: 'link', data: '/etc/../../etc/passwd', mode: LINK }]);
  assert.deepEqual(yard.unpacked(), { link: '-> /etc/../../etc/passwd' });
});

const OUTSIDE = '../outside';
const REFUSED: Record<string, { entries: TestEntry[]; because: RegExp }> = {
  'a path that climbs out': { entries: [{ name: '../outside/secret', data: 'x' }], because: /invalid relative path/ },
  'a path that climbs out later': { entries: [{ name: 'a/../../outside/new' }], because: /invalid relative path/ },
  'a path that climbs out with backslashes': {
    entries: [{ name: '..\\outside\\secret' }],
    because: /invalid relative path/,
  },
  'a directory that climbs out': { entries: [{ name: '../outside/new/' }], because: /invalid relative path/ },
  'an absolute path': { entries: [{ name: '/tmp/hearth-evil' }], because: /absolute path/ },
  "a drive's path": { entries: [{ name: 'C:/evil' }], because: /absolute path/ },
  'a zero in a name': { entries: [{ name: 'a\0b' }], because: /zero in it/ },
  'a file in the place of the target': { entries: [{ name: '.' }], because: /no name/ },
  'a file without a name': { entries: [{ name: '' }], because: /no name/ },
  'a link in the place of the target': { entries: [{ name: './.', data: OUTSIDE, mode: LINK }], because: /no name/ },
  'a file through a link': {
    entries: [
      { name: 'a', data: OUTSIDE, mode: LINK },
      { name: 'a/new', data: 'x' },
    ],
    because: /goes through .*\/a, which is no directory/,
  },
  'a directory through a link': {
    entries: [{ name: 'a', data: OUTSIDE, mode: LINK }, { name: 'a/new/' }],
    because: /goes through/,
  },
  'a directory on a link': {
    entries: [{ name: 'a', data: OUTSIDE, mode: LINK }, { name: 'a/' }],
    because: /goes through/,
  },
  'a link through a link': {
    entries: [
      { name: 'a', data: OUTSIDE, mode: LINK },
      { name: 'a/new', data: '/', mode: LINK },
    ],
    because: /goes through/,
  },
  'a link over a directory that was written through': {
    entries: [
      { name: 'a/b', data: 'x' },
      { name: 'a', data: OUTSIDE, mode: LINK },
      { name: 'a/secret', data: 'x' },
    ],
    because: /directory/,
  },
  'a file over a directory, then a link, then a file through it': {
    entries: [
      { name: 'a/b', data: 'x' },
      { name: 'a', data: 'x' },
      { name: 'a', data: OUTSIDE, mode: LINK },
      { name: 'a/secret', data: 'x' },
    ],
    because: /directory/,
  },
  'a file through a file': { entries: [{ name: 'a' }, { name: 'a/b' }], because: /goes through/ },
  'a link longer than any path': {
    entries: [{ name: 'a', data: 'x'.repeat(4097), mode: LINK }],
    because: /link a is too long/,
  },
  'a name longer than Linux takes': { entries: [{ name: 'x'.repeat(256) }], because: /the name x+\.\.\. is too long/ },
  'a path longer than Linux takes': { entries: [{ name: 'x/'.repeat(2100) }], because: /the path .* is too long/ },
  'an encrypted file': { entries: [{ name: 'a', data: 'x', flags: 1 }], because: /encrypted/ },
  'a strongly encrypted file': { entries: [{ name: 'a', data: 'x', flags: 0x41 }], because: /encryption/ },
  'a compression that nobody knows': {
    entries: [{ name: 'a', data: 'x', claimedMethod: 99 }],
    because: /unsupported compression method/,
  },
  'a file that is longer than it says': {
    entries: [{ name: 'a', data: 'xxxx', claimedSize: 3 }],
    because: /too many bytes/,
  },
  'a file that is shorter than it says': {
    entries: [{ name: 'a', data: 'xxxx', claimedSize: 5 }],
    because: /not enough bytes/,
  },
  'a file that says it is empty': {
    entries: [{ name: 'a', data: 'x', claimedSize: 0 }],
    because: /too many bytes/,
  },
  'a large file that is longer than it says': {
    entries: [{ name: 'a', data: 'x'.repeat(600_000), claimedSize: 500_000 }],
    because: /too many bytes/,
  },
  'a large file that is shorter than it says': {
    entries: [{ name: 'a', data: 'x'.repeat(600_000), claimedSize: 700_000 }],
    because: /not enough bytes/,
  },
  'a stored file that is not as long as it says': {
    entries: [{ name: 'a', data: 'xxxx', claimedSize: 5, stored: true }],
    because: /size mismatch/,
  },
  'a link that is longer than it says': {
    entries: [{ name: 'a', data: 'xxxx', claimedSize: 3, mode: LINK }],
    because: /too many bytes/,
  },
};

for (const [what, { entries, because }] of Object.entries(REFUSED)) {
  test(`${what} is refused, and nothing outside is touched`, async () => {
    using yard = new Yard();
    await assert.rejects(yard.unpack(entries), because);
    assert.deepEqual(yard.touched(), []);
  });
}

test('directories may be as deep as a path can be long', async () => {
  using yard = new Yard();
  const depth = Math.floor((4095 - yard.target.length) / 2) - 1;
  await yard.unpack([{ name: `${'d/'.repeat(depth)}f` }]);
  assert.equal(fs.readFileSync(join(yard.target, 'd/'.repeat(depth), 'f'), 'utf8'), '');
});

test('more than 250 MB is refused before it is written', async () => {
  using yard = new Yard();
  const first = { name: 'first', data: 'x'.repeat(1000) };
  const limit = 250 * 1024 * 1024;
  await assert.rejects(
    yard.unpack([first, { name: 'bomb', claimedSize: limit - 999 }]),
    /unpacks to more than 262144000/,
  );
  assert.deepEqual(Object.keys(yard.unpacked()), ['first']);
  // Not too much by its word, so it is held to it.
  await assert.rejects(yard.unpack([first, { name: 'bomb', claimedSize: limit - 1000 }]), /not enough bytes/);
});

test('a bomb that says it is small is stopped where it says it ends', async () => {
  using yard = new Yard();
  const bomb = zipOf([{ name: 'bomb', data: Buffer.alloc(32 * 1024 * 1024), claimedSize: 100 }]);
  assert.ok(bomb.length < 100_000);
  await assert.rejects(yard.unpack(bomb), /too many bytes/);
  assert.deepEqual(yard.unpacked(), {});
});

test('more entries than any package has are refused before one is read', async () => {
  using yard = new Yard();
  const entries = [{ name: 'a' }];
  await assert.rejects(yard.unpack(zipOf(entries, 200_001)), /more than 200000 entries/);
  assert.deepEqual(yard.unpacked(), {});
  await assert.rejects(yard.unpack(zipOf(entries, 200_000)), /central directory/);
});

test('a truncated or broken archive is refused, wherever it ends', async () => {
  using yard = new Yard();
  const archive = zipOf([
    { name: 'a/b', data: 'some text '.repeat(20) },
    { name: 'c', data: 'a', mode: LINK },
  ]);
  for (let length = 0; length < archive.length; length++) {
    await assert.rejects(yard.unpack(archive.subarray(0, length)), Error, `${length} bytes`);
  }
  const signature = archive.lastIndexOf(Buffer.from('PK\x01\x02'));
  const broken = Buffer.from(archive);
  broken[signature] = 0;
  await assert.rejects(yard.unpack(broken), /central directory/);
  assert.deepEqual(yard.touched(), []);
});

test('what is refused before it is read leaves no stream behind that fails later', async () => {
  using yard = new Yard();
  const late: unknown[] = [];
  const hear = (error: unknown): unknown => late.push(error);
  process.on('uncaughtException', hear);
  try {
    await assert.rejects(
      yard.unpack([{ name: 'a/' }, { name: 'a', data: 'short', claimedSize: 400_000 }]),
      /directory/,
    );
    await assert.rejects(
      yard.unpack([{ name: 'b' }, { name: 'b/c', data: 'short', claimedSize: 400_000 }]),
      /no directory/,
    );
    await closed();
  } finally {
    process.off('uncaughtException', hear);
  }
  assert.deepEqual(late, []);
});

test('no descriptor stays open, whatever became of the archive', async () => {
  using yard = new Yard();
  for (const { entries } of Object.values(REFUSED)) {
    await assert.rejects(yard.unpack(entries));
    await closed();
  }
});

/** Waits until the archive's descriptor is closed, which one of libuv's threads does. */
async function closed(): Promise<void> {
  const descriptors = (): number => fs.readdirSync('/proc/self/fd').length;
  for (let turn = 0; turn < 1000 && descriptors() > usual; turn++) await fs.promises.stat('/');
  assert.equal(descriptors(), usual);
}
