/** Three runtimes, each with its own Node on every start path. https://docs.aws.amazon.com/lambda/latest/dg/lambda-nodejs.html */
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { Hearth } from './testing/hearth.ts';

const VERSIONS = { 'nodejs22.x': 'v22.23.3', 'nodejs24.x': 'v24.21.0', 'nodejs26.x': 'v26.10.0' } as const;
type Runtime = keyof typeof VERSIONS;
const RUNTIMES = Object.keys(VERSIONS) as Runtime[];

/** What tells one Node from another, and what code of all kinds does. */
const PROBE = `
import { execFileSync } from 'node:child_process';
import { createServer } from 'node:http';
import { once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import { Worker } from 'node:worker_threads';

// (module (func (export "add") (param i32 i32) (result i32) local.get 0 local.get 1 i32.add))
const ADD = Uint8Array.from(Buffer.from('0061736d0100000001070160027f7f017f030201000707010361646400000a09010700200020016a0b', 'hex'));

export const handler = async () => {
  const server = createServer((request, response) => response.end(request.url)).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const fetched = await (await fetch('http://127.0.0.1:' + server.address().port + '/path')).text();
  server.close();
  const { instance } = await WebAssembly.instantiate(ADD);
  const worker = new Worker('require("node:worker_threads").parentPort.postMessage(process.version)', { eval: true });
  const [threads] = await once(worker, 'message');
  const before = Date.now();
  await sleep(20);
  return {
    identity: {
      version: process.version,
      versions: process.versions.node,
      executable: process.execPath,
      child: execFileSync(process.execPath, ['-p', 'process.version'], { encoding: 'utf8' }).trim(),
      threads,
      environment: process.env.AWS_EXECUTION_ENV,
      path: process.env.NODE_PATH.split(':')[0],
    },
    behaviour: { fetched, sum: instance.exports.add(40, 2), slept: Date.now() - before >= 19 },
  };
};`;

/** What would be the same in all forks of one process if nobody saw to it. */
const RANDOM = `
import { randomInt } from 'node:crypto';
export const handler = async () => {
  await new Promise((resolve) => setTimeout(resolve, 300));
  return [Math.random(), crypto.randomUUID(), randomInt(2 ** 47), crypto.getRandomValues(new Uint32Array(2)).join()];
};`;

/** Makes 1 GB of garbage as it loads, where no quota slows it down, and keeps a little. */
const GARBAGE = `
let kept = [];
for (let round = 0; round < 1000; round++) {
  const piece = Array.from({ length: 10_000 }, (_, i) => ({ i, text: 'x' + i }));
  if (round % 100 === 0) kept = piece;
}
export const handler = async () => kept.length;`;

const OWN = `node_modules/@aws-sdk/client-s3/`;
const SDK = {
  'index.mjs': `
import { S3Client } from '@aws-sdk/client-s3';
import { DynamoDBDocumentClient } from '@aws-sdk/lib-dynamodb';
export const handler = async () => [S3Client.name, DynamoDBDocumentClient.name, (await import('@aws-sdk/client-sqs')).SQSClient.name];`,
  'common.cjs': `
const { S3Client } = require('@aws-sdk/client-s3');
exports.handler = async () => [S3Client.name, require('@aws-sdk/lib-dynamodb').DynamoDBDocumentClient.name, (await import('@aws-sdk/client-sqs')).SQSClient.name];`,
};
const OWN_SDK = {
  ...SDK,
  [`${OWN}package.json`]: '{"name": "@aws-sdk/client-s3", "main": "index.js"}',
  [`${OWN}index.js`]: 'exports.S3Client = class Own {};',
};

