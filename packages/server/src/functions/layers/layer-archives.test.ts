/**
 * The archive of a layer version is kept as long as the version, a function or a published version has it.
 *
 * https://docs.aws.amazon.com/lambda/latest/dg/delete-layer.html
 */
import assert from 'node:assert/strict';
import { hash } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, test } from 'node:test';
import { zipOf } from '../../api/testing/api-server.ts';
import { FilesystemBlobStore } from '../../storage/filesystem/blob-store.ts';
import { SqliteMetadataStore } from '../../storage/sqlite/metadata-store.ts';
import { Functions } from '../functions.ts';

const OWNER = { account: '000000000000', region: 'us-east-1' };
const LAYER = await zipOf({ file: 'of the layer' });
const OTHER = await zipOf({ file: 'of the other layer' });
const CODE = await zipOf({ 'index.js': '' });
/** Longer than code is kept that nobody uses. */
const LATER = 61_000;

let directory: string;
let metadata: SqliteMetadataStore;
let blobs: FilesystemBlobStore;
let functions: Functions;
let time = 0;
let due: (() => void)[] = [];
/** What the next write of a function fails with. */
let failure: Error | undefined;

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'hearth-layer-archives-'));
  metadata = await SqliteMetadataStore.open(join(directory, 'functions.db'));
  blobs = await FilesystemBlobStore.open(join(directory, 'blobs'));
  const put = metadata.put.bind(metadata);
  metadata.put = (...args) => (failure === undefined ? put(...args) : Promise.reject(failure));
  functions = await Functions.open({
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
  });
});

afterEach(async () => {
  failure = undefined;
  due = [];
  await functions[Symbol.asyncDispose]();
  await metadata[Symbol.asyncDispose]();
  await rm(directory, { recursive: true });
});

/** Lets time pass, and says whether an archive is still there. */
async function kept(archive: Buffer): Promise<boolean> {
  time += LATER;
  for (const callback of due.splice(0)) callback();
  // The sweep is waited for by whoever stores something.
  await functions.layers.publish(OWNER, {
    LayerName: 'sweep',
    Content: { ZipFile: await zipOf({ time: String(time) }) },
  });
  return (await blobs.list()).includes(hash('sha256', archive));
}

async function publish(name: string, archive: Buffer): Promise<string> {
  const { version } = await functions.layers.publish(OWNER, { LayerName: name, Content: { ZipFile: archive } });
  return `arn:aws:lambda:us-east-1:000000000000:layer:${name}:${version}`;
}

const create = (layers: string[]) =>
  functions.create(OWNER, {
    FunctionName: 'f',
    Runtime: 'nodejs26.x',
    Handler: 'index.handler',
    Role: 'arn:aws:iam::000000000000:role/r',
    Code: { ZipFile: CODE },
    Layers: layers,
  });

const configure = (change: object) => functions.updateConfiguration(OWNER, { FunctionName: 'f', ...change });

test('by the layer version itself', async () => {
  await publish('one', LAYER);
  assert.equal(await kept(LAYER), true);
  await functions.layers.delete(OWNER, 'one', 1);
  assert.equal(await kept(LAYER), false);
});

test('by a function, through other changes of it, until it has other layers', async () => {
  const [one, two] = [await publish('one', LAYER), await publish('two', OTHER)];
  await create([one]);
  await functions.layers.delete(OWNER, 'one', 1);
  assert.equal(await kept(LAYER), true);
  await configure({ Timeout: 4 });
  await functions.updateCode(OWNER, { FunctionName: 'f', ZipFile: await zipOf({ 'index.js': '2' }) });
  assert.equal(await kept(LAYER), true);
  await configure({ Layers: [two] });
  assert.equal(await kept(LAYER), false);
  await functions.layers.delete(OWNER, 'two', 1);
  assert.equal(await kept(OTHER), true);
  await functions.delete(OWNER, 'f');
  assert.equal(await kept(OTHER), false);
});

test('by a published version', async () => {
  const one = await publish('one', LAYER);
  await create([one]);
  await functions.layers.delete(OWNER, 'one', 1);
  await functions.versions.publish(OWNER, { FunctionName: 'f' });
  await configure({ Layers: [] });
  assert.equal(await kept(LAYER), true);
  assert.deepEqual(functions.resolve(OWNER, 'f', '1').spec.layers, [
    { sha256: hash('sha256', LAYER), size: LAYER.length },
  ]);
  assert.equal(functions.resolve(OWNER, 'f').spec.layers, undefined);
  await functions.delete(OWNER, 'f', '1');
  assert.equal(await kept(LAYER), false);
});

test('by nobody whose change could not be written', async () => {
  const [one, two] = [await publish('one', LAYER), await publish('two', OTHER)];
  await create([one]);
  failure = new Error('the disk is full');
  await assert.rejects(configure({ Layers: [two] }), /the disk is full/);
  failure = undefined;
  await functions.layers.delete(OWNER, 'one', 1);
  await functions.layers.delete(OWNER, 'two', 1);
  assert.equal(await kept(OTHER), false);
  assert.equal(await kept(LAYER), true);
});
