import assert from 'node:assert/strict';
import { createHash, randomBytes } from 'node:crypto';
import { buffer } from 'node:stream/consumers';
import { test } from 'node:test';
import type { BlobStore } from '../../functions/ports.ts';

async function read(store: BlobStore, sha256: string): Promise<Buffer | undefined> {
  const blob = await store.open(sha256);
  return blob && buffer(blob.stream);
}

/**
 * What every blob store does.
 *
 * @param open makes an empty store, or opens the one of a place again.
 */
export function blobStoreConformance(name: string, place: () => Promise<{ open: () => Promise<BlobStore> }>): void {
  test(`${name}: bytes are found by their SHA-256, also by a store opened later`, async () => {
    const { open } = await place();
    const bytes = randomBytes(3_000_000);
    const ref = await (await open()).put(bytes);
    assert.deepEqual(ref, { sha256: createHash('sha256').update(bytes).digest('hex'), size: bytes.length });
    const again = await open();
    const blob = await again.open(ref.sha256);
    assert.equal(blob?.size, bytes.length);
    assert.deepEqual(await buffer(blob.stream), bytes);
  });

  test(`${name}: the same bytes put several times at once are one blob`, async () => {
    const store = await (await place()).open();
    const bytes = randomBytes(700_000);
    const refs = await Promise.all([store.put(bytes), store.put(bytes), store.put(bytes)]);
    assert.deepEqual(await store.list(), [refs[0].sha256]);
    assert.deepEqual(await read(store, refs[0].sha256), bytes);
  });

  test(`${name}: a reader may stop in the middle`, async () => {
    const store = await (await place()).open();
    const { sha256 } = await store.put(randomBytes(1_000_000));
    const blob = await store.open(sha256);
    for await (const chunk of blob!.stream) {
      assert.ok((chunk as Buffer).length > 0);
      break;
    }
    assert.equal(blob!.stream.destroyed, true);
  });

  test(`${name}: a blob that isn't there is undefined, and deleting it no error`, async () => {
    const store = await (await place()).open();
    const sha256 = '0'.repeat(64);
    assert.equal(await store.open(sha256), undefined);
    await store.delete(sha256);
  });

  test(`${name}: delete removes one blob`, async () => {
    const store = await (await place()).open();
    const one = await store.put(Buffer.from('one'));
    const two = await store.put(Buffer.from('two'));
    await store.delete(one.sha256);
    assert.deepEqual(await store.list(), [two.sha256]);
    assert.equal(await store.open(one.sha256), undefined);
  });

  test(`${name}: nothing but a SHA-256 names a blob`, async () => {
    const store = await (await place()).open();
    await assert.rejects(async () => store.open('../../etc/passwd'), /not a hex SHA-256/);
    await assert.rejects(async () => store.delete('../x'), /not a hex SHA-256/);
  });

  test(`${name}: no bytes are a blob too`, async () => {
    const store = await (await place()).open();
    const { sha256 } = await store.put(Buffer.alloc(0));
    assert.deepEqual(await read(store, sha256), Buffer.alloc(0));
  });
}
