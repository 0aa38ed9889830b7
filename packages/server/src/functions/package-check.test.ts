import assert from 'node:assert/strict';
import { test } from 'node:test';
import { buffer } from 'node:stream/consumers';
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
