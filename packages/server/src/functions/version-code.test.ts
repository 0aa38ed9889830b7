/** The code of a published version is kept as long as the version is there, and readable to its account. */
import assert from 'node:assert/strict';
import { hash } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { zipOf } from '../api/testing/api-server.ts';
import { FilesystemBlobStore } from '../storage/filesystem/blob-store.ts';
import { SqliteMetadataStore } from '../storage/sqlite/metadata-store.ts';
import { Functions } from './functions.ts';

const OWNER = { account: '000000000000', region: 'us-east-1' };
/** Longer than code is kept that nobody uses. */
const LATER = 61_000;

test('code goes when $LATEST has other code and the last version with it is deleted', async () => {
  const directory = await mkdtemp(join(tmpdir(), 'hearth-version-code-'));
  await using stack = new AsyncDisposableStack();
  stack.defer(() => rm(directory, { recursive: true }));
  const metadata = stack.use(await SqliteMetadataStore.open(join(directory, 'functions.db')));
  const blobs = await FilesystemBlobStore.open(join(directory, 'blobs'));
  let time = 0;
  const due: (() => void)[] = [];
  const functions = stack.use(
    await Functions.open({
      metadata,
      layers: metadata.layers,
      capacityProviders: metadata.capacityProviders,
      instanceCpus: 2,
      blobs,
      runtimes: { state: () => 'ready', failure: () => undefined, want: () => {} },
      architectures: ['x86_64'],
      concurrency: () => 1000,
      now: () => time,
      schedule: (_milliseconds, callback) => {
        due.push(callback);
        return { [Symbol.dispose]: () => {} };
      },
      onError: (error) => assert.fail(String(error)),
    }),
  );
  const [one, two] = await Promise.all([1, 2].map((n) => zipOf({ 'index.js': `exports.n = ${n}` })));
  const sha256 = hash('sha256', one!);
  const FunctionName = 'f';
  const update = (zip: Buffer) => functions.updateCode(OWNER, { FunctionName, ZipFile: zip });
  /** Lets time pass, and says whether the first code is still there. */
  const kept = async () => {
    time += LATER;
    for (const callback of due.splice(0)) callback();
    // The sweep is waited for by whoever stores something.
    await update(await zipOf({ 'index.js': String(time) }));
    return (await blobs.list()).includes(sha256);
  };

  await functions.create(OWNER, {
    FunctionName,
    Runtime: 'nodejs26.x',
    Handler: 'index.handler',
    Role: 'arn:aws:iam::000000000000:role/r',
    Code: { ZipFile: one! },
    Publish: true,
  });
  await update(two!);
  await functions.updateConfiguration(OWNER, { FunctionName, Timeout: 9 });
  assert.equal(await kept(), true);
  // A second version with the same code keeps it too.
  await update(one!);
  await functions.updateConfiguration(OWNER, { FunctionName, Timeout: 10 });
  await functions.versions.publish(OWNER, { FunctionName });
  await update(two!);
  await functions.delete(OWNER, FunctionName, '1');
  assert.equal(await kept(), true);
  await functions.delete(OWNER, FunctionName, '2');
  assert.equal(await kept(), false);
});
