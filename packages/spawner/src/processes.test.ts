import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Cgroup } from '@hearth/linux';
import { endProcesses } from './processes.ts';

test('it waits for processes below, which the kernel ends in its own time', async () => {
  let kills = 0;
  const below = { processes: () => (kills < 3 ? [1] : []), children: (): string[] => [] };
  const group = { kill: () => (kills += 1), processes: () => [], children: () => ['below'], child: () => below };
  await endProcesses(group as unknown as Cgroup);
  assert.equal(kills, 3);
});
