/**
 * Changes of a function that runs, by the SDK.
 * Source: https://docs.aws.amazon.com/lambda/latest/dg/functions-states.html#functions-states-updating
 */
import assert from 'node:assert/strict';
import { hash } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, afterEach, before, beforeEach, test } from 'node:test';
import { setImmediate } from 'node:timers/promises';
import {
  CreateAliasCommand,
  CreateFunctionCommand,
  DeleteFunctionCommand,
  GetAliasCommand,
  GetFunctionConfigurationCommand,
  InvokeCommand,
  PublishVersionCommand,
  PutFunctionConcurrencyCommand,
  TagResourceCommand,
  UpdateAliasCommand,
  UpdateFunctionCodeCommand,
  UpdateFunctionConfigurationCommand,
  waitUntilFunctionUpdatedV2,
} from '@aws-sdk/client-lambda';
import type { LambdaClient } from '@aws-sdk/client-lambda';
import { RolloutError } from '@hearth/protocol';
import type { FunctionSpec } from '@hearth/protocol';
import type { Rollout } from '../../functions/ports.ts';
import { ApiServer, zipOf } from '../testing/api-server.ts';
import { newFunction } from '../testing/new-function.ts';

const ZIPS = (await Promise.all(
  [1, 2, 3].map((n) => zipOf({ 'index.js': `exports.handler = async () => ${n};` })),
)) as [Buffer, Buffer, Buffer];
const [ONE, TWO, THREE] = ZIPS;

/** What runs functions, in the hands of a test. */
class Stage implements Rollout {
  /** Functions of which something is warm. */
  readonly warm = new Set<string>();
  readonly preparing: { old: FunctionSpec; next: FunctionSpec; signal: AbortSignal; end: (error?: Error) => void }[] =
    [];
  unbegun: Promise<void> | undefined;

  isWarm({ functionName }: FunctionSpec): boolean {
    return this.warm.has(functionName);
  }

  prepare(old: FunctionSpec, next: FunctionSpec, signal: AbortSignal): Promise<void> | undefined {
    if (!this.isWarm(old)) return undefined;
    return new Promise((resolve, reject) => {
      signal.addEventListener('abort', () => reject(signal.reason as Error));
      const end = (error?: Error): void => (error === undefined ? resolve() : reject(error));
      this.preparing.push({ old, next, signal, end });
    });
  }

  begun(): Promise<void> | undefined {
    return this.unbegun;
  }
}

let directory: string;
let stage: Stage;
let server: ApiServer;
let client: LambdaClient;
const start = async (): Promise<void> => {
  server = await ApiServer.start({ data: directory, rollout: stage });
  server.functions.resumeUpdates();
  client = server.client();
  /** Answers with the code that ran. */
  server.run = async ({ spec }) => ({
    payload: Buffer.from(String(SHAS.indexOf(spec.code.sha256) + 1)),
    startPath: 'warm',
  });
};
before(async () => {
  directory = await mkdtemp(join(tmpdir(), 'hearth-updates-'));
});
after(() => rm(directory, { recursive: true }));

const NAME = 'f';
const ARN = `arn:aws:lambda:us-east-1:000000000000:function:${NAME}`;
const SHAS = ZIPS.map((zip) => hash('sha256', zip));
beforeEach(async () => {
  stage = new Stage();
  stage.warm.add(NAME);
  await start();

  await client.send(new CreateFunctionCommand(newFunction(NAME, ONE)));
});
afterEach(async () => {
  await client.send(new DeleteFunctionCommand({ FunctionName: NAME })).catch(() => undefined);
  await server[Symbol.asyncDispose]();
});

const update = (ZipFile: Buffer) => client.send(new UpdateFunctionCodeCommand({ FunctionName: NAME, ZipFile }));
const get = () => client.send(new GetFunctionConfigurationCommand({ FunctionName: NAME }));
const status = async () => (await get()).LastUpdateStatus;
const tag = (Tags: Record<string, string>) => client.send(new TagResourceCommand({ Resource: ARN, Tags }));
/** What an invocation ran, and why: `CODE REASON`. */
const invoke = async (consistency?: string, Qualifier?: string): Promise<string> => {
  const command = new InvokeCommand({ FunctionName: NAME, ...(Qualifier === undefined ? {} : { Qualifier }) });
  command.middlewareStack.add(
    (next) => (args) => {
      const { headers } = args.request as { headers: Record<string, string> };
      if (consistency !== undefined) headers['x-hearth-consistency'] = consistency;
      return next(args);
    },
    { step: 'build' },
  );
  const { Payload } = await client.send(command);
  return `${Buffer.from(Payload!).toString()} ${server.invocations.at(-1)!.reason}`;
};
/** Ends the one preparation that is under way. */
const prepared = async (error?: Error): Promise<void> => {
  assert.equal(stage.preparing.length, 1);
  stage.preparing.pop()!.end(error);
  for (let turn = 0; turn < 200 && server.functions !== undefined; turn++) {
    await setImmediate();
    if (stage.unbegun === undefined && (await status()) !== 'InProgress') return;
  }
};
const broken = () =>
  new RolloutError('FunctionError.RuntimeInitError', 'The function could not be loaded. Error: boom');
