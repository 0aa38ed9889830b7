import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { CapacityProviderStore } from '../../functions/capacity-providers/ports.ts';
import type { CapacityProviderRecord } from '../../functions/capacity-providers/record.ts';

function provider(name: string, over: Partial<CapacityProviderRecord> = {}): CapacityProviderRecord {
  return {
    account: '000000000000',
    region: 'us-east-1',
    name,
    subnetIds: ['subnet-1'],
    securityGroupIds: [],
    operatorRole: 'arn:aws:iam::000000000000:role/operator',
    architectures: ['x86_64'],
    maxVCpuCount: 8,
    tags: { owner: 'snow ☃' },
    lastModified: 1,
    ...over,
  };
}

/** What every store of capacity providers does. @param place opens the same store each time. */
export function capacityProviderStoreConformance(
  name: string,
  place: () => Promise<{ open: () => Promise<AsyncDisposable & { capacityProviders: CapacityProviderStore }> }>,
): void {
  test(`${name}: capacity providers are kept, replaced and deleted, also over an end of the store`, async () => {
    const { open } = await place();
    {
      await using store = await open();
      const { capacityProviders } = store;
      assert.deepEqual(await capacityProviders.all(), []);
      await capacityProviders.put(provider('a'));
      await capacityProviders.put(provider('a', { account: '111111111111' }));
      await capacityProviders.put(provider('a', { region: 'eu-west-1' }));
      await capacityProviders.put(provider('a', { maxVCpuCount: 2 }));
      await capacityProviders.delete({ account: '000000000000', region: 'eu-west-1', name: 'a' });
      await capacityProviders.delete({ account: '000000000000', region: 'eu-west-1', name: 'a' });
    }
    await using store = await open();
    const all = await store.capacityProviders.all();
    all.sort((one, other) => (one.account < other.account ? -1 : 1));
    assert.deepEqual(all, [provider('a', { maxVCpuCount: 2 }), provider('a', { account: '111111111111' })]);
  });
}
