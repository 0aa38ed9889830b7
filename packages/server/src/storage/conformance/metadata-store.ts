import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { FunctionRecord, VersionRecord } from '../../functions/function-record.ts';
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

export function versionRecord(name: string, version: number, over: Partial<VersionRecord> = {}): VersionRecord {
  const { account, region, settings, architecture, code, uid } = functionRecord(name);
  return {
    account,
    region,
    name,
    settings,
    architecture,
    code,
    uid,
    version,
    description: `version ${version}`,
    revisionId: `v${version}`,
    lastModified: version,
    ...over,
  };
}

/** All that a store has, in order. */
async function contents(store: MetadataStore): Promise<{ functions: FunctionRecord[]; versions: VersionRecord[] }> {
  const { functions, versions } = await store.all();
  const byName = (a: FunctionRecord, b: FunctionRecord) => a.name.localeCompare(b.name);
  const byNameAndNumber = (a: VersionRecord, b: VersionRecord) => a.name.localeCompare(b.name) || a.version - b.version;
  return { functions: functions.sort(byName), versions: versions.sort(byNameAndNumber) };
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
      assert.deepEqual(await store.all(), { functions: [], versions: [] });
      await store.put(functionRecord('one'));
      await store.put(functionRecord('two'));
      await store.put(functionRecord('two', { lastVersion: 1 }), versionRecord('two', 1));
    }
    await using store = await open();
    assert.deepEqual(await contents(store), {
      functions: [functionRecord('one'), functionRecord('two', { lastVersion: 1 })],
      versions: [versionRecord('two', 1)],
    });
  });

  test(`${name}: put replaces the function of the same account, region and name, and no other`, async () => {
    await using store = await (await place()).open();
    await store.put(functionRecord('one'));
    await store.put(functionRecord('one', { region: 'eu-west-1' }));
    await store.put(functionRecord('one', { account: '111111111111' }));
    await store.put(functionRecord('one', { revision: 2 }));
    const { functions } = await store.all();
    assert.equal(functions.length, 3);
    assert.deepEqual(functions.map(({ account, region, revision }) => `${account} ${region} ${revision}`).sort(), [
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
    assert.deepEqual((await store.all()).functions, [functionRecord('two')]);
  });

  test(`${name}: a function's versions are its own, stay when it changes, and go one by one or with it`, async () => {
    await using store = await (await place()).open();
    const elsewhere = { region: 'eu-west-1' };
    for (const number of [1, 2, 10]) {
      await store.put(functionRecord('one', { lastVersion: number }), versionRecord('one', number));
    }
    await store.put(functionRecord('two'), versionRecord('two', 1));
    await store.put(functionRecord('one', elsewhere), versionRecord('one', 1, elsewhere));
    await store.put(functionRecord('one', { revision: 2 }));
    await store.putVersion(versionRecord('one', 2, { description: 'another' }));
    await store.deleteVersion(functionRecord('one'), 1);
    await store.deleteVersion(functionRecord('one'), 7);
    await store.deleteVersion(functionRecord('three'), 1);
    await store.delete(functionRecord('one', elsewhere));
    const { functions, versions } = await contents(store);
    assert.deepEqual(functions, [functionRecord('one', { revision: 2 }), functionRecord('two')]);
    assert.deepEqual(versions, [
      versionRecord('one', 2, { description: 'another' }),
      versionRecord('one', 10),
      versionRecord('two', 1),
    ]);
    await store.delete(functionRecord('one'));
    assert.deepEqual(await store.all(), { functions: [functionRecord('two')], versions: [versionRecord('two', 1)] });
  });

  test(`${name}: a version of no function is refused, and a function is not written without its version`, async () => {
    await using store = await (await place()).open();
    await assert.rejects(store.putVersion(versionRecord('one', 1)));
    await assert.rejects(store.put(functionRecord('one'), versionRecord('two', 1)));
    assert.deepEqual(await store.all(), { functions: [], versions: [] });
  });

  test(`${name}: many changes at once are all kept`, async () => {
    await using store = await (await place()).open();
    await Promise.all(Array.from({ length: 100 }, (_, i) => store.put(functionRecord(`f${i}`))));
    assert.equal((await store.all()).functions.length, 100);
  });

  test(`${name}: a closed store says so`, async () => {
    const store = await (await place()).open();
    await store[Symbol.asyncDispose]();
    await store[Symbol.asyncDispose]();
    await assert.rejects(store.put(functionRecord('one')), /closed/);
  });
}