const conflict = {
  name: 'ResourceConflictException',
  message: `The operation cannot be performed at this time. An update is in progress for resource: ${ARN}`,
};

test('V5, V6: the old version serves until the new one is ready; the waiter waits for that', async () => {
  assert.equal((await update(TWO)).LastUpdateStatus, 'InProgress');
  assert.equal(await status(), 'InProgress');
  assert.equal(await invoke(), '1 stale-while-downloading');
  const waiting = waitUntilFunctionUpdatedV2({ client, maxWaitTime: 20, minDelay: 0.01 }, { FunctionName: NAME });
  await prepared();
  await waiting;
  assert.equal(await invoke(), '2 current');
});

test('V7: where nothing of the old version is warm the change is live at once', async () => {
  stage.warm.clear();
  await update(TWO);
  assert.equal(await status(), 'Successful');
  assert.equal(await invoke(), '2 current');
  assert.equal(stage.preparing.length, 0);
});

test('a change of configuration takes over in the same way', async () => {
  await client.send(new UpdateFunctionConfigurationCommand({ FunctionName: NAME, MemorySize: 256 }));
  const { old, next } = stage.preparing[0]!;
  assert.deepEqual([old.memoryMb, next.memoryMb], [128, 256]);
  assert.equal((await get()).MemorySize, 256);
  await prepared();
  await invoke();
  assert.equal(server.invocations.at(-1)!.spec, next);
});

test('it is not Successful before everything that was accepted for the old version has begun', async () => {
  const begun = Promise.withResolvers<void>();
  stage.unbegun = begun.promise;
  await update(TWO);
  stage.preparing.pop()!.end();
  for (let turn = 0; (await invoke()) !== '2 current'; turn++) assert.ok(turn < 500);
  assert.equal(await status(), 'InProgress');
  await assert.rejects(update(THREE), conflict);
  begun.resolve();
  for (let turn = 0; (await status()) !== 'Successful'; turn++) assert.ok(turn < 500);
});

test('an update during an update is refused; what is not code or configuration can be changed', async () => {
  await update(TWO);
  await assert.rejects(update(THREE), conflict);
  await assert.rejects(
    client.send(new UpdateFunctionConfigurationCommand({ FunctionName: NAME, Timeout: 5 })),
    conflict,
  );
  await assert.rejects(client.send(new PublishVersionCommand({ FunctionName: NAME })), conflict);
  await tag({ team: 'a' });
  await client.send(new PutFunctionConcurrencyCommand({ FunctionName: NAME, ReservedConcurrentExecutions: 3 }));
  assert.equal(await status(), 'InProgress');
  await prepared();
  assert.equal(await invoke(), '2 current');
  await update(THREE);
  await prepared();
  assert.equal(await invoke(), '3 current');
});

test('V17: a version that cannot be loaded never takes over, and the function says why, also after a restart', async () => {
  await update(TWO);
  await prepared(broken());
  const failed = async (): Promise<void> => {
    const { LastUpdateStatus, LastUpdateStatusReason, LastUpdateStatusReasonCode, State } = await get();
    assert.deepEqual(
      [State, LastUpdateStatus, LastUpdateStatusReasonCode, LastUpdateStatusReason],
      ['Active', 'Failed', 'FunctionError.RuntimeInitError', 'The function could not be loaded. Error: boom'],
    );
    assert.equal(await invoke(), '1 stale-update-failed');
    assert.equal(await invoke('immediate'), '2 current');
  };
  await failed();
  await server[Symbol.asyncDispose]();
  await start();
  await failed();
  await update(THREE);
  await prepared();
  assert.equal(await status(), 'Successful');
  assert.equal(await invoke(), '3 current');
});

test('V19: after an update that failed the old code can be deployed again', async () => {
  await update(TWO);
  await prepared(broken());
  await update(ONE);
  await prepared();
  assert.equal(await status(), 'Successful');
  assert.equal(await invoke(), '1 current');
});

test('an update that the end of the server has interrupted is taken up at its next start', async () => {
  await update(TWO);
  server.functions.pauseUpdates();
  await server[Symbol.asyncDispose]();
  stage.preparing.length = 0;
  await start();
  assert.equal(await status(), 'InProgress');
  assert.equal(await invoke(), '1 stale-while-downloading');
  await prepared();
  assert.equal(await status(), 'Successful');
  assert.equal(await invoke(), '2 current');
});

test('a function that is deleted during its update is gone, and another of its name has nothing of it', async () => {
  await update(TWO);
  const { signal, next } = stage.preparing[0]!;
  const abandoned: string[] = [];
  server.functions.on('abandoned', ({ key }) => abandoned.push(key));
  await client.send(new DeleteFunctionCommand({ FunctionName: NAME }));
  assert.ok(signal.aborted);
  assert.deepEqual(abandoned, [next.key]);
  await assert.rejects(get(), { name: 'ResourceNotFoundException' });
});

