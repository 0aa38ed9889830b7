import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import { test } from 'node:test';
import { MAX_INSTANCES } from './names.ts';
import { claimPlace } from './places.ts';

/** Runs a program that has `claimPlace`, and takes what it prints. */
function elsewhere(program: string, ...wrapper: string[]): string {
  const prelude = `import { claimPlace } from ${JSON.stringify(join(import.meta.dirname, 'places.ts'))};`;
  const command = [...wrapper, process.execPath, '--input-type=module', '-e', prelude + program];
  return execFileSync(command[0]!, command.slice(1), { encoding: 'utf8' }).trim();
}

test('nobody gets a place that is taken, not even in another process, until it is given back', async () => {
  const one = await claimPlace();
  using other = await claimPlace(one.index);
  assert.notEqual(other.index, one.index);
  const third = elsewhere(`console.log((await claimPlace(${one.index})).index); process.exit();`);
  assert.ok(![one.index, other.index].includes(Number(third)), `${third} is taken`);
  one[Symbol.dispose]();
  using again = await claimPlace(one.index);
  assert.equal(again.index, one.index);
});

test('when all places are taken it says so', () => {
  // In a network of its own, whose names are its own too: instances of other tests need places meanwhile.
  const said = elsewhere(
    `const all = new Set();
    try { for (;;) all.add((await claimPlace()).index); }
    catch ({ message }) { console.log(all.size, message); process.exit(); }`,
    'unshare',
    '--net',
  );
  assert.match(said, new RegExp(`^${MAX_INSTANCES} there are ${MAX_INSTANCES} instances on this machine already`));
});
