import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Ring } from './ring.ts';

const accounts = Array.from({ length: 10_000 }, (_, index) => String(100_000_000_000 + index));

test('accounts are spread evenly over the managers, and each has all of them in an order of its own (X7)', () => {
  const ring = new Ring(5, 'shared');
  const owned = [0, 0, 0, 0, 0];
  for (const account of accounts) {
    const order = ring.order(account);
    assert.deepEqual(
      order.toSorted((a, b) => a - b),
      [0, 1, 2, 3, 4],
    );
    owned[order[0]!]!++;
  }
  for (const count of owned) assert.ok(count > 1_400 && count < 2_600, `${owned.join(', ')} of 10,000`);
});

test('with one manager more only that one gets accounts of others (N1)', () => {
  const [before, after] = [new Ring(5, 'shared'), new Ring(6, 'shared')];
  let moved = 0;
  for (const account of accounts) {
    const [was, is] = [before.order(account)[0], after.order(account)[0]];
    if (was === is) continue;
    assert.equal(is, 5);
    moved++;
  }
  assert.ok(moved > 1_000 && moved < 2_400, `${moved} of 10,000 moved`);
});

test('another arc divides the same keys otherwise (N2)', () => {
  const [shared, reserved] = [new Ring(5, 'shared'), new Ring(5, 'reserved')];
  const same = accounts.filter((account) => shared.order(account)[0] === reserved.order(account)[0]);
  assert.ok(same.length < 3_000, `${same.length} of 10,000 have the same manager on both`);
});

test('the order is the same in every process: it depends on the key alone (N1)', () => {
  assert.deepEqual(new Ring(4, 'shared').order('111111111111'), new Ring(4, 'shared').order('111111111111'));
  assert.deepEqual(new Ring(1, 'shared').order('111111111111'), [0]);
});