test('V12: with the policy immediate nothing stale is served, by tag or by header', async () => {
  await update(TWO);
  assert.equal(await invoke('immediate'), '2 current');
  assert.equal(await invoke(), '1 stale-while-downloading');
  await prepared();
  await tag({ 'hearth:consistency': 'immediate' });
  await update(THREE);
  assert.equal(await invoke(), '3 current');
  assert.equal(stage.preparing.length, 0);
});

test('V13: past the bound of staleness an invocation runs the new version, and waits for it', async () => {
  await tag({ 'hearth:consistency': 'eventual requests=2' });
  await update(TWO);
  const ran = [await invoke(), await invoke(), await invoke()];
  assert.deepEqual(ran, ['1 stale-while-downloading', '1 stale-while-downloading', '2 current']);
  assert.equal(await invoke('eventual requests=3'), '1 stale-while-downloading');
  assert.equal(await invoke('eventual seconds=60'), '1 stale-while-downloading');
  assert.equal(await invoke('eventual seconds=0'), '2 current');
  await prepared();
});

test('a policy that makes no sense is refused where it is set', async () => {
  const refused = { name: 'InvalidParameterValueException', message: /'maybe' of hearth:consistency is invalid/ };
  await assert.rejects(tag({ 'hearth:consistency': 'maybe' }), refused);
  await assert.rejects(tag({ 'hearth:canary': 'share=200 requests=1' }), { name: 'InvalidParameterValueException' });
  await assert.rejects(invoke('maybe'), { name: 'InvalidParameterValueException' });
});

test('V20: a canary runs its share, and takes over where it does well', async () => {
  await tag({ 'hearth:canary': 'share=25 requests=3' });
  await update(TWO);
  stage.preparing.pop()!.end();
  for (let turn = 0; (await invoke('eventual')) === '1 stale-while-downloading'; turn++) assert.ok(turn < 500);
  const ran: string[] = [];
  while (ran.filter((one) => one === '2 canary').length < 2) ran.push(await invoke());
  assert.equal(await status(), 'InProgress');
  assert.ok(ran.length >= 4 && ran.length <= 8, String(ran));
  assert.deepEqual(new Set(ran), new Set(['1 stale-during-canary', '2 canary']));
  for (const { report } of server.invocations) report?.(false);
  for (let turn = 0; (await status()) === 'InProgress'; turn++) {
    assert.ok(turn < 500);
    await invoke();
    server.invocations.at(-1)!.report?.(false);
  }
  assert.equal(await invoke(), '2 current');
});

test('V20: a canary with too many errors is rolled back, and the function says so', async () => {
  await tag({ 'hearth:canary': 'share=50 errors=10 requests=10' });
  await update(TWO);
  stage.preparing.pop()!.end();
  for (let turn = 0; (await status()) === 'InProgress'; turn++) {
    assert.ok(turn < 500);
    await invoke();
    server.invocations.at(-1)!.report?.(true);
  }
  const { LastUpdateStatus, LastUpdateStatusReason, LastUpdateStatusReasonCode } = await get();
  assert.deepEqual([LastUpdateStatus, LastUpdateStatusReasonCode], ['Failed', 'FunctionError']);
  assert.match(LastUpdateStatusReason!, /^The canary was rolled back: 2 of 2 invocations .* more than 10 %\.$/);
  assert.equal(await invoke(), '1 stale-update-failed');
});

test('an alias moves when the version that it is to point to is ready; what cannot take over is refused', async () => {
  const publish = async (zip: Buffer): Promise<void> => {
    stage.warm.clear();
    await update(zip);
    await client.send(new PublishVersionCommand({ FunctionName: NAME }));
    stage.warm.add(NAME);
  };
  await publish(ONE);
  await publish(TWO);
  await client.send(new CreateAliasCommand({ FunctionName: NAME, Name: 'live', FunctionVersion: '1' }));
  const move = (FunctionVersion: string) =>
    client.send(new UpdateAliasCommand({ FunctionName: NAME, Name: 'live', FunctionVersion }));
  assert.equal(await invoke(undefined, '1'), '1 pinned');
  const moving = move('2');
  while (stage.preparing.length === 0) await setImmediate();
  assert.deepEqual(
    [stage.preparing[0]!.old, stage.preparing[0]!.next].map(({ version }) => version),
    ['1', '2'],
  );
  assert.equal(await invoke(undefined, 'live'), '1 current');
  stage.preparing.pop()!.end();
  await moving;
  assert.equal(await invoke(undefined, 'live'), '2 current');
  const back = assert.rejects(move('1'), {
    name: 'InvalidParameterValueException',
    message:
      "Version 1 can't take over from version 2, to which live still points. The function could not be loaded. Error: boom",
  });
  while (stage.preparing.length === 0) await setImmediate();
  stage.preparing.pop()!.end(broken());
  await back;
  assert.equal((await client.send(new GetAliasCommand({ FunctionName: NAME, Name: 'live' }))).FunctionVersion, '2');
});
