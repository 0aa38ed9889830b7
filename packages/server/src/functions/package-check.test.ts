import assert from 'node:assert/strict';
import { test } from 'node:test';
import { buffer } from 'node:stream/consumers';
import fc from 'fast-check';
import { ApiError } from '@hearth/protocol';
import { ZipFile } from 'yazl';
import { checkPackage } from './package-check.ts';

async function zipOf(...names: string[]): Promise<Buffer> {
  const zip = new ZipFile();
  for (const name of names) zip.addBuffer(Buffer.from('x'), name);
  zip.end();
  return buffer(zip.outputStream);
}

/** The same file with one name for another of the same length, which yazl would not write. */
function renamed(zip: Buffer, from: string, to: string): Buffer {
  return Buffer.from(zip.toString('latin1').replaceAll(from, to), 'latin1');
}

const refused = (message: RegExp) => (error: unknown) =>
  error instanceof ApiError && error.code === 'InvalidParameterValueException' && message.test(error.message);

test('an ordinary package passes', async () => {
  await checkPackage(await zipOf('index.js', 'lib/a.js', 'node_modules/x/package.json'));
});

test('paths that lead outside are refused', async () => {
  const zip = await zipOf('aaaa/evil.js');
  for (const to of ['../..//evil.', '/etc/evil.js', '..\\\\..\\\\evil', 'C:/a/evil.js']) {
    const name = to.slice(0, 12).padEnd(12, 'x');
    await assert.rejects(checkPackage(renamed(zip, 'aaaa/evil.js', name)), refused(/^Could not unzip/), name);
  }
});

test('what is no zip file, or half of one, is refused', async () => {
  const zip = await zipOf('index.js');
  for (const bytes of [Buffer.from('hello'), zip.subarray(0, zip.length - 5), zip.subarray(30), Buffer.alloc(5000)]) {
    await assert.rejects(checkPackage(bytes), refused(/^Could not unzip uploaded file/));
  }
  await assert.rejects(checkPackage(Buffer.alloc(0)), refused(/non-empty zip/));
});

test('more than 50 MB is refused before it is looked at', async () => {
  await assert.rejects(
    checkPackage(Buffer.alloc(50 * 1024 * 1024 + 1)),
    refused(/^Zipped size must be smaller than 52428800 bytes$/),
  );
});

/** Changes a field of the first entry of a zip file's directory; see PKWARE's APPNOTE.TXT. */
function withField(zip: Buffer, offset: number, bytes: 2 | 4, value: number): Buffer {
  const changed = Buffer.from(zip);
  changed.writeUIntLE(value, changed.indexOf(Buffer.from('PK\x01\x02')) + offset, bytes);
  return changed;
}

test('what could never be unpacked is refused at upload, with the reason', async () => {
  const zip = await zipOf('index.js', 'b.js');
  for (const [changed, reason] of [
    [withField(zip, 8, 2, 1), /index\.js is encrypted/],
    [withField(zip, 8, 2, 0x41), /^Could not unzip/],
    [withField(zip, 10, 2, 12), /index\.js is of an unsupported compression method, 12/],
    [withField(zip, 20, 4, 100_000), /entries of the archive overlap/],
    [renamed(zip, 'index.js', 'inde\0.js'), /zero in it/],
    [await zipOf(`${'x'.repeat(256)}.js`), /the name x+\.\.\. is too long/],
    [await zipOf(`${'x/'.repeat(2_100)}y.js`), /the path .+ is too long/],
  ] as const) {
    await assert.rejects(checkPackage(changed), refused(/^Could not unzip uploaded file\. Please check your file/));
    await assert.rejects(checkPackage(changed), refused(reason));
  }
});

test('what says it would unpack to more than 250 MB is refused in the words of AWS', async () => {
  const zip = withField(await zipOf('index.js', 'b.js'), 24, 4, 250 * 1024 * 1024);
  await assert.rejects(checkPackage(zip), refused(/^Unzipped size must be smaller than 262144000 bytes$/));
});

test('whatever bytes are uploaded, they pass or are refused, and nothing else happens', async () => {
  const good = await zipOf('index.js', 'lib/a.js');
  const change = fc.tuple(fc.nat(good.length - 1), fc.nat(255));
  const bytes = fc.oneof(
    fc.array(change, { minLength: 1, maxLength: 8 }).map((changes) => {
      const changed = Buffer.from(good);
      for (const [at, value] of changes) changed[at] = value;
      return changed;
    }),
    fc.nat(good.length).map((length) => good.subarray(0, length)),
    fc.uint8Array({ maxLength: 100 }).map((noise) => Buffer.from(noise)),
  );
  await fc.assert(
    fc.asyncProperty(bytes, async (zip) => {
      try {
        await checkPackage(zip);
      } catch (error) {
        assert.ok(refused(/./)(error), String(error));
      }
    }),
    { numRuns: 2000 },
  );
});
