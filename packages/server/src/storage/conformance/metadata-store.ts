import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { FunctionRecord } from '../../functions/function-record.ts';
import type { MetadataStore } from '../../functions/ports.ts';

export function functionRecord(name: string, over: Partial<FunctionRecord> = {}): FunctionRecord {
  return {
    account: '000000000000',
    region: 'us-east-1',
    name,
    settings: {
      runtime: 'nodejs26.x',
      handler: 'index.handler',
      role: 'arn:aws:iam::000000000000:role/r',
      description: 'snow ☃ and "quotes"',
      timeout: 3,
      memorySize: 128,
      environment: { A: '1' },
      ephemeralStorage: 512,
      tracing: 'PassThrough',
      snapStart: 'None',
      logGroup: `/aws/lambda/${name}`,
    },
    architecture: 'x86_64',
    code: { sha256: 'ab'.repeat(32), size: 10 },
    tags: {},
    revision: 1,
    revisionId: 'r1',
    uid: 'u1',
    lastModified: 0,
    ...over,
  };
}

/**
 * What every metadata store does.
 *
 * @param open opens the store of one place; called again after disposal it must find what was put there before.
 */
export function metadataStoreConformance(
  name: string,
  place: () => Promise<{ open: () => Promise<MetadataStore> }>,
): void {
  test(`${name}: what was put is there, whole, and after opening again too`, async () => {
    const { open } = await place();
    {
      await using store = await open();
      assert.deepEqual(await store.all(), []);
      await store.put(functionRecord('one'));
      await store.put(functionRecord('two'));
    }
    await using store = await open();
    const all = (await store.all()).sort((a, b) => a.name.localeCompare(b.name));
    assert.deepEqual(all, [functionRecord('one'), functionRecord('two')]);
  });

  test(`${name}: put replaces the function of the same account, region and name, and no other`, async () => {
    await using store = await (await place()).open();
    await store.put(functionRecord('one'));
    await store.put(functionRecord('one', { region: 'eu-west-1' }));
    await store.put(functionRecord('one', { account: '111111111111' }));
    await store.put(functionRecord('one', { revision: 2 }));
    const all = await store.all();
    assert.equal(all.length, 3);
    assert.deepEqual(all.map(({ account, region, revision }) => `${account} ${region} ${revision}`).sort(), [
      '000000000000 eu-west-1 1',
      '000000000000 us-east-1 2',
      '111111111111 us-east-1 1',
    ]);
  });

  test(`${name}: delete removes one function, and is no error where there is none`, async () => {
    await using store = await (await place()).open();
    await store.put(functionRecord('one'));
    await store.put(functionRecord('two'));
    await store.delete(functionRecord('one'));
    await store.delete(functionRecord('three'));
    assert.deepEqual(await store.all(), [functionRecord('two')]);
  });

  test(`${name}: many changes at once are all kept`, async () => {
    await using store = await (await place()).open();
    await Promise.all(Array.from({ length: 100 }, (_, i) => store.put(functionRecord(`f${i}`))));
    assert.equal((await store.all()).length, 100);
  });

  test(`${name}: a closed store says so`, async () => {
    const store = await (await place()).open();
    await store[Symbol.asyncDispose]();
    await store[Symbol.asyncDispose]();
    await assert.rejects(store.put(functionRecord('one')), /closed/);
  });
}
