import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Spares } from './spares.ts';

test('a spare whose slot somebody waits for is ended when it is ready, and not made again at once', async () => {
  let awaited = false;
  const ended: number[] = [];
  let made = 0;
  const spares = new Spares<number>({
    usual: 2,
    make: () => Promise.resolve(++made),
    usable: () => true,
    end: (spare) => void ended.push(spare),
    scarce: () => awaited,
    awaited: () => awaited,
    busy: () => false,
    warn: assert.fail,
  });
  awaited = true;
  await spares.fill();
  assert.deepEqual([made, ended], [2, [1, 2]]);
  assert.equal(spares.giveUp(), false);
  awaited = false;
  await spares.fill();
  assert.equal(spares.take(), 4);
});
