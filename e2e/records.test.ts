/** What is written down of each invocation, with real sandboxes: how soon it started, how, and why that way. */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { text } from 'node:stream/consumers';
import { after, before, describe, it } from 'node:test';
import { InvokeCommand, PutFunctionConcurrencyCommand } from '@aws-sdk/client-lambda';
import { eventually } from './testing/eventually.ts';
import { Hearth, HEARTH } from './testing/hearth.ts';

/** The most that may pass between a request and the start of its execution where any of the four conditions holds. */
const START_LIMIT_MS = 100;

const CODE = `
  export const handler = async ({ ms = 0, say, error, exit }) => {
    if (say) console.log(say);
    await new Promise((resolve) => setTimeout(resolve, ms));
    if (exit) process.exit(1);
    if (error) throw new TypeError('as asked');
    return 'done';
  };`;

describe('the record of an invocation', () => {
  let hearth: Hearth;

  before(async () => {
    hearth = await Hearth.start({ settings: { instances: 1, instanceMemoryMb: 1024, maxMemoryMb: 4096 } });
    await hearth.create('one', CODE, { Timeout: 10 });
    await hearth.create('other', `${CODE} // another`, { Timeout: 1 });
    await hearth.create('large', CODE, { MemorySize: 1600 });
  });

  after(() => hearth[Symbol.asyncDispose]());

  const invoke = async (name: string, event: object = {}): Promise<string> => {
    const command = new InvokeCommand({ FunctionName: name, Payload: JSON.stringify(event) });
    const answer = await hearth.client().send(command);
    return answer.$metadata.requestId!;
  };

  const recordOf = (requestId: string) => hearth.get(`/_hearth/invocations/${requestId}`);

  /** The steps of the ladder, the one that gave the sandbox marked. */
  const steps = ({ ladder }: { ladder: { step: string; taken: boolean }[] }) =>
    ladder.map(({ step, taken }) => (taken ? `${step}!` : step)).join(' ');

  async function why(requestId: string): Promise<string> {
    const child = spawn(HEARTH, ['why', requestId], {
      env: hearth.environment(),
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    const [[code], stdout] = await Promise.all([once(child, 'close') as Promise<[number | null]>, text(child.stdout)]);
    assert.equal(code, 0);
    return stdout;
  }

  it('starts within 100 ms, and says how, where the warming pool, an instance or a sandbox will do (L6, L17, T8, T9)', async () => {
    const fromPool = await recordOf(await invoke('one'));
    assert.deepEqual([steps(fromPool), fromPool.instanceStep], ['idle code room warming!', 'warming']);
    assert.match(fromPool.reason, /^no instance of the account has room; one was warm/);

    const loaded = await recordOf(await invoke('one'));
    assert.deepEqual([steps(loaded), loaded.startPath, loaded.instanceStep], ['idle!', 'warm', 'active']);
    assert.equal(loaded.sandbox, fromPool.sandbox);
    assert.equal(loaded.reason, 'an idle sandbox of this version');

    // A second one at a time finds the first one's sandbox busy, and its instance with the code.
    const busy = invoke('one', { ms: 500 });
    await new Promise((resolve) => setTimeout(resolve, 100));
    const cached = await recordOf(await invoke('one'));
    await busy;
    assert.deepEqual([steps(cached), cached.instanceStep], ['idle code!', 'active']);
    assert.equal(cached.instance, fromPool.instance);

    const withRoom = await recordOf(await invoke('other'));
    assert.deepEqual([steps(withRoom), withRoom.instanceStep], ['idle code room!', 'active']);
    assert.equal(withRoom.instance, fromPool.instance);
    assert.equal(withRoom.ladder[1].why, 'no instance of the account has the code');

    for (const record of [fromPool, loaded, cached, withRoom]) {
      assert.equal(record.status, 'succeeded');
      assert.equal(record.pool, 'general');
      assert.ok(record.times.started < START_LIMIT_MS, `${steps(record)} started after ${record.times.started} ms`);
    }
    for (const record of [fromPool, cached, withRoom]) {
      assert.ok(['spare', 'fork'].includes(record.startPath), record.startPath);
      const { placed, initialised, started, ended } = record.times;
      assert.ok(0 < placed && placed <= initialised && initialised <= started && started <= ended);
      assert.ok(record.costs.code >= 0 && record.costs.sandbox >= 0 && record.costs.boot === undefined);
    }
  });

  it('says that an instance had to be made, and what that took (L8)', async () => {
    // Larger than any instance of the pool.
    const record = await recordOf(await invoke('large'));
    assert.deepEqual([steps(record), record.instanceStep], ['idle code room warming wait boot!', 'boot']);
    assert.ok(record.costs.boot > 0 && record.times.placed >= record.costs.boot, JSON.stringify(record));
    const story = await why(record.requestId);
    assert.match(story, /^large of account 000000000000 succeeded after /);
    assert.match(story, /boot +making the instance took [\d.]+ m?s\n/);
    assert.match(story, /yes {2}an instance made for it/);
  });

  it('is told while it runs, and after it has failed, timed out, died or been throttled (L19)', async () => {
    const running = invoke('one', { ms: 3_000, say: 'here' });
    // The id of one that runs is in its log before it has its answer.
    const line = await eventually(async () => {
      const lines = await (await fetch(`${hearth.url}/_hearth/logs?function=one`)).text();
      const [, id] = /([\da-f-]{36})\\tINFO\\there/.exec(lines) ?? [];
      assert.ok(id !== undefined, lines);
      return id;
    });
    assert.match(await why(line), /^one of account 000000000000 runs, .* after it came\.\n/);
    assert.equal(await running, line);
    const failed = await invoke('one', { error: true });
    assert.match(await why(failed), /^one of account 000000000000 failed after .*: TypeError\n/);
    const timedOut = await invoke('other', { ms: 5_000 });
    assert.match(await why(timedOut), /^other .* timed out after 1\.\d s: .*Task timed out after 1\.00 seconds/);
    const died = await invoke('other', { exit: true });
    assert.match(await why(died), /^other .* lost its sandbox after .*: .*exit status 1/);
    const client = hearth.client();
    await client.send(new PutFunctionConcurrencyCommand({ FunctionName: 'other', ReservedConcurrentExecutions: 0 }));
    const error = await invoke('other').catch((thrown: { $metadata: { requestId: string } }) => thrown);
    const { requestId } = (error as { $metadata: { requestId: string } }).$metadata;
    assert.equal((await recordOf(requestId)).status, 'throttled');
    assert.match(
      await why(requestId),
      /^other .* was throttled, and did not run: the function's reserved concurrency is 0/,
    );
  });
});

describe('advice about memory', () => {
  it('is given for a function that is killed for want of it, and followed by one that is not (N3)', async () => {
    await using hearth = await Hearth.start();
    const code = `
      const kept = [];
      export const handler = async ({ mb }) => {
        for (let i = 0; i < mb; i++) kept.push(Buffer.alloc(1024 * 1024, 1));
        return kept.length;
      };`;
    await hearth.create('hungry', code, { MemorySize: 128 });
    for (let i = 0; i < 22; i++) await hearth.invoke('hungry', { mb: i < 20 ? 0 : 200 });
    const { functions } = await hearth.get('/_hearth/advice');
    const [hungry] = functions;
    assert.deepEqual([hungry.functionName, hungry.executions, hungry.outOfMemory], ['hungry', 22, 2]);
    assert.deepEqual(hungry.advice, { memoryMb: 256, why: '2 of the last 22 invocations ran out of memory' });
    const child = spawn(HEARTH, ['advise'], { env: hearth.environment(), stdio: ['ignore', 'pipe', 'inherit'] });
    assert.match(await text(child.stdout), /^hungry .* 256 MB +2 of the last 22 invocations ran out of memory$/m);
  });
});

describe('hearth ps --watch', () => {
  it('shows the warming pool empty and fill again while accounts come at once (A1)', async () => {
    await using hearth = await Hearth.start({ settings: { instances: 1, instanceMemoryMb: 1024, maxMemoryMb: 8192 } });
    const accounts = ['111111111111', '222222222222', '333333333333'];
    for (const account of accounts) await hearth.create('one', CODE, {}, account);
    const args = ['ps', '--watch', '--json'];
    const child = spawn(HEARTH, args, { env: hearth.environment(), stdio: ['ignore', 'pipe', 'inherit'] });
    const looks: { ready: number; booting: number; active: number }[] = [];
    const lines = createInterface({ input: child.stdout });
    lines.on('line', (line) => {
      const { warmingPool, instances } = JSON.parse(line) as {
        warmingPool: { general: { configurations: { ready: number; booting: number }[] } };
        instances: { pool: string }[];
      };
      const [{ ready, booting }] = warmingPool.general.configurations as [{ ready: number; booting: number }];
      looks.push({ ready, booting, active: instances.filter(({ pool }) => pool === 'active').length });
    });
    await eventually(() => assert.ok(looks.some(({ ready }) => ready >= 1)));
    looks.length = 0;
    await Promise.all(accounts.map((account) => hearth.invoke('one', {}, account)));
    await eventually(() => {
      const { ready, active } = looks.at(-1)!;
      assert.ok(ready >= 1 && active === 3, JSON.stringify(looks));
    }, 60_000);
    assert.ok(
      looks.some(({ ready, booting }) => ready === 0 || booting > 0),
      `it was never seen to be short: ${JSON.stringify(looks)}`,
    );
    const ended = once(child, 'close');
    child.kill('SIGINT');
    assert.deepEqual(await ended, [0, null]);
  });
});
