import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { LayerVersionRecord } from '../../functions/layers/layer-record.ts';
import type { LayerStore } from '../../functions/layers/ports.ts';

function layerVersion(name: string, version: number, over: Partial<LayerVersionRecord> = {}): LayerVersionRecord {
  return {
    account: '000000000000',
    region: 'us-east-1',
    name,
    version,
    code: { sha256: 'ab'.repeat(32), size: 10 },
    unzippedSize: 20,
    description: 'snow ☃ and "quotes"',
    licenseInfo: 'MIT',
    compatibleRuntimes: ['nodejs26.x'],
    created: 1,
    policy: { statements: [{ sid: 'all', principal: '*' }], revisionId: 'r1' },
    ...over,
  };
}

const place = ({ account, region, name, version }: LayerVersionRecord) => `${account} ${region} ${name} ${version}`;
const lasts = async (store: LayerStore) =>
  (await store.all()).layers
    .map(({ account, region, name, lastVersion }) => `${account} ${region} ${name} ${lastVersion}`)
    .sort();

/**
 * What every layer store does.
 *
 * @param places makes a place, whose `open` opens its store; called again after disposal it must find what was put before.
 */
export function layerStoreConformance(
  name: string,
  places: () => Promise<{ open: () => Promise<AsyncDisposable & { layers: LayerStore }> }>,
): void {
  test(`${name}: what was put is there, whole, and after opening again too`, async () => {
    const { open } = await places();
    {
      await using opened = await open();
      const { layers: store } = opened;
      assert.deepEqual(await store.all(), { versions: [], layers: [] });
      await store.put(layerVersion('one', 1));
      await store.put(layerVersion('one', 2));
      await store.put(layerVersion('two', 1));
    }
    await using opened = await open();
    const { layers: store } = opened;
    const { versions } = await store.all();
    assert.deepEqual(
      versions.sort((a, b) => place(a).localeCompare(place(b))),
      [layerVersion('one', 1), layerVersion('one', 2), layerVersion('two', 1)],
    );
    assert.deepEqual(await lasts(store), ['000000000000 us-east-1 one 2', '000000000000 us-east-1 two 1']);
  });

  test(`${name}: put replaces the version of the same account, region, name and number, and no other`, async () => {
    await using opened = await (await places()).open();
    const { layers: store } = opened;
    await store.put(layerVersion('one', 1));
    await store.put(layerVersion('one', 1, { region: 'eu-west-1' }));
    await store.put(layerVersion('one', 1, { account: '111111111111' }));
    await store.put(layerVersion('one', 2));
    await store.put(layerVersion('one', 1, { description: 'changed' }));
    const { versions } = await store.all();
    assert.deepEqual(versions.map((record) => `${place(record)} ${record.description.length}`).sort(), [
      '000000000000 eu-west-1 one 1 19',
      '000000000000 us-east-1 one 1 7',
      '000000000000 us-east-1 one 2 19',
      '111111111111 us-east-1 one 1 19',
    ]);
    assert.ok((await lasts(store)).includes('000000000000 us-east-1 one 2'), 'an older version lowers nothing');
  });

  test(`${name}: delete removes one version, and is no error where there is none; the highest number is remembered`, async () => {
    const { open } = await places();
    {
      await using opened = await open();
      const { layers: store } = opened;
      for (const version of [1, 2, 3]) await store.put(layerVersion('one', version));
      await store.delete(layerVersion('one', 3));
      await store.delete(layerVersion('one', 2));
      await store.delete(layerVersion('one', 4));
      await store.delete(layerVersion('two', 1));
    }
    await using opened = await open();
    const { layers: store } = opened;
    assert.deepEqual((await store.all()).versions, [layerVersion('one', 1)]);
    await store.delete(layerVersion('one', 1));
    assert.deepEqual((await store.all()).versions, []);
    assert.deepEqual(await lasts(store), ['000000000000 us-east-1 one 3']);
  });

  test(`${name}: many changes at once are all kept`, async () => {
    await using opened = await (await places()).open();
    const { layers: store } = opened;
    await Promise.all(Array.from({ length: 100 }, (_, i) => store.put(layerVersion('one', i + 1))));
    assert.equal((await store.all()).versions.length, 100);
  });

  test(`${name}: a closed store says so`, async () => {
    const opened = await (await places()).open();
    await opened[Symbol.asyncDispose]();
    await assert.rejects(opened.layers.put(layerVersion('one', 1)), /closed/);
  });
}
