import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { PackageError } from '@hearth/protocol';
import { Yard } from './testing/yard.ts';
import { EXECUTABLE, FILE, LINK, type TestEntry, zipOf } from './testing/zip.ts';

/**
 * Unpacks what may well be refused.
 *
 * @param contents what may come out; anything where absent. @returns what was touched outside, and what is strange inside.
 */
async function misdeeds(archive: Buffer | TestEntry[], contents?: ReadonlySet<string>): Promise<string[]> {
  using yard = new Yard();
  let refused = false;
  try {
    await yard.unpack(archive);
  } catch (error) {
    assert.ok(error instanceof PackageError, String(error));
    refused = true;
  }
  const wrong = Object.entries(yard.unpacked()).filter(([path, about]) => {
    const content = about.replace(/^(\d+ |-> )/, '');
    return !refused && contents !== undefined && !path.endsWith('/') && !contents.has(content);
  });
  if (wrong.length > 0) return wrong.map(([path, about]) => `${path}: ${about}`);
  const modes = Object.entries(yard.unpacked()).filter(([, about]) => !/^(644 |755|-> )/.test(about));
  return [...yard.touched(), ...modes.map(([path, about]) => `${path}: ${about}`)];
}

test('an archive with any bytes changed comes out as it was, inside of its target, or is refused', async () => {
  const entries: TestEntry[] = [
    { name: 'lib/' },
    { name: 'lib/a.js', data: 'text '.repeat(30) },
    { name: 'run', data: '#!/bin/sh', mode: EXECUTABLE, stored: true },
    { name: 'lib/ab/outside', data: '../../outside', mode: LINK },
    { name: 'out', data: '../outside', mode: LINK, stored: true, streamed: true },
    { name: 'ou_/secret', data: 'changed', zip64: true },
  ];
  const good = zipOf(entries);
  const contents = new Set(entries.map(({ data }) => String(data ?? '')));
  // Half of the changes where names, sizes and places stand.
  const directory = good.indexOf(Buffer.from('PK\x01\x02'));
  const place = fc.oneof(fc.nat(good.length - 1), fc.integer({ min: directory, max: good.length - 1 }));
  const change = fc.tuple(place, fc.nat(255));
  await fc.assert(
    fc.asyncProperty(fc.array(change, { minLength: 1, maxLength: 8 }), async (changes) => {
      const archive = Buffer.from(good);
      for (const [position, value] of changes) archive[position] = value;
      assert.deepEqual(await misdeeds(archive, contents), []);
    }),
    { numRuns: 1000 },
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
