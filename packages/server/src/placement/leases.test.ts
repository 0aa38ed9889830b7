import assert from 'node:assert/strict';
import { test } from 'node:test';
import { testSpec } from '../instances/testing/spec.ts';
import { NO_LEASE } from './sandbox.ts';
import type { Sandbox } from './sandbox.ts';
import { LeanManager } from './testing/lean-manager.ts';

const spec = testSpec({ code: { sha256: '0'.repeat(64), size: 1 } });

/** A manager with a sandbox that executes. */
async function executing(): Promise<{ lean: LeanManager; sandbox: Sandbox }> {
  const lean = new LeanManager({ instanceMemoryMb: 1024, warmInstances: 1, maxMemoryMb: 4096 });
  await lean.capacity.start();
  const placing = lean.place(spec);
  lean.obey();
  const sandbox = await placing;
  lean.initialise(sandbox);
  return { lean, sandbox };
}

test('a late answer of an old lease is not heard: the sandbox is the next one’s (X6, Z2)', async () => {
  const { lean, sandbox } = await executing();
  const { manager } = lean;
  const first = sandbox.lease;
  assert.notEqual(first, NO_LEASE);
  manager.release(sandbox, first, 0);
  assert.equal(sandbox.state, 'idle');
  assert.equal(manager.takeIdle(spec), sandbox);
  assert.notEqual(sandbox.lease, first);
  manager.release(sandbox, first, 0);
  assert.equal(sandbox.state, 'executing', 'an answer that came twice');
  manager.abandon(sandbox, first, 'it timed out');
  assert.equal(sandbox.state, 'executing', 'a time-out that came too late');
  manager.release(sandbox, sandbox.lease, 0);
  assert.equal(sandbox.state, 'idle');
});

test('a lease ends by a time-out with its sandbox, and by the loss of that (Z2)', async () => {
  const { lean, sandbox } = await executing();
  const { lease } = sandbox;
  lean.manager.abandon(sandbox, lease, 'it timed out');
  assert.equal(sandbox.state, 'shutting-down');
  lean.manager.release(sandbox, lease, 0);
  assert.equal(sandbox.state, 'shutting-down', 'its answer comes too late');
  lean.obey();
  assert.equal(sandbox.state, 'dead');
  assert.equal(sandbox.lease, NO_LEASE);
});

test('nobody has a lease of a sandbox that is idle: nothing that is said of one is heard (Z2)', async () => {
  const { lean, sandbox } = await executing();
  const { lease } = sandbox;
  lean.manager.release(sandbox, lease, 0);
  lean.manager.abandon(sandbox, lease, 'it timed out');
  assert.deepEqual([sandbox.state, sandbox.lease], ['idle', NO_LEASE]);
});
