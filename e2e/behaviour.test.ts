/** What a function sees of its sandbox, and what becomes of the sandbox between its invocations. */
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { after, before, describe, it } from 'node:test';
import { UpdateFunctionCodeCommand, waitUntilFunctionUpdatedV2 } from '@aws-sdk/client-lambda';
import { Hearth, zipOf } from './testing/hearth.ts';

/** Answers with the log stream, of which each sandbox has its own. */
const WHO = `export const handler = async ({ ms = 0 }) => {
  await new Promise((resolve) => setTimeout(resolve, ms));
  return process.env.AWS_LAMBDA_LOG_STREAM_NAME;
};`;

describe('a function', () => {
  let hearth: Hearth;

  before(async () => {
    hearth = await Hearth.start();
    await hearth.create('who', WHO, { Timeout: 30 });
  });

  after(() => hearth[Symbol.asyncDispose]());

  /** Creates a function whose handler's body this is, and invokes it. */
  async function answer(name: string, body: string, settings: Parameters<Hearth['create']>[2] = {}): Promise<any> {
    await hearth.create(name, `export const handler = async (event, context) => {${body}};`, {
      Timeout: 60,
      ...settings,
    });
    const { payload, error, log } = await hearth.invoke(name);
    assert.equal(error, undefined, log);
    return payload;
  }

  describe('sees', () => {
    // https://docs.aws.amazon.com/lambda/latest/dg/configuration-envvars.html#configuration-envvars-runtime
    it("AWS's variables and its own", async () => {
      const environment = await answer('variables', 'return process.env', {
        Environment: { Variables: { COLOUR: 'red', EMPTY: '', AWS_XRAY_CONTEXT_MISSING: 'IGNORE_ERROR' } },
        MemorySize: 192,
      });
      const stream = environment.AWS_LAMBDA_LOG_STREAM_NAME;
      assert.match(stream, /^\d{4}\/\d\d\/\d\d\/\[\$LATEST\][\da-f]{32}$/);
      for (const [name, value] of Object.entries({
        _HANDLER: 'index.handler',
        AWS_DEFAULT_REGION: 'us-east-1',
        AWS_EXECUTION_ENV: 'AWS_Lambda_nodejs26.x',
        AWS_LAMBDA_FUNCTION_MEMORY_SIZE: '192',
        AWS_LAMBDA_FUNCTION_NAME: 'variables',
        AWS_LAMBDA_FUNCTION_VERSION: '$LATEST',
        AWS_LAMBDA_INITIALIZATION_TYPE: 'on-demand',
        AWS_LAMBDA_LOG_GROUP_NAME: '/aws/lambda/variables',
        AWS_REGION: 'us-east-1',
        AWS_XRAY_CONTEXT_MISSING: 'IGNORE_ERROR',
        AWS_XRAY_DAEMON_ADDRESS: '169.254.100.1:2000',
        COLOUR: 'red',
        EMPTY: '',
        LAMBDA_RUNTIME_DIR: '/var/runtime',
        LAMBDA_TASK_ROOT: '/var/task',
        LANG: 'en_US.UTF-8',
        TZ: ':UTC',
      })) {
        assert.equal(environment[name], value, name);
      }
      for (const name of ['AWS_ACCESS_KEY_ID', 'AWS_SECRET_ACCESS_KEY', 'AWS_SESSION_TOKEN']) {
        assert.ok(environment[name].length > 0, name);
      }
      for (const name of Object.keys(environment)) assert.doesNotMatch(name, /HEARTH|npm_|NODE_(?!PATH)/);
    });

    it('its context', async () => {
      const context = await answer(
        'context',
        `return { ...context, remaining: context.getRemainingTimeInMillis(), cwd: process.cwd(), id: process.pid > 0 }`,
      );
      assert.match(context.awsRequestId, /^[\da-f]{8}(-[\da-f]{4}){3}-[\da-f]{12}$/);
      assert.match(context.logStreamName, /\[\$LATEST\]/);
      assert.ok(context.remaining > 50_000 && context.remaining <= 60_000, String(context.remaining));
      assert.equal(context.functionName, 'context');
      assert.equal(context.functionVersion, '$LATEST');
      assert.equal(context.invokedFunctionArn, 'arn:aws:lambda:us-east-1:000000000000:function:context');
      assert.equal(context.memoryLimitInMB, '128');
      assert.equal(context.logGroupName, '/aws/lambda/context');
      assert.equal(context.cwd, '/var/task');
    });

    it('the log of each invocation, in the order of its lines', async () => {
      await hearth.create(
        'talk',
        `export const handler = async (event, context) => {
           console.log('one', { two: 2 });
           console.warn('several\\nlines');
           console.error(new Error('shown'));
           process.stdout.write('raw\\n');
           return context.awsRequestId;
         };`,
      );
      const { payload: id, log } = await hearth.invoke('talk');
      const lines = log.split('\n');
      assert.equal(lines[0], `START RequestId: ${id} Version: $LATEST`);
      assert.match(lines[1] ?? '', new RegExp(`^\\d{4}-\\d\\d-\\d\\dT\\S+Z\t${id}\tINFO\tone { two: 2 }$`));
      assert.match(log, new RegExp(`\t${id}\tWARN\tseveral\rlines\n`));
      assert.match(log, new RegExp(`\t${id}\tERROR\tError: shown`));
      const raw = lines.indexOf('raw');
      assert.ok(raw > 0 && lines[raw + 1] === `END RequestId: ${id}`, log);
      assert.match(lines[raw + 2] ?? '', /Init Duration: [\d.]+ ms/);
    });

    // https://docs.aws.amazon.com/lambda/latest/dg/nodejs-logging.html: all that goes to stdout and stderr is logged
    it('in its log what it and its child processes write to descriptors 1 and 2, before END', async () => {
      await hearth.create(
        'descriptors',
        `import fs from 'node:fs';
         import { execFileSync } from 'node:child_process';
         export const handler = async ({ child }) => {
           console.log('console');
           if (child) execFileSync('sh', ['-c', 'echo child; echo child too >&2'], { stdio: 'inherit' });
           fs.writeSync(2, 'line\\n');
           fs.writeSync(1, 'unfinished');
         };`,
        { MemorySize: 1769 },
      );
      for (let count = 0; count < 60; count++) {
        const child = count % 10 === 0;
        const { log } = await hearth.invoke('descriptors', { child });
        const [id, ...lines] = log.split('\n').map((line) => line.replace(/^\S+Z\t\S+\tINFO\t/, ''));
        const written = child ? ['child', 'child too'] : [];
        assert.match(id ?? '', /^START /);
        // What comes on two ways is in no certain order among itself.
        assert.deepEqual(lines.slice(0, -3).toSorted(), ['console', ...written, 'line', 'unfinished'].toSorted(), log);
        assert.match(lines.at(-3) ?? '', /^END /);
      }
    });

    // https://docs.aws.amazon.com/lambda/latest/dg/monitoring-cloudwatchlogs-advanced.html
    it('its log in JSON where LoggingConfig says so, the platform and the function each from their own level on', async () => {
      await hearth.create(
        'json',
        `console.log('loaded');
         export const handler = async (event, context) => {
           console.debug('left out');
           console.log('one', { two: 2 });
           console.info({ nested: { three: 3 } });
           console.error(new RangeError('shown'));
           if (event.fail) throw new TypeError('thrown');
           return [context.awsRequestId, process.env.AWS_LAMBDA_LOG_FORMAT, process.env.AWS_LAMBDA_LOG_LEVEL];
         };`,
        { LoggingConfig: { LogFormat: 'JSON', SystemLogLevel: 'DEBUG' } },
      );
      const { payload, log } = await hearth.invoke('json');
      const [id, format, level] = payload;
      assert.deepEqual([format, level], ['JSON', 'INFO']);
      const entries = log
        .split('\n')
        .slice(0, -1)
        .map((line) => JSON.parse(line));
      const kinds = (of: any[]) => of.map((entry) => entry.type ?? entry.level);
      assert.deepEqual(kinds(entries), [
        'platform.start',
        'INFO',
        'INFO',
        'ERROR',
        'platform.runtimeDone',
        'platform.report',
      ]);
      assert.deepEqual(entries[0].record, { requestId: id, version: '$LATEST' });
      assert.equal(entries[1].message, 'one { two: 2 }');
      assert.equal(entries[1].requestId, id);
      assert.deepEqual(entries[2].message, { nested: { three: 3 } });
      assert.equal(entries[3].message.errorType, 'RangeError');
      const { status, metrics } = entries[5].record;
      assert.equal(status, 'success');
      assert.ok(metrics.initDurationMs > 0 && metrics.billedDurationMs >= metrics.durationMs + metrics.initDurationMs);
      assert.ok(metrics.maxMemoryUsedMB > 0 && metrics.maxMemoryUsedMB <= metrics.memorySizeMB);
      const failed = (await hearth.invoke('json', { fail: true })).log.split('\n').slice(0, -1);
      const { type, record } = JSON.parse(failed.at(-1)!);
      assert.deepEqual([type, record.status, record.errorType], ['platform.report', 'error', 'TypeError']);
    });

    // https://docs.aws.amazon.com/lambda/latest/dg/services-xray.html
    it('the trace it belongs to where tracing is active, and its REPORT shows it', async () => {
      const { payload, log } = await traced('traced', { TracingConfig: { Mode: 'Active' } });
      assert.match(payload.variable, /^Root=1-[\da-f]{8}-[\da-f]{24};Parent=[\da-f]{16};Sampled=1$/);
      assert.equal(payload.context, payload.variable);
      const [, root, parent] = /^Root=(.*);Parent=(.*);/.exec(payload.variable) ?? [];
      assert.ok(log.endsWith(`\nXRAY TraceId: ${root}\tSegmentId: ${parent}\tSampled: true\t\n`), log);
      const untraced = await traced('untraced', {});
      assert.equal(untraced.payload.variable, undefined);
      assert.doesNotMatch(untraced.log, /XRAY/);
    });

    async function traced(name: string, settings: Parameters<Hearth['create']>[2]): Promise<any> {
      const body = 'return { variable: process.env._X_AMZN_TRACE_ID, context: context.xRayTraceId };';
      await hearth.create(name, `export const handler = async (event, context) => {${body}};`, settings);
      return hearth.invoke(name);
    }

    it('programs, threads, WebAssembly, timers and its own loopback', async () => {
      const seen = await answer(
        'node',
        `const { execFileSync } = await import('node:child_process');
         const { Worker } = await import('node:worker_threads');
         const { once } = await import('node:events');
         const { createServer } = await import('node:http');
         const worker = new Worker('require("node:worker_threads").parentPort.postMessage(6 * 7)', { eval: true });
         const [thread] = await once(worker, 'message');
         await worker.terminate();
         const bytes = [0, 97, 115, 109, 1, 0, 0, 0, 1, 7, 1, 96, 2, 127, 127, 1, 127, 3, 2, 1, 0, 7, 7, 1, 3, 97, 100, 100,
           0, 0, 10, 9, 1, 7, 0, 32, 0, 32, 1, 106, 11];
         const { instance } = await WebAssembly.instantiate(new Uint8Array(bytes));
         const server = createServer((request, response) => response.end('served ' + request.url)).listen(8080);
         await once(server, 'listening');
         const response = await fetch('http://localhost:8080/here');
         const fetched = await response.text();
         server.closeAllConnections();
         server.close();
         const before = Date.now();
         await new Promise((resolve) => setTimeout(resolve, 50));
         return {
           program: execFileSync('echo', ['hello'], { encoding: 'utf8' }),
           thread, sum: instance.exports.add(20, 3), fetched, waited: Date.now() - before >= 49,
         };`,
        { MemorySize: 512 },
      );
      assert.deepEqual(seen, { program: 'hello\n', thread: 42, sum: 23, fetched: 'served /here', waited: true });
    });

    it('cryptography and random numbers of its own', async () => {
      const body = `
        const { createHash, generateKeyPairSync, randomUUID, sign, verify } = await import('node:crypto');
        const { publicKey, privateKey } = generateKeyPairSync('ed25519');
        const signature = sign(null, Buffer.from('text'), privateKey);
        return {
          hash: createHash('sha256').update('abc').digest('hex'),
          verified: verify(null, Buffer.from('text'), publicKey, signature),
          uuid: randomUUID(), number: Math.random(), web: crypto.randomUUID(),
        };`;
      const [one, two] = [await answer('random-1', body), await answer('random-2', body)];
      // The example of FIPS 180-2.
      assert.equal(one.hash, 'ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad');
      assert.equal(one.verified, true);
      for (const name of ['uuid', 'number', 'web']) assert.notEqual(one[name], two[name], name);
    });

    it('a clean error for a name that does not exist', async () => {
      const code = await answer(
        'names',
        `const { lookup } = await import('node:dns/promises');
         return lookup('no-such-host.invalid').then(() => 'found', (error) => error.code);`,
      );
      assert.match(code, /^(ENOTFOUND|EAI_AGAIN)$/);
    });

    it('as much of /tmp as it was given', async () => {
      const megabytes = await answer(
        'storage',
        `const fs = await import('node:fs');
         const block = Buffer.alloc(1024 * 1024, 7);
         const file = fs.openSync('/tmp/big', 'w');
         let written = 0;
         try {
           for (;;) written += fs.writeSync(file, block);
         } catch (error) {
           if (error.code !== 'ENOSPC') throw error;
         }
         return Math.floor(written / 1024 / 1024);`,
        { EphemeralStorage: { Size: 1024 }, MemorySize: 512 },
      );
      assert.ok(megabytes >= 1024 && megabytes < 1130, String(megabytes));
    });

    it('events of 6 MB, and its answers reach the caller', async () => {
      await hearth.create('mirror', `export const handler = async (event) => event;`, { MemorySize: 512, Timeout: 30 });
      // With quotes and bytes of UTF-8 that cross the borders of frames.
      const text = 'äx€'.repeat(1_000_000).slice(0, 2_950_000);
      const event = { text };
      const size = Buffer.byteLength(JSON.stringify(event));
      assert.ok(size > 5_800_000 && size < 6_291_456, String(size));
      const { payload } = await hearth.invoke('mirror', event);
      assert.equal(payload.text === text, true);
    });
  });

  describe('is given', () => {
    it('the same sandbox again, and the answer says so', async () => {
      await hearth.create('again', WHO);
      const first = await hearth.invoke('again');
      const second = await hearth.invoke('again');
      assert.match(first.startPath, /^(spare|fork)$/);
      assert.equal(second.startPath, 'warm');
      assert.equal(first.payload, second.payload);
      const [, id] = /RequestId: (\S+)/.exec(second.log) ?? [];
      const record = await hearth.get(`/_hearth/invocations/${id}`);
      assert.equal(record.functionName, 'again');
      assert.equal(record.version, '$LATEST');
      assert.equal(record.account, '000000000000');
      assert.equal(record.startPath, 'warm');
      assert.equal(record.instanceStep, 'active');
      assert.equal(record.status, 'succeeded');
      assert.ok(record.reason.length > 0);
      assert.ok(record.times.started >= 0 && record.times.ended >= record.times.started, JSON.stringify(record.times));
      const { instances } = await hearth.get('/_hearth/fleet');
      const sandboxes = instances.flatMap((instance: any) => instance.sandboxes);
      assert.equal(sandboxes.filter((sandbox: any) => sandbox.function === 'again').length, 1);
      await assert.rejects(hearth.get('/_hearth/invocations/none'), /404/);
    });

    it('a sandbox for each of its invocations at one time', async () => {
      const answers = await Promise.all(Array.from({ length: 20 }, () => hearth.invoke('who', { ms: 2000 })));
      assert.equal(new Set(answers.map(({ payload }) => payload)).size, 20);
      for (const { error, log } of answers) assert.equal(error, undefined, log);
    });

    it('no time between its invocations', async () => {
      await hearth.create(
        'ticker',
        `let ticks = 0;
         setInterval(() => ticks++, 10);
         export const handler = async () => ticks;`,
      );
      const earlier = await hearth.invoke('ticker');
      // A second and a half, in which another function runs.
      await hearth.invoke('who', { ms: 1500 });
      const later = await hearth.invoke('ticker');
      assert.equal(later.startPath, 'warm');
      // 150 if it had run; a few may pass before the freeze and at the thaw.
      assert.ok(later.payload - earlier.payload < 50, `${later.payload - earlier.payload} ticks`);
    });

    it('a runtime started anew where NODE_OPTIONS asks for it', async () => {
      const files = {
        'index.mjs': `export const handler = async () => globalThis.instrumented;`,
        'instrument.cjs': `globalThis.instrumented = 'before the handler';`,
        // Takes longer to unpack than Node takes to start, which must wait for it.
        'large.bin': randomBytes(24 * 1024 * 1024),
      };
      await hearth.create('options', files, {
        Environment: { Variables: { NODE_OPTIONS: '--require /var/task/instrument.cjs' } },
        Timeout: 30,
      });
      const { payload, startPath, log } = await hearth.invoke('options');
      assert.equal(startPath, 'exec', log);
      const [, id] = /RequestId: (\S+)/.exec(log) ?? [];
      // Else the first sandbox failed, and this one found what that had fetched.
      assert.match((await hearth.get(`/_hearth/invocations/${id}`)).reason, /NODE_OPTIONS.*code fetched/);
      assert.equal(payload, 'before the handler', log);
      assert.equal((await hearth.invoke('options')).startPath, 'warm');
    });

    it('its new code once the update is done, and never the old again', async () => {
      const version = (number: number) => `export const handler = async () => ${number};`;
      await hearth.create('changing', version(1));
      assert.equal((await hearth.invoke('changing')).payload, 1);
      const client = hearth.client();
      for (const number of [2, 3]) {
        const ZipFile = await zipOf({ 'index.mjs': version(number) });
        await client.send(new UpdateFunctionCodeCommand({ FunctionName: 'changing', ZipFile }));
        await waitUntilFunctionUpdatedV2({ client, maxWaitTime: 30 }, { FunctionName: 'changing' });
        const answers = await Promise.all(Array.from({ length: 4 }, () => hearth.invoke('changing')));
        assert.deepEqual(
          answers.map(({ payload }) => payload),
          [number, number, number, number],
        );
      }
    });
  });
});