describe('runtimes', () => {
  let hearth: Hearth;

  before(async () => {
    hearth = await Hearth.start({ runtimes: ['nodejs22.x', 'nodejs24.x'] });
  });

  after(() => hearth[Symbol.asyncDispose]());

  /** Invokes a function, which must not fail. */
  async function invoke(name: string): Promise<Awaited<ReturnType<Hearth['invoke']>>> {
    const answer = await hearth.invoke(name);
    assert.equal(answer.error, undefined, `${name}: ${answer.log}`);
    return answer;
  }

  for (const runtime of RUNTIMES) {
    const version = VERSIONS[runtime];
    const settings = { Runtime: runtime, Timeout: 60, MemorySize: 1024 };

    it(`${runtime} is ${version}, and Node does all it does elsewhere, on every start path`, async () => {
      // A runtime's zygote is started once a function of it has been placed.
      for (let attempt = 0; ; attempt++) {
        await hearth.create(`spare-${runtime.slice(6, 8)}-${attempt}`, PROBE, settings);
        if ((await invoke(`spare-${runtime.slice(6, 8)}-${attempt}`)).startPath === 'spare') break;
        assert.ok(attempt < 50, `${runtime} has no spare`);
      }
      const name = `paths-${runtime.slice(6, 8)}`;
      await hearth.create(`${name}-spare`, PROBE, settings);
      await hearth.create(`${name}-fork`, PROBE, { ...settings, EphemeralStorage: { Size: 600 } });
      await hearth.create(`${name}-exec`, PROBE, { ...settings, Environment: { Variables: { TZ: 'UTC' } } });
      for (const path of ['spare', 'fork', 'exec', 'warm']) {
        const { payload, startPath } = await invoke(`${name}-${path === 'warm' ? 'spare' : path}`);
        assert.equal(startPath, path);
        assert.deepEqual(payload.identity, {
          version,
          versions: version.slice(1),
          executable: '/var/lang/bin/node',
          child: version,
          threads: version,
          environment: `AWS_Lambda_${runtime}`,
          path: `/opt/nodejs/node${runtime.slice(6, 8)}/node_modules`,
        });
        assert.deepEqual(payload.behaviour, { fetched: '/path', sum: 42, slept: true });
      }
    });

    it(`forks of ${runtime} have nothing random in common`, async () => {
      const name = `random-${runtime.slice(6, 8)}`;
      await hearth.create(name, RANDOM, { ...settings, MemorySize: 128 });
      const answers = await Promise.all(Array.from({ length: 20 }, () => invoke(name)));
      const forked = answers.filter(({ startPath }) => startPath === 'spare' || startPath === 'fork');
      assert.ok(forked.length > 6, `${forked.length} forks`);
      for (const kind of [0, 1, 2, 3]) {
        assert.equal(new Set(answers.map(({ payload }) => payload[kind])).size, answers.length);
      }
    });

    it(`a function of ${runtime} with 128 MB that makes 1 GB of garbage is collected, not killed`, async () => {
      const name = `garbage-${runtime.slice(6, 8)}`;
      const small = { Runtime: runtime, MemorySize: 128, Timeout: 60 };
      await hearth.create(`${name}-fork`, GARBAGE, small);
      await hearth.create(`${name}-exec`, GARBAGE, { ...small, Environment: { Variables: { TZ: 'UTC' } } });
      const forked = await invoke(`${name}-fork`);
      const anew = await invoke(`${name}-exec`);
      assert.notEqual(forked.startPath, 'exec');
      assert.equal(anew.startPath, 'exec');
      assert.deepEqual([forked.payload, anew.payload], [10_000, 10_000]);
    });

    it(`the AWS SDK is there in ${runtime} for import and require, and a function's own comes first`, async () => {
      // https://docs.aws.amazon.com/lambda/latest/dg/lambda-nodejs.html#nodejs-sdk-included
      const name = `sdk-${runtime.slice(6, 8)}`;
      const anew = { ...settings, Environment: { Variables: { TZ: 'UTC' } } };
      await hearth.create(`${name}-import`, SDK, settings);
      await hearth.create(`${name}-require`, SDK, { ...settings, Handler: 'common.handler' });
      await hearth.create(`${name}-import-exec`, SDK, anew);
      await hearth.create(`${name}-require-exec`, SDK, { ...anew, Handler: 'common.handler' });
      await hearth.create(`${name}-own-import`, OWN_SDK, settings);
      await hearth.create(`${name}-own-require`, OWN_SDK, { ...settings, Handler: 'common.handler' });
      for (const kind of ['import', 'require', 'import-exec', 'require-exec']) {
        const { payload } = await invoke(`${name}-${kind}`);
        assert.deepEqual(payload, ['S3Client', 'DynamoDBDocumentClient', 'SQSClient'], kind);
      }
      for (const kind of ['own-import', 'own-require']) {
        assert.equal((await invoke(`${name}-${kind}`)).payload[0], 'Own', kind);
      }
    });
  }

  it('nodejs22.x has no experimental features that AWS turns off, unless NODE_OPTIONS turns them on', async () => {
    // https://docs.aws.amazon.com/lambda/latest/dg/lambda-nodejs.html, the table of experimental features.
    const files = {
      'index.cjs': `exports.handler = async () => { try { return require('./module.mjs').answer; } catch (error) { return error.code; } };`,
      'module.mjs': 'export const answer = 42;',
      'detected.js': 'export const handler = async () => 42;',
    };
    const on = { NODE_OPTIONS: '--experimental-require-module --experimental-detect-module' };
    const settings = { Runtime: 'nodejs22.x', MemorySize: 512, Timeout: 30 } as const;
    const detected = { ...settings, Handler: 'detected.handler' };
    await hearth.create('require22', files, settings);
    await hearth.create('require22-on', files, { ...settings, Environment: { Variables: on } });
    await hearth.create('detect22', files, detected);
    await hearth.create('detect22-on', files, { ...detected, Environment: { Variables: on } });
    assert.equal((await invoke('require22')).payload, 'ERR_REQUIRE_ESM');
    assert.equal((await invoke('require22-on')).payload, 42);
    assert.equal((await hearth.invoke('detect22')).payload.errorType, 'Runtime.UserCodeSyntaxError');
    assert.equal((await invoke('detect22-on')).payload, 42);
    await hearth.create('detect24', files, { ...detected, Runtime: 'nodejs24.x' });
    assert.equal((await invoke('detect24')).payload, 42);
  });
});
