import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { Yard } from './testing/yard.ts';
import { EXECUTABLE, FILE, LINK, type TestEntry, zipOf } from './testing/zip.ts';

/** Unpacks what may well be refused. @returns what was touched outside, and what is strange inside. */
async function misdeeds(archive: Buffer | TestEntry[]): Promise<string[]> {
  using yard = new Yard();
  try {
    await yard.unpack(archive);
  } catch (error) {
    assert.ok(
      error instanceof Error && !(error instanceof RangeError && /call stack/.test(error.message)),
      String(error),
    );
  }
  const modes = Object.entries(yard.unpacked()).filter(([, about]) => !/^(644 |755|-> )/.test(about));
  return [...yard.touched(), ...modes.map(([path, about]) => `${path}: ${about}`)];
}

test('an archive with any bytes changed unpacks inside of its target or is refused', async () => {
  const good = zipOf([
    { name: 'lib/' },
    { name: 'lib/a.js', data: 'text '.repeat(30) },
    { name: 'run', data: '#!/bin/sh', mode: EXECUTABLE, stored: true },
    { name: 'lib/ab/outside', data: '../../outside', mode: LINK },
    { name: 'out', data: '../outside', mode: LINK, stored: true },
    { name: 'ou_/secret', data: 'changed' },
  ]);
  const change = fc.tuple(fc.nat(good.length - 1), fc.nat(255));
  await fc.assert(
    fc.asyncProperty(fc.array(change, { minLength: 1, maxLength: 8 }), async (changes) => {
      const archive = Buffer.from(good);
      for (const [position, value] of changes) archive[position] = value;
      assert.deepEqual(await misdeeds(archive), []);
    }),
    { numRuns: 500 },
  );
});

test('whatever an archive puts where, in whatever order, nothing outside is touched', async () => {
  // Few names, so that they meet: the worst needs four entries in the right order.
  const name = fc.constantFrom('a', 'a', 'a/b', 'a/secret', 'a/./b/..//secret', '.', './/a/', '../outside/b');
  const entry: fc.Arbitrary<TestEntry> = fc.oneof(
    fc.record({ name, data: fc.constant('changed'), mode: fc.constantFrom(FILE, EXECUTABLE, 0o106755) }),
    fc.record({ name, data: fc.constantFrom('../outside', '../../outside', '../outside/a'), mode: fc.constant(LINK) }),
    fc.record({ name: name.map((path) => `${path}/`) }),
  );
  await fc.assert(
    fc.asyncProperty(fc.array(entry, { minLength: 2, maxLength: 12 }), async (entries) => {
      assert.deepEqual(await misdeeds(entries), []);
    }),
    { numRuns: 500 },
  );
});
