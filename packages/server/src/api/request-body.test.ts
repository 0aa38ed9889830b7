import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { test } from 'node:test';
import { isDeepStrictEqual } from 'node:util';
import fc from 'fast-check';
import { LongString, RequestBody } from './request-body.ts';

const KB = 1024;

/** The document with its long strings as text again. */
function plain(value: unknown): unknown {
  if (value instanceof LongString) return value.text();
  if (Array.isArray(value)) return value.map(plain);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, plain(item)]));
}

test('a long body says what JSON.parse says of it', async () => {
  const text = fc.oneof(
    fc.string({ unit: 'grapheme', maxLength: 20 }),
    fc.constantFrom(
      '"',
      '\\',
      '\\"',
      '\\\\',
      '/',
      '\u0000',
      'a'.repeat(70 * KB),
      '\\'.repeat(40 * KB),
      'a"'.repeat(25 * KB),
    ),
    fc.constant(randomBytes(150 * KB).toString('base64')),
  );
  const { tree } = fc.letrec((tie) => ({
    tree: fc.oneof({ maxDepth: 3 }, text, fc.integer(), fc.array(tie('tree'), { maxLength: 4 }), tie('object')),
    object: fc.dictionary(fc.string({ maxLength: 5 }), tie('tree'), { maxKeys: 4 }),
  }));
  await fc.assert(
    fc.asyncProperty(tree, async (value) => {
      // Long enough in any case, and one in a row that would be cut anywhere.
      const bytes = Buffer.from(JSON.stringify([value, 'x'.repeat(300 * KB)]));
      const body = await RequestBody.of(bytes);
      assert.ok(isDeepStrictEqual(plain(body.json()), JSON.parse(bytes.toString())));
    }),
    // What fails is too long to be printed.
    {
      numRuns: 100,
      endOnFailure: true,
      reporter: ({ failed, seed, errorInstance }) =>
        assert.ok(!failed, `seed ${seed}: ${String(errorInstance).slice(0, 300)}`),
    },
  );
});

test('a package is decoded, also where its slashes are escaped, and what is none is not', async () => {
  const zip = randomBytes(700 * KB + 1);
  const base64 = zip.toString('base64');
  for (const literal of [base64, base64.replaceAll('/', '\\/')]) {
    const body = await RequestBody.of(Buffer.from(`{"Code":{"ZipFile":"${literal}"}}`));
    const { Code: code } = body.json() as { Code: { ZipFile: LongString } };
    assert.ok(code.ZipFile.decoded!.equals(zip));
  }
  for (const spoilt of [`${base64}!`, `=${base64}`, base64.replace('A', 'é')]) {
    const body = await RequestBody.of(Buffer.from(`{"ZipFile":"${spoilt}"}`));
    assert.equal((body.json() as { ZipFile: LongString }).ZipFile.decoded, undefined);
  }
});

test('what would take long to parse is refused before anything is', async () => {
  const MB = KB * KB;
  const tooLarge = { code: 'RequestEntityTooLargeException' };
  for (const text of [
    '['.repeat(2 * MB),
    '""'.repeat(MB),
    `"${'\\"'.repeat(MB)}"`,
    `"${'\\'.repeat(3 * MB)}`,
    ' '.repeat(60 * MB),
    `{"a":"${'x'.repeat(3 * MB)}`,
    `[${'"a",'.repeat(MB)}1]`,
  ]) {
    const before = performance.now();
    await assert.rejects(RequestBody.of(Buffer.from(text)), tooLarge, text.slice(0, 10));
    assert.ok(performance.now() - before < 500);
  }
});

test('a body that is no JSON is none in slices either', async () => {
  const text = `{"ZipFile":"${'A'.repeat(400 * KB)}"`;
  const body = await RequestBody.of(Buffer.from(text));
  assert.throws(() => body.json(), SyntaxError);
});
