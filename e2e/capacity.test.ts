/** Bought capacity with real instances, by the `hearth` command as a person would use it. docs/guides/capacity.md tells the same story. */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import * as fs from 'node:fs';
import { text } from 'node:stream/consumers';
import { after, before, describe, it } from 'node:test';
import { InvokeCommand, LambdaClient, TooManyRequestsException } from '@aws-sdk/client-lambda';
import { eventually } from './testing/eventually.ts';
import { Hearth, HEARTH } from './testing/hearth.ts';

const ACCOUNT = '000000000000';

const code = `
  export const handler = async ({ ms = 0 }) => {
    await new Promise((done) => setTimeout(done, ms));
    return 'done';
  };`;

interface Instance {
  id: string;
  pool: string;
  subPool: string;
  account: string | null;
  sandboxes: { state: string }[];
}

describe('bought capacity', () => {
  let hearth: Hearth;
  let data: string;
  let client: LambdaClient;

  before(async () => {
    data = fs.mkdtempSync('/var/tmp/hearth-e2e-capacity-');
    hearth = await Hearth.start({ data });
    client = hearth.client();
    await hearth.create('hello', code, { MemorySize: 1024, Timeout: 20 });
  });

  after(async () => {
    await hearth[Symbol.asyncDispose]();
    fs.rmSync(data, { recursive: true, force: true });
  });

  async function run(...args: string[]): Promise<{ status: number | null; stdout: string; stderr: string }> {
    const child = spawn(HEARTH, args, { env: hearth.environment(), stdio: ['ignore', 'pipe', 'pipe'] });
    const [[status], stdout, stderr] = await Promise.all([
      once(child, 'close') as Promise<[number | null]>,
      text(child.stdout),
      text(child.stderr),
    ]);
    return { status, stdout, stderr };
  }

  async function json(...args: string[]): Promise<any> {
    const { status, stdout, stderr } = await run(...args, '--json');
    assert.equal(status, 0, stderr);
    return JSON.parse(stdout);
  }

  async function get(path: string): Promise<any> {
    return hearth.get(`/_hearth/${path}`);
  }

  const invoke = async (ms = 0) => {
    const answer = await client.send(new InvokeCommand({ FunctionName: 'hello', Payload: JSON.stringify({ ms }) }));
    return { path: answer.$metadata.requestId! };
  };

  const own = async (id: string): Promise<Instance[]> =>
    ((await get('fleet')).instances as Instance[]).filter(({ subPool }) => subPool.endsWith(id));

  let id = '';

  it('is ready before any request, with the code of its functions (D2, D4)', async () => {
    const bought = await json('capacity', 'buy', 'dedicated', '--memory', '1300', '--function', 'hello');
    id = bought.id;
    assert.deepEqual(bought.instances, { target: 1, ready: 1, coming: 0, inUse: 0, lent: 0 });
    assert.equal(bought.account, ACCOUNT);
    assert.deepEqual(
      (await own(id)).map(({ pool, account }) => [pool, account]),
      [['warming', ACCOUNT]],
    );
  });

  it('serves the first invocation without a boot and without fetching code (D5)', async () => {
    const { path } = await invoke();
    const record = await get(`invocations/${path}`);
    assert.equal(record.pool, `dedicated/${id}`);
    assert.equal(record.instanceStep, 'warming');
    assert.equal(record.startPath, 'spare');
    assert.match(record.reason, /one was ready in dedicated\/.*code in the cache/);
  });

  it('overflows, or denies, as its account has chosen, and says so (D13, D14, D15)', async () => {
    const first = invoke(3_000);
    await eventually(async () => assert.ok((await own(id)).some(({ pool }) => pool === 'active')));
    await eventually(async () => {
      const { purchases } = await json('capacity', 'ls');
      assert.equal(purchases[0].running, 1);
    });
    const { path } = await invoke();
    const record = await get(`invocations/${path}`);
    assert.equal(record.pool, 'general');
    assert.match(record.reason, /lacks \d+ MB for one more; the account's policy is overflow/);
    await first;
    const set = await run('capacity', 'policy', ACCOUNT, 'deny');
    assert.equal(set.stdout, `Account ${ACCOUNT}: deny: requests are throttled.\n`);
    const second = invoke(3_000);
    await eventually(async () => assert.equal((await json('capacity', 'ls')).purchases[0].running, 1));
    await assert.rejects(invoke(), TooManyRequestsException);
    await second;
    await run('capacity', 'policy', ACCOUNT, 'wait', '--wait', '10s');
    const third = invoke(1_000);
    await eventually(async () => assert.equal((await json('capacity', 'ls')).purchases[0].running, 1));
    const waited = await invoke();
    await third;
    assert.equal((await get(`invocations/${waited.path}`)).pool, `dedicated/${id}`);
    await run('capacity', 'policy', ACCOUNT, 'overflow');
  });

  it('keeps sandboxes initialised where that is asked for (D5)', async () => {
    await hearth.create('ready', code, { MemorySize: 128 });
    const changed = await json('capacity', 'change', id, '--amount', '2', '--function', 'hello', 'ready=3');
    assert.equal(changed.instances.target, 2);
    await eventually(async () => {
      const idle = (await own(id)).flatMap(({ sandboxes }) => sandboxes).filter(({ state }) => state === 'idle');
      assert.ok(idle.length >= 3, JSON.stringify(await own(id)));
    });
    const answer = await client.send(new InvokeCommand({ FunctionName: 'ready' }));
    const record = await get(`invocations/${answer.$metadata.requestId}`);
    assert.equal(record.startPath, 'warm');
    assert.equal(record.pool, `dedicated/${id}`);
  });

  it('is listed and metered for people (D22)', async () => {
    const list = await run('capacity', 'ls');
    assert.match(list.stdout, /^PURCHASE +ACCOUNT +CLASS +AMOUNT +MB +STATE +READY +IN USE/);
    assert.match(list.stdout, new RegExp(`^${id} +${ACCOUNT} +dedicated +2 `, 'm'));
    assert.match(list.stdout, new RegExp(`^${ACCOUNT} +overflow: requests go on`, 'm'));
    const usage = await run('capacity', 'usage');
    assert.match(usage.stdout, new RegExp(`^${ACCOUNT} +dedicated +0\\.\\d{4} +0\\.\\d{4} +[1-9]`, 'm'));
    assert.match(usage.stdout, new RegExp(`^${ACCOUNT} +on-demand +0\\.0000 +0\\.\\d{4} +1 `, 'm'));
  });

  it('tells what is wrong and what to do about it', async () => {
    const large = await run('capacity', 'buy', 'dedicated', '--amount', '5000');
    assert.equal(large.status, 1);
    assert.match(
      large.stderr,
      /^hearth: InvalidParameterValueException: With it, what is bought comes to .* Hint: buy less/,
    );
    const none = await run('capacity', 'release', 'cap-0');
    assert.match(none.stderr, /no purchase "cap-0"\. Hint: hearth capacity ls/);
    const window = await run('capacity', 'buy', 'variable', '--window', 'mon 8-18');
    assert.match(window.stderr, /Not a time window: mon 8-18\nHint: Write it like "mon-fri 08:00-18:00"/);
  });

  it('is there again after a restart, and gone after its release (D4, D23)', async () => {
    await hearth[Symbol.asyncDispose]();
    hearth = await Hearth.start({ data });
    client = hearth.client();
    await eventually(async () => {
      const { purchases } = await json('capacity', 'ls');
      assert.deepEqual(
        purchases.map((one: { id: string; state: string }) => [one.id, one.state]),
        [[id, 'ready']],
      );
    });
    const released = await run('capacity', 'release', id);
    assert.equal(released.stdout, `Released ${id}; what runs there may finish.\n`);
    await eventually(async () => assert.deepEqual(await own(id), []));
    const { path } = await invoke();
    assert.equal((await get(`invocations/${path}`)).pool, 'general');
    assert.match(
      (await run('capacity', 'ls')).stdout,
      /^Nothing is bought\. Buy some: {2}hearth capacity buy dedicated/,
    );
  });
});
